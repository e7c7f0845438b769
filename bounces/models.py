"""What came back: bounces and complaints."""

from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models.functions import Now

from subscribers.models import Subscriber

if TYPE_CHECKING:
    from listmonk_py.accounts.models import User


class BounceQuerySet(models.QuerySet["Bounce"]):
    def visible_to(self, user: "User") -> Self:
        """Bounces of the people the user may see."""
        if not user.may("bounces:get", "bounces:manage"):
            return self.none()
        ids = user.readable_list_ids()
        if ids is None or user.may("subscribers:get_all"):
            return self
        return self.filter(subscriber__in=Subscriber.objects.visible_to(user))


class Bounce(models.Model):
    """One bounce or complaint of one subscriber."""

    class Type(models.TextChoices):
        SOFT = "soft"
        HARD = "hard"
        COMPLAINT = "complaint"

    # Cascades in the database (migration 0002), so that deleting people is one statement.
    subscriber = models.ForeignKey(
        "subscribers.Subscriber", on_delete=models.DO_NOTHING, db_constraint=False, related_name="bounces"
    )
    campaign = models.ForeignKey(
        "campaigns.Campaign", null=True, blank=True, on_delete=models.SET_NULL, related_name="bounce_rows"
    )
    type = models.TextField(choices=Type.choices, default=Type.HARD)
    source = models.TextField(blank=True, default="")
    # The provider's own id of the event; the same event twice is one row.
    event_id = models.TextField("ID of the event at its source", null=True, blank=True)
    meta = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField("received", db_default=Now())

    objects = BounceQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(type__in=["soft", "hard", "complaint"]), name="bounce_type_is_known"
            ),
            models.UniqueConstraint(fields=("source", "event_id"), name="bounce_event_once_per_source"),
        )
        indexes = (
            # GET /api/bounces, newest first.
            models.Index(fields=["-created_at", "-id"], name="bounce_newest"),
            # GET /api/bounces?source=...
            models.Index(fields=["source", "-created_at"], name="bounce_source"),
            # The listing in the admin, by type and by source, newest first.
            models.Index(fields=["type", "id"], name="bounce_type_id"),
            models.Index(fields=["source", "id"], name="bounce_source_id"),
        )

    def __str__(self) -> str:
        return f"{self.type} bounce of subscriber {self.subscriber_id}"


class MailboxScan(models.Model):
    """The last look into a bounce mailbox of the settings, and who is looking now.

    The lease is PostgreSQL's clock's: a scanner that is killed is succeeded when it runs out.
    """

    mailbox = models.UUIDField(primary_key=True)
    token = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    # Of the last scan.
    mails_read = models.BigIntegerField(default=0)
    bounces = models.BigIntegerField(default=0)
    passed_over = models.BigIntegerField(default=0)
    kept_aside = models.BigIntegerField(default=0)
    mails_left = models.BigIntegerField(default=0)
    # How many of the first mails the next scan leaves out, because the connection broke at them.
    stuck = models.IntegerField(default=0)
    # Why it could not be finished; blank when it was.
    error = models.TextField(blank=True, default="")

    def __str__(self) -> str:
        return f"scan of mailbox {self.mailbox}"


class AsideMailQuerySet(models.QuerySet["AsideMail"]):
    def visible_to(self, user: "User") -> Self:
        """All of them, for who may see everybody's bounces: whom such a mail is about is not known."""
        if not user.may("bounces:get", "bounces:manage"):
            return self.none()
        if user.readable_list_ids() is None or user.may("subscribers:get_all"):
            return self
        return self.none()


class AsideMail(models.Model):
    """A mail of a bounce mailbox that was not understood, kept for staff; the mailbox does not have it any more."""

    mailbox = models.UUIDField()
    host = models.TextField("mailbox")
    # Of what was read of the mail, so that reading it again changes nothing.
    digest = models.TextField()
    sender = models.TextField("from", blank=True, default="")
    subject = models.TextField(blank=True, default="")
    reason = models.TextField("why", blank=True, default="")
    content = models.BinaryField()
    created_at = models.DateTimeField("read", db_default=Now())

    objects = AsideMailQuerySet.as_manager()

    class Meta:
        verbose_name = "mail not understood"
        verbose_name_plural = "mails not understood"
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(fields=("mailbox", "digest"), name="aside_mail_once_per_mailbox"),
        )

    def __str__(self) -> str:
        return self.subject or self.sender or "a mail without a subject"
