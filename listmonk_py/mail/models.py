"""Which recipient domains belong to one mailbox provider; and the product's own mails, until they are out."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now


class DomainGroup(models.Model):
    """A mailbox provider: recipients at `domains` share one rate. `domains.py` has the defaults."""

    name = models.TextField(unique=True)
    domains = ArrayField(models.TextField(), default=list)
    # Messages per window to all domains together; null is no limit of its own.
    rate = models.FloatField(
        "messages per window", null=True, blank=True, help_text="Messages per window; empty is no limit."
    )
    window_s = models.FloatField(
        "window in seconds", default=1.0, help_text="Length of the window in seconds."
    )
    is_sliding = models.BooleanField(
        "sliding window",
        default=False,
        help_text="Count exactly: never more in any stretch of the window. Otherwise messages flow evenly.",
    )
    updated_at = models.DateTimeField("last changed", auto_now=True)

    class Meta:
        verbose_name = "mailbox provider"
        ordering = ("name",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(rate=None) | models.Q(rate__gt=0), name="domain_group_rate_is_positive"
            ),
            models.CheckConstraint(
                condition=models.Q(window_s__gt=0), name="domain_group_window_is_positive"
            ),
            models.CheckConstraint(
                condition=models.Q(is_sliding=False) | models.Q(rate=None) | models.Q(rate__gte=1),
                name="domain_group_sliding_window_lets_one_through",
                violation_error_message="A sliding window must allow at least one message.",
            ),
        )

    def __str__(self) -> str:
        return self.name


class SystemMail(models.Model):
    """A mail that the product itself writes (see `system.py`): stored, then sent, then kept for a while."""

    class Status(models.TextChoices):
        WAITING = "waiting"
        SENT = "sent"
        FAILED = "failed"

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    template = models.TextField()
    to = models.TextField()
    subject = models.TextField()
    # Emptied once the mail is out: what it says may be a secret, such as a link to set a password.
    html = models.TextField(blank=True, default="")
    headers = models.JSONField(default=list)
    # [name, content type, base64] each.
    attachments = models.JSONField(default=list)
    status = models.TextField(choices=Status.choices, default=Status.WAITING)
    attempts = models.SmallIntegerField(default=0)
    # When it is tried next; while it is being sent, when the attempt counts as lost.
    next_at = models.DateTimeField(db_default=Now())
    error = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ("-id",)
        indexes = (
            # What is due; the rest, nearly all, is not in it.
            models.Index(
                fields=["next_at"], name="system_mail_waiting", condition=models.Q(status="waiting")
            ),
        )

    def __str__(self) -> str:
        return f"{self.template} to {self.to}"
