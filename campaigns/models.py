"""Campaigns, the templates that wrap them, and the lists they go to."""

import uuid
from typing import TYPE_CHECKING, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from .status import IllegalTransition, Status

if TYPE_CHECKING:
    from listmonk_py.accounts.models import User


class TemplateQuerySet(models.QuerySet["Template"]):
    def visible_to(self, user: "User") -> Self:
        return self if user.may("templates:get", "templates:manage") else self.none()

    def default(self) -> "Template | None":
        return self.filter(is_default=True).first()


class Template(models.Model):
    """The frame around campaign bodies, a visual starting point, or a transactional message."""

    class Type(models.TextChoices):
        CAMPAIGN = "campaign"
        CAMPAIGN_VISUAL = "campaign_visual"
        TX = "tx"

    name = models.TextField()
    type = models.TextField(choices=Type.choices, default=Type.CAMPAIGN)
    subject = models.TextField(blank=True, default="")
    body = models.TextField()
    body_source = models.TextField(null=True, blank=True)
    is_default = models.BooleanField(default=False)
    created_at = models.DateTimeField("created", db_default=Now(), editable=False)
    updated_at = models.DateTimeField("last changed", auto_now=True)

    objects = TemplateQuerySet.as_manager()

    class Meta:
        ordering = ("created_at", "id")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(type__in=["campaign", "campaign_visual", "tx"]),
                name="template_type_is_known",
            ),
            models.UniqueConstraint(
                fields=("is_default",), condition=models.Q(is_default=True), name="one_default_template"
            ),
            models.CheckConstraint(
                condition=models.Q(is_default=False) | models.Q(type="campaign"),
                name="default_template_is_for_campaigns",
            ),
        )

    def __str__(self) -> str:
        return self.name


class CampaignQuerySet(models.QuerySet["Campaign"]):
    def visible_to(self, user: "User") -> Self:
        """All, or those that go to at least one list the user may read (contract 10.4)."""
        if not user.may("campaigns:get", "campaigns:get_all", "campaigns:manage", "campaigns:manage_all"):
            return self.none()
        ids = user.readable_list_ids()
        if ids is None or user.may("campaigns:get_all", "campaigns:manage_all"):
            return self
        return self.filter(
            models.Exists(CampaignList.objects.filter(campaign=models.OuterRef("pk"), list_id__in=ids))
        )

    def manageable_by(self, user: "User") -> Self:
        if not user.may("campaigns:manage", "campaigns:manage_all"):
            return self.none()
        ids = user.manageable_list_ids()
        if ids is None or user.may("campaigns:manage_all"):
            return self
        return self.filter(
            models.Exists(CampaignList.objects.filter(campaign=models.OuterRef("pk"), list_id__in=ids))
        )

    def move(self, campaign_id: int, source: Status, target: Status, **changes: object) -> bool:
        """Compare-and-set the status; False when someone else moved it first."""
        if not source.may_become(target):
            raise IllegalTransition(f"A campaign that is {source} cannot become {target}.")
        return (
            self.filter(pk=campaign_id, status=source).update(status=target, updated_at=Now(), **changes) == 1
        )


class Campaign(models.Model):
    """What is sent to whom. The engine's own state is in `campaigns.engine`; its totals are here."""

    class Type(models.TextChoices):
        REGULAR = "regular"
        OPTIN = "optin"

    class ContentType(models.TextChoices):
        RICHTEXT = "richtext"
        HTML = "html"
        PLAIN = "plain"
        MARKDOWN = "markdown"
        VISUAL = "visual"
        MJML = "mjml"

    class Planning(models.TextChoices):
        """How far the audience is written into batches; separate from the status."""

        NONE = "none"
        ACTIVE = "active"
        DONE = "done"

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.TextField()
    subject = models.TextField()
    from_email = models.TextField("from", blank=True, default="")
    body = models.TextField(blank=True, default="")
    body_source = models.TextField(null=True, blank=True)
    altbody = models.TextField("plain text", null=True, blank=True)
    # Ours: make the plain-text part from the HTML when altbody is empty.
    auto_altbody = models.BooleanField("plain text made from the HTML", default=False)
    content_type = models.TextField("written as", choices=ContentType.choices, default=ContentType.RICHTEXT)
    send_at = models.DateTimeField(null=True, blank=True)
    headers = models.JSONField(default=list, blank=True)
    attribs = models.JSONField("attributes", default=dict, blank=True)
    status = models.TextField(choices=Status.choices, default=Status.DRAFT, editable=False)
    # Why the engine paused or cancelled it, in a sentence for staff.
    status_reason = models.TextField(blank=True, default="", editable=False)
    tags = ArrayField(models.TextField(), default=list, blank=True)
    type = models.TextField(choices=Type.choices, default=Type.REGULAR)
    messenger = models.TextField(default="email")
    template = models.ForeignKey(
        Template, null=True, blank=True, on_delete=models.SET_NULL, related_name="campaigns"
    )
    lists: "models.ManyToManyField" = models.ManyToManyField(
        "subscribers.List", through="CampaignList", related_name="campaigns"
    )
    # Ours: only people in this segment get it. Null with a name: it was deleted after the campaign was over.
    segment = models.ForeignKey(
        "subscribers.Segment", null=True, blank=True, on_delete=models.PROTECT, related_name="campaigns"
    )
    segment_name = models.TextField(blank=True, default="", editable=False)
    # The segment's rule as it was when the campaign started, which planning goes by; null before.
    segment_rule: "models.JSONField" = models.JSONField(null=True, blank=True, editable=False)
    media: "models.ManyToManyField" = models.ManyToManyField(
        "media.Media", through="media.CampaignMedia", related_name="campaigns"
    )
    archive = models.BooleanField("in the public archive", default=False)
    archive_slug = models.TextField("address in the archive", null=True, blank=True, unique=True)
    archive_template = models.ForeignKey(
        Template,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="archived_campaigns",
        verbose_name="template in the archive",
    )
    archive_meta = models.JSONField("fields in the archive", default=dict, blank=True)
    # Grows with every change of what is sent; names the compiled form, and is the ETag of the API.
    version = models.IntegerField(default=1, editable=False)
    # Messages a second for this campaign alone; null: only the deployment's limits.
    rate = models.FloatField("messages a second", null=True, blank=True)
    # Messages in any stretch of the duration; null: no window of its own.
    sliding_window_rate = models.PositiveIntegerField("messages per window", null=True, blank=True)
    sliding_window_duration = models.TextField("window length", default="1h", blank=True)

    # --- the engine's totals; `campaigns.engine` alone writes them ------------------------------------
    to_send = models.IntegerField(default=0, editable=False)
    # False while planning still counts: `to_send` is then an estimate.
    to_send_exact = models.BooleanField(default=False, editable=False)
    sent = models.IntegerField(default=0, editable=False)  # accepted
    deferred = models.IntegerField(default=0, editable=False)
    failed = models.IntegerField(default=0, editable=False)
    skipped = models.IntegerField(default=0, editable=False)
    unknown = models.IntegerField(default=0, editable=False)
    # `failed` since the last start or resume, against app.max_send_errors.
    run_errors = models.IntegerField(default=0, editable=False)
    planning = models.TextField(choices=Planning.choices, default=Planning.NONE, editable=False)
    plan_cursor = models.BigIntegerField(default=0, editable=False)
    max_subscriber_id = models.BigIntegerField(default=0, editable=False)
    last_subscriber_id = models.BigIntegerField(default=0, editable=False)
    started_at = models.DateTimeField(null=True, blank=True, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Kept by `bounces` through `count_bounces`.
    bounces = models.IntegerField(default=0, editable=False)
    created_at = models.DateTimeField("created", db_default=Now(), editable=False)
    updated_at = models.DateTimeField("last changed", auto_now=True)

    objects = CampaignQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(status__in=Status.values), name="campaign_status_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(type__in=["regular", "optin"]), name="campaign_type_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(
                    content_type__in=["richtext", "html", "plain", "markdown", "visual", "mjml"]
                ),
                name="campaign_content_type_is_known",
            ),
        )
        indexes = (
            # The scan, once a second: campaigns that are running or due.
            models.Index(
                fields=["status"],
                name="campaign_alive",
                condition=models.Q(status__in=["running", "scheduled"]),
            ),
            # GET /api/campaigns, newest first, by keyset.
            models.Index(fields=["-created_at", "-id"], name="campaign_newest"),
            # The listing in the admin by status, newest first.
            models.Index(fields=["status", "id"], name="campaign_status"),
        )

    def __str__(self) -> str:
        return self.name


class CampaignList(models.Model):
    """A list that a campaign goes to; the name stays when the list is deleted."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="campaign_lists")
    list = models.ForeignKey(
        "subscribers.List",
        null=True,
        on_delete=models.SET_NULL,
        db_index=False,
        related_name="campaign_lists",
    )
    list_name = models.TextField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("campaign", "list"), name="a_list_once_per_campaign"),)
        # The campaigns of a list, newest first; and deleting a list.
        indexes = (models.Index(fields=["list", "campaign"], name="campaign_of_list"),)

    def __str__(self) -> str:
        return self.list_name
