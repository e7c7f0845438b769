"""The engine's tables: batches, and the ledger with one row per recipient and campaign.

design.md section 3 explains the words. The ledger is partitioned by range of campaign id, made in
migration 0002; Django only maps it.
"""

from typing import TYPE_CHECKING, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from campaigns.models import Campaign

if TYPE_CHECKING:
    from listmonk_py.accounts.models import User


class BatchQuerySet(models.QuerySet["Batch"]):
    def visible_to(self, user: "User") -> Self:
        return self.filter(campaign__in=Campaign.objects.visible_to(user))


class Batch(models.Model):
    """At most 1,000 subscriber ids of one campaign: the unit that a worker leases.

    `done` and `announced` are positions in `subscriber_ids`. Recipients before `done` are settled in
    the ledger, those from `announced` on were never touched; only those between can be in doubt.
    After a crash, `doubtful` is where the doubt ends: those before it are settled one at a time.
    The table has no index on anything a checkpoint changes, so that its updates stay HOT.
    """

    class Kind(models.IntegerChoices):
        FIRST = 0  # the first pass over the audience
        RETRY = 1  # recipients whose ledger rows are `queued`

    class State(models.IntegerChoices):
        OPEN = 0
        SETTLED = 1

    campaign = models.ForeignKey(
        "campaigns.Campaign",
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="batches",
    )
    kind = models.SmallIntegerField(choices=Kind.choices, default=Kind.FIRST)
    state = models.SmallIntegerField(choices=State.choices, default=State.OPEN)
    # Emptied when the batch is settled: the ledger has the rows then.
    subscriber_ids = ArrayField(models.BigIntegerField(), default=list)
    size = models.IntegerField()
    first_id = models.BigIntegerField("first subscriber's ID")
    last_id = models.BigIntegerField("last subscriber's ID")
    # Name of the recipients' domain group when it has a rate of its own, else "".
    domain_group = models.TextField("mailbox provider", default="")
    done = models.IntegerField("settled up to", default=0)
    announced = models.IntegerField("announced up to", default=0)
    doubtful = models.IntegerField("in doubt up to", default=0)
    token = models.UUIDField(null=True)
    lease_until = models.DateTimeField("leased until", null=True)
    not_before = models.DateTimeField(null=True)
    offered_at = models.DateTimeField("last offered", null=True)
    # Signed changes not yet folded into the campaign.
    accepted = models.IntegerField(default=0)
    deferred = models.IntegerField(default=0)
    failed = models.IntegerField(default=0)
    skipped = models.IntegerField(default=0)
    unknown = models.IntegerField(default=0)
    created_at = models.DateTimeField("planned", db_default=Now())

    objects = BatchQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "batches"
        indexes = (
            # The scan and the planner: open batches of a campaign, in the order they were planned.
            models.Index(fields=["campaign", "id"], name="batch_open", condition=models.Q(state=0)),
            # Deleting a campaign, folding the settled, and a campaign's batches in the admin, newest first.
            models.Index(fields=["campaign", "state", "id"], name="batch_campaign_state"),
        )

    def __str__(self) -> str:
        return f"batch {self.pk} of campaign {self.campaign_id}"


class Run(models.Model):
    """What the engine remembers of a campaign from one start to the next; one row each."""

    campaign = models.OneToOneField(
        "campaigns.Campaign",
        primary_key=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="run",
    )
    # How often it was started or resumed. From the second time on, planning leaves out who had their turn.
    number = models.IntegerField(default=0)
    # Since when none of the messenger's servers could be used; null while one can.
    down_since = models.DateTimeField(null=True)
    # Messages accepted per minute, measured from `sampled_sent` at `sampled_at` on.
    rate = models.FloatField(default=0)
    sampled_at = models.DateTimeField(null=True)
    sampled_sent = models.IntegerField(default=0)

    def __str__(self) -> str:
        return f"run {self.number} of campaign {self.campaign_id}"

    @classmethod
    def begin(cls, campaign_id: int) -> None:
        """Count one more start. The caller holds the campaign's row."""
        cls.objects.get_or_create(campaign_id=campaign_id)
        cls.objects.filter(campaign_id=campaign_id).update(
            number=models.F("number") + 1, down_since=None, rate=0, sampled_at=None, sampled_sent=0
        )


class LedgerStatus(models.IntegerChoices):
    ACCEPTED = 1, "accepted"
    DEFERRED = 2, "deferred"
    QUEUED = 3, "queued"
    FAILED = 4, "failed"
    SKIPPED = 5, "skipped"
    UNKNOWN = 6, "unknown"


class LedgerReason(models.IntegerChoices):
    """Why somebody was skipped, failed or is unknown, where a reply code does not say it."""

    NONE = 0, ""
    UNSUBSCRIBED = 1, "unsubscribed"
    BLOCKLISTED = 2, "blocklisted"
    DISABLED = 3, "disabled"
    DELETED = 4, "deleted"
    CANCELLED = 5, "cancelled"
    RENDERING = 6, "rendering failed"
    REJECTED = 7, "rejected"
    ATTEMPTS = 8, "attempts used up"
    IN_DOUBT = 9, "in doubt"
    ADDRESS = 10, "address not usable"
    THROTTLED = 11, "throttled"


class LedgerEntry(models.Model):
    """What became of one recipient of one campaign."""

    pk = models.CompositePrimaryKey("campaign_id", "subscriber_id")
    campaign_id = models.IntegerField()
    subscriber_id = models.BigIntegerField()
    at = models.DateTimeField()
    retry_at = models.DateTimeField(null=True)
    status = models.SmallIntegerField(choices=LedgerStatus.choices)
    reason = models.SmallIntegerField(choices=LedgerReason.choices, default=LedgerReason.NONE)
    code = models.SmallIntegerField(default=0)
    attempts = models.SmallIntegerField(default=0)
    possible_duplicate = models.BooleanField(default=False)

    class Meta:
        managed = False
        db_table = "engine_ledger"

    def __str__(self) -> str:
        return f"{self.get_status_display()} {self.subscriber_id} in campaign {self.campaign_id}"


class LedgerText(models.Model):
    """The words of a server's refusal, kept beside the ledger so that its rows stay small."""

    pk = models.CompositePrimaryKey("campaign_id", "subscriber_id")
    campaign_id = models.IntegerField()
    subscriber_id = models.BigIntegerField()
    text = models.TextField()

    class Meta:
        managed = False
        db_table = "engine_ledger_text"

    def __str__(self) -> str:
        return self.text
