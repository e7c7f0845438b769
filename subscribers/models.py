"""People, lists, and who is on which list."""

import uuid
from typing import TYPE_CHECKING, Any, Self

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Left, Lower, Now

if TYPE_CHECKING:
    from listmonk_py.accounts.models import User

# How much of a name decides its place in a listing that is ordered by name.
NAME_ORDER_CHARACTERS = 60


class ListQuerySet(models.QuerySet["List"]):
    def visible_to(self, user: "User") -> Self:
        """The lists whose names, counts and people the user may see."""
        ids = user.readable_list_ids()
        return self if ids is None else self.filter(pk__in=ids)

    def manageable_by(self, user: "User") -> Self:
        ids = user.manageable_list_ids()
        return self if ids is None else self.filter(pk__in=ids)

    def public(self) -> Self:
        """Offered to strangers: on the form, in the public feed, on the preferences page."""
        return self.filter(type=List.Type.PUBLIC, status=List.Status.ACTIVE)


class List(models.Model):
    """A mailing list."""

    class Type(models.TextChoices):
        PUBLIC = "public"
        PRIVATE = "private"

    class Optin(models.TextChoices):
        SINGLE = "single"
        DOUBLE = "double"

    class Status(models.TextChoices):
        ACTIVE = "active"
        ARCHIVED = "archived"

    uuid = models.UUIDField("UUID", default=uuid.uuid4, unique=True, editable=False)
    name = models.TextField()
    type = models.TextField(choices=Type.choices, default=Type.PRIVATE)
    optin = models.TextField("opt-in", choices=Optin.choices, default=Optin.SINGLE)
    status = models.TextField(choices=Status.choices, default=Status.ACTIVE)
    tags = ArrayField(models.TextField(), default=list, blank=True)
    description = models.TextField(blank=True, default="")
    created_at = models.DateTimeField("created", db_default=Now(), editable=False)
    updated_at = models.DateTimeField("last changed", auto_now=True)

    objects = ListQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(type__in=["public", "private"]), name="list_type_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(optin__in=["single", "double"]), name="list_optin_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=["active", "archived"]), name="list_status_is_known"
            ),
        )
        # No indexes beyond the keys: even a large installation has hundreds of lists, read in one page.

    def __str__(self) -> str:
        return self.name


class SubscriberQuerySet(models.QuerySet["Subscriber"]):
    def visible_to(self, user: "User", *, above: int = 0, below: int = 0) -> Self:
        """The people the user may see: all, or those on a list the user may read.

        Only ids between `above` and `below` (0: no bound), which keeps a walk in steps linear.
        """
        if not user.may("subscribers:get", "subscribers:get_all"):
            return self.none()
        return self._within(user, above, below)

    def manageable_by(self, user: "User", *, above: int = 0, below: int = 0) -> Self:
        """The people the user may change; a user without readable lists manages none."""
        if not user.may("subscribers:manage"):
            return self.none()
        return self._within(user, above, below)

    def _within(self, user: "User", above: int, below: int) -> Self:
        found = self.filter(pk__gt=above) if above else self
        found = found.filter(pk__lt=below) if below else found
        ids = user.readable_list_ids()
        if ids is None or user.may("subscribers:get_all"):
            return found
        subscriptions = Subscription.objects.filter(list_id__in=ids).between(above, below)
        return found.filter(models.Exists(subscriptions.filter(subscriber=models.OuterRef("pk"))))

    def with_email(self, email: str) -> Self:
        """By address in any case; matches the unique index on lower(email)."""
        return self.alias(lowered=Lower("email")).filter(lowered=email.strip().lower())


class Subscriber(models.Model):
    """A person with an address. Blocklisted means: never mailed again."""

    class Status(models.TextChoices):
        ENABLED = "enabled"
        DISABLED = "disabled"
        BLOCKLISTED = "blocklisted"

    uuid = models.UUIDField("UUID", default=uuid.uuid4, unique=True, editable=False)
    email = models.TextField()
    name = models.TextField(blank=True, default="")
    attribs = models.JSONField("attributes", default=dict, blank=True)
    status = models.TextField(choices=Status.choices, default=Status.ENABLED)
    created_at = models.DateTimeField("created", db_default=Now(), editable=False)
    updated_at = models.DateTimeField("last changed", auto_now=True)

    objects = SubscriberQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        constraints = (
            # Also serves `with_email` and the import's ON CONFLICT.
            models.UniqueConstraint(Lower("email"), name="subscriber_email_is_unique"),
            models.CheckConstraint(
                condition=models.Q(status__in=["enabled", "disabled", "blocklisted"]),
                name="subscriber_status_is_known",
            ),
        )
        indexes = (
            # Segments and raw conditions on attributes: attribs @> '{"city": "..."}'.
            GinIndex(fields=["attribs"], name="subscriber_attribs", opclasses=["jsonb_path_ops"]),
            # GET /api/subscribers?order_by=created_at, and "joined since" segments.
            models.Index(fields=["created_at", "id"], name="subscriber_created"),
            # GET /api/subscribers?order_by=updated_at.
            models.Index(fields=["updated_at", "id"], name="subscriber_updated"),
            # GET /api/subscribers?order_by=status; maintenance and filters on the few who are not enabled.
            models.Index(fields=["status", "id"], name="subscriber_status"),
            # GET /api/subscribers?order_by=name. Its beginning only: a B-tree entry has 2,704 bytes at most.
            models.Index(Left(Lower("name"), NAME_ORDER_CHARACTERS), "id", name="subscriber_name"),
        )

    def __str__(self) -> str:
        return self.email


class SubscriptionQuerySet(models.QuerySet["Subscription"]):
    def visible_to(self, user: "User") -> Self:
        ids = user.readable_list_ids()
        return self if ids is None else self.filter(list_id__in=ids)

    def active(self) -> Self:
        return self.exclude(status=Subscription.Status.UNSUBSCRIBED)

    def between(self, above: int, below: int) -> Self:
        """Of people with ids between these bounds (0: none).

        Stated beside the same bounds on the people, because PostgreSQL carries no inequality across a
        join: it would read a list's subscriptions from the start. A page near the end of a list of
        20,000: 201 blocks with the bound on one side, 6 with both.
        """
        found = self.filter(subscriber_id__gt=above) if above else self
        return found.filter(subscriber_id__lt=below) if below else found


class Subscription(models.Model):
    """One person on one list.

    The key leads with the list and carries the status (migration 0002), so that walking a list's
    members in order of id never leaves the index. Foreign keys cascade in the database.
    """

    class Status(models.TextChoices):
        UNCONFIRMED = "unconfirmed"
        CONFIRMED = "confirmed"
        UNSUBSCRIBED = "unsubscribed"

    pk = models.CompositePrimaryKey("list_id", "subscriber_id")
    list = models.ForeignKey(
        List, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="subscriptions"
    )
    subscriber = models.ForeignKey(
        Subscriber, on_delete=models.DO_NOTHING, db_constraint=False, related_name="subscriptions"
    )
    status = models.TextField(choices=Status.choices, default=Status.UNCONFIRMED)
    meta = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    objects = SubscriptionQuerySet.as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=models.Q(status__in=["unconfirmed", "confirmed", "unsubscribed"]),
                name="subscription_status_is_known",
            ),
        )
        indexes = (
            # The listing in the admin of who has left a list, who may be few among millions. An import, which
            # writes none of these rows, does not pay for it.
            models.Index(
                fields=["list", "subscriber"],
                name="subscription_left",
                condition=models.Q(status="unsubscribed"),
            ),
        )

    def __str__(self) -> str:
        return f"subscriber {self.subscriber_id} on list {self.list_id}"


class SegmentQuerySet(models.QuerySet["Segment"]):
    def visible_to(self, user: "User") -> Self:
        """All of them, for whoever works with people: a rule says nothing about any one person."""
        may = user.may("subscribers:get", "subscribers:get_all", "subscribers:manage")
        return self if may else self.none()

    def manageable_by(self, user: "User") -> Self:
        """All, or for a user whose view is limited to some lists those that they made themselves.

        A segment decides who gets a campaign, so changing it reaches beyond one's own lists.
        """
        if not user.may("subscribers:manage"):
            return self.none()
        unlimited = user.readable_list_ids() is None or user.may("subscribers:get_all")
        return self if unlimited else self.filter(owner=user)


class Segment(models.Model):
    """A rule about people under a name. It is evaluated whenever it is used; nothing keeps who fits."""

    uuid = models.UUIDField("UUID", default=uuid.uuid4, unique=True, editable=False)
    name = models.TextField()
    description = models.TextField(blank=True, default="")
    # As `segments.rules.canonical` returns it.
    rule: Any = models.JSONField()
    owner = models.ForeignKey(
        "accounts.User", null=True, blank=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField("created", db_default=Now(), editable=False)
    updated_at = models.DateTimeField("last changed", auto_now=True)

    objects = SegmentQuerySet.as_manager()

    class Meta:
        ordering = ("name", "id")
        constraints = (models.UniqueConstraint(Lower("name"), name="segment_name_is_unique"),)

    def __str__(self) -> str:
        return self.name


class Tally(models.Model):
    """A part of a count: add up `change` to know how many there are (see `counts.py`).

    Triggers write the rows (migration 0003); `counts.compact` adds them together now and then.
    """

    # Null: people by status; else the subscriptions of this list by status. No foreign key: what is
    # left of a deleted list adds up to zero and is compacted away.
    list_id = models.BigIntegerField(null=True)
    status = models.TextField()
    change = models.BigIntegerField()

    class Meta:
        # The counts of one page of lists, while many rows wait to be compacted.
        indexes = (models.Index(fields=["list_id", "status"], name="tally_list"),)

    def __str__(self) -> str:
        return f"{self.change:+d} {self.status} on list {self.list_id}"


class ImportJob(models.Model):
    """One import: its parameters, how far it is, and how it ended. The file lies in DATA_DIR/imports."""

    class Status(models.TextChoices):
        NONE = "none"
        IMPORTING = "importing"
        STOPPING = "stopping"
        FINISHED = "finished"
        FAILED = "failed"

    uuid = models.UUIDField("UUID", default=uuid.uuid4, unique=True, editable=False)
    name = models.TextField()
    path = models.TextField(blank=True, default="")
    params = models.JSONField("parameters", default=dict)
    status = models.TextField(choices=Status.choices, default=Status.IMPORTING)
    total = models.BigIntegerField(default=0)
    imported = models.BigIntegerField(default=0)
    rejected = models.BigIntegerField(default=0)
    # Where a resumed run goes on: the number of data rows that are committed.
    rows_done = models.BigIntegerField(default=0)
    token = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    # Leases taken since the last progress: a file that kills its process is given up.
    attempts = models.SmallIntegerField(default=0)
    cleared = models.BooleanField(default=False)
    by = models.ForeignKey(
        "accounts.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField("created", db_default=Now(), editable=False)
    updated_at = models.DateTimeField("last changed", auto_now=True)

    class Meta:
        verbose_name = "import"
        ordering = ("-id",)

    def __str__(self) -> str:
        return self.name


class ImportLine(models.Model):
    """A line of an import's log: progress, or a rejected row with its line number and the reason."""

    job = models.ForeignKey(ImportJob, on_delete=models.CASCADE, related_name="lines")
    at = models.DateTimeField(db_default=Now())
    line = models.BigIntegerField(null=True, blank=True)
    rejected = models.BooleanField(default=False)
    text = models.TextField()
    # The rejected row as it stood, so that it can be corrected and imported again.
    row: Any = models.JSONField(null=True, blank=True)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return self.text
