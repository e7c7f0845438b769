"""Transactional mail as rows: stored before it is answered, leased, sent once or flagged."""

import uuid
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models.functions import Now

if TYPE_CHECKING:
    from listmonk_py.accounts.models import User


# The statuses of messages that staff look for.
TROUBLED = ("deferred", "failed", "skipped", "unknown")


class TxMessageQuerySet(models.QuerySet["TxMessage"]):
    def visible_to(self, user: "User") -> Self:
        return self if user.may("tx:send") else self.none()


class TxMessage(models.Model):
    """One message to one recipient."""

    class Status(models.TextChoices):
        QUEUED = "queued"
        SENDING = "sending"
        SENT = "sent"
        DEFERRED = "deferred"
        FAILED = "failed"
        SKIPPED = "skipped"
        UNKNOWN = "unknown"

    uuid = models.UUIDField("UUID", default=uuid.uuid4, unique=True, editable=False)
    request = models.UUIDField(
        "request it came with"
    )  # the API call it came with; several recipients share it
    idempotency_key = models.TextField("idempotency key", null=True, blank=True)
    by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    email = models.TextField()
    # Set to null by the database (migration 0002), so that deleting people is one statement.
    subscriber = models.ForeignKey(
        "subscribers.Subscriber",
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="+",
    )
    template = models.ForeignKey("campaigns.Template", null=True, on_delete=models.SET_NULL, related_name="+")
    messenger = models.TextField(default="email")
    # Everything needed to render it: subject, data, headers, from_email, altbody, content_type.
    payload = models.JSONField(default=dict)
    status = models.TextField(choices=Status.choices, default=Status.QUEUED)
    code = models.SmallIntegerField("reply code", default=0)
    text = models.TextField("reply", blank=True, default="")
    attempts = models.SmallIntegerField(default=0)
    possible_duplicate = models.BooleanField("possibly a duplicate", default=False)
    token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    next_at = models.DateTimeField("next attempt", db_default=Now())
    created_at = models.DateTimeField("created", db_default=Now(), editable=False)
    updated_at = models.DateTimeField("last changed", auto_now=True)

    objects = TxMessageQuerySet.as_manager()

    class Meta:
        verbose_name = "transactional message"
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("by", "idempotency_key", "email"), name="tx_idempotency_key_once_per_user"
            ),
        )
        indexes = (
            # The scan: what is waiting or was left by a killed worker.
            models.Index(
                fields=["next_at"],
                name="tx_open",
                condition=models.Q(status__in=["queued", "sending", "deferred"]),
            ),
            # The listing in the admin: what somebody got, newest first.
            models.Index(fields=["email", "id"], name="tx_email"),
            # The same by a status that few have; a message that arrives is never in it.
            models.Index(
                fields=["status", "id"], name="tx_troubled", condition=models.Q(status__in=TROUBLED)
            ),
        )

    def __str__(self) -> str:
        return f"{self.email}: {self.status}"


class TxAttachment(models.Model):
    """A file of a transactional request, shared by its recipients, gone when they are settled."""

    request = models.UUIDField(db_index=True)  # read when a message of the request is rendered
    filename = models.TextField()
    content_type = models.TextField(default="application/octet-stream")
    content = models.BinaryField()

    def __str__(self) -> str:
        return self.filename
