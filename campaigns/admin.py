"""Campaigns and templates in the admin: their listings, and which form belongs to what."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.timesince import timesince
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from listmonk_py.accounts.admin_base import StaffAdmin, id_in, told
from listmonk_py.accounts.admin_paging import Walk, walk_down
from listmonk_py.api.errors import DomainError
from subscribers.admin_filters import ListFilter
from tracking.models import CampaignCount

from . import admin_timeline, deleting, preview, template_writing
from .admin_forms import CampaignForm, TemplateForm
from .admin_pages import CampaignPages
from .models import Campaign, CampaignList, Template
from .progress import figures, rate_of
from .search import containing
from .status import Status

STATUS_COLOURS = {
    Status.DRAFT: "",
    Status.SCHEDULED: "info",
    Status.RUNNING: "primary",
    Status.PAUSED: "warning",
    Status.CANCELLED: "danger",
    Status.FINISHED: "success",
}


MOST_COUNTED = 500


def _counted(name: str) -> Coalesce:
    """Opens or clicks of each campaign of a page, each by its key."""
    found = CampaignCount.objects.filter(campaign_id=OuterRef("pk")).values(name)
    return Coalesce(Subquery(found), 0, output_field=IntegerField())


def _campaigns_with_it() -> ArraySubquery:
    """Ids of campaigns that have a template, at most MOST_COUNTED + 1: a count would read all of them."""
    some = Campaign.objects.filter(template=OuterRef("pk")).order_by().values("pk")[: MOST_COUNTED + 1]
    return ArraySubquery(some)


# Not the class's `fieldsets`: Django's check refuses `lists` there, whose rows `CampaignForm` writes itself.
FIELDSETS: Any = (
    (
        None,
        {
            "fields": (
                "opened_version",
                "name",
                "subject",
                "lists",
                "segment",
                ("from_email", "messenger"),
                ("template", "content_type"),
                "body",
            )
        },
    ),
    (
        "When and how fast",
        {
            "fields": ("send_at", "rate", ("sliding_window_rate", "sliding_window_duration")),
            "classes": ["tab"],
        },
    ),
    ("Plain text", {"fields": ("auto_altbody", "altbody"), "classes": ["tab"]}),
    ("Attachments", {"fields": ("attachments",), "classes": ["tab"]}),
    ("Tags and headers", {"fields": ("tags", "headers", "attribs"), "classes": ["tab"]}),
    (
        "Archive",
        {
            "fields": ("archive", "archive_slug", "archive_template", "archive_meta"),
            "classes": ["tab"],
        },
    ),
)


class ToListFilter(ListFilter):
    def on_list(self, request: HttpRequest, queryset: "QuerySet[Any]", list_id: int) -> "QuerySet[Any]":
        rows = CampaignList.objects.filter(campaign=OuterRef("pk"), list_id=list_id)
        return queryset.filter(Exists(rows))


@admin.register(Campaign)
class CampaignAdmin(CampaignPages):
    form = CampaignForm
    list_display = ("title", "state", "progress", "opened", "clicked", "to_lists", "when")
    list_display_links = None
    list_filter = (("status", ChoicesDropdownFilter), ToListFilter)
    walked_fields = ("status",)
    search_fields = ("name", "subject")
    search_help_text = "Words of the name or the subject"
    search_is_indexed = False  # words anywhere in a name

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is not None:
            return FIELDSETS
        name, first = FIELDSETS[0]
        return ((name, {"fields": ("type", *first["fields"][1:])}), *FIELDSETS[1:])

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Campaign]":
        rows = super().get_queryset(request).select_related("run").prefetch_related("campaign_lists")
        return rows.annotate(views=_counted("views"), clicks=_counted("clicks"))

    def get_search_results(
        self, request: HttpRequest, queryset: "QuerySet[Any]", search_term: str
    ) -> tuple["QuerySet[Any]", bool]:
        return containing(queryset, search_term, fields=("name", "subject")), False

    def walk(self, request: HttpRequest, listing: ChangeList) -> Walk:
        list_id = id_in(request.GET.get(ToListFilter.parameter_name))
        if list_id is None:
            return super().walk(request, listing)
        return walk_down(CampaignList.objects.filter(list_id=list_id), "campaign_id")

    def has_change_permission(self, request: HttpRequest, obj: Campaign | None = None) -> bool:
        if not super().has_change_permission(request, obj):
            return False
        return obj is None or Status(obj.status).is_editable

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        campaign = self.get_object(request, object_id)
        if campaign is not None and not Status(campaign.status).is_editable:
            return HttpResponseRedirect(reverse("admin:campaigns_campaign_overview", args=[campaign.pk]))
        context = self.context_of(request, campaign, "edit") if campaign is not None else {}
        context.pop("original", None)
        context.update(show_save_and_add_another=False, show_save_and_continue=False)
        return super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})

    def response_add(self, request: HttpRequest, obj: Campaign, *args: Any) -> HttpResponse:
        told(request, lambda: f"“{obj.name}” is saved as a draft. Send yourself a test, then press Start.")
        return HttpResponseRedirect(reverse("admin:campaigns_campaign_change", args=[obj.pk]))

    def response_change(self, request: HttpRequest, obj: Campaign) -> HttpResponse:
        target = "start" if "_start" in request.POST else "change"
        if target == "change":
            told(request, lambda: f"“{obj.name}” is saved.")
        return HttpResponseRedirect(reverse(f"admin:campaigns_campaign_{target}", args=[obj.pk]))

    def delete_model(self, request: HttpRequest, obj: Campaign) -> None:
        deleting.delete([obj.pk])

    def delete_queryset(self, request: HttpRequest, queryset: "QuerySet[Campaign]") -> None:
        deleting.delete(queryset.values_list("pk", flat=True))

    @display(description="Campaign")
    def title(self, campaign: Campaign) -> str:
        page = "change" if campaign.status == Status.DRAFT else "overview"
        return format_html(
            '<div class="lm-cell"><a class="lm-title" href="{}">{}</a><span class="lm-under">{}</span></div>',
            reverse(f"admin:campaigns_campaign_{page}", args=[campaign.pk]),
            campaign.name,
            campaign.subject,
        )

    @display(description="Status", label=STATUS_COLOURS)
    def state(self, campaign: Campaign) -> str:
        return campaign.status

    @display(description="Sent")
    def progress(self, campaign: Campaign) -> str:
        found = figures(campaign)
        if not campaign.to_send:
            return "-"
        rate = f"{found['rate']:,} a minute" if found["rate"] else ""
        trouble = f"{campaign.failed:,} failed" if campaign.failed else ""
        return format_html(
            '<div class="lm-cell lm-figure"><span class="lm-bar" title="{} %"><span style="width:{}%"></span></span>'
            '<span class="lm-under">{} of {}</span>{}</div>',
            found["percent"],
            found["percent"],
            f"{campaign.sent:,}",
            f"{campaign.to_send:,}",
            format_html('<span class="lm-under">{}</span>', rate or trouble) if rate or trouble else "",
        )

    @display(description="Opens")
    def opened(self, campaign: Any) -> str:
        return _with_rate(campaign.views, campaign.sent)

    @display(description="Clicks")
    def clicked(self, campaign: Any) -> str:
        return _with_rate(campaign.clicks, campaign.sent)

    @display(description="Lists")
    def to_lists(self, campaign: Campaign) -> str:
        names = [one.list_name for one in campaign.campaign_lists.all()]  # type: ignore[attr-defined]
        shown = format_html_join(", ", "{}", ((name,) for name in names[:2]))
        shown = format_html("{} and {} more", shown, len(names) - 2) if len(names) > 2 else shown
        if not campaign.segment_name:
            return shown
        return format_html(
            '<div class="lm-cell">{}<span class="lm-under">in “{}”</span></div>', shown, campaign.segment_name
        )

    @display(description="When")
    def when(self, campaign: Campaign) -> str:
        if campaign.status == Status.SCHEDULED and campaign.send_at:
            return _moment("starts", campaign.send_at)
        if campaign.finished_at:
            return _moment("ended", campaign.finished_at)
        if campaign.started_at:
            return _moment("started", campaign.started_at)
        return _moment("written", campaign.created_at)


def _with_rate(count: int, of: int) -> str:
    rate = rate_of(count, of)
    if rate is None:
        return "-"
    return format_html(
        '<div class="lm-cell lm-figure">{}%<span class="lm-under">{}</span></div>', rate, f"{count:,}"
    )


def _moment(word: str, moment: Any) -> str:
    """Relative, with the exact time when one points at it."""
    now = timezone.now()
    ago = f"in {timesince(now, moment)}" if moment > now else f"{timesince(moment, now)} ago"
    return format_html(
        '<span title="{}">{} {}</span>',
        timezone.localtime(moment).strftime("%d %b %Y %H:%M"),
        word,
        ago.split(",")[0] if moment > now else ago.split(",")[0].removesuffix(" ago") + " ago",
    )


@admin.register(Template)
class TemplateAdmin(StaffAdmin):
    form = TemplateForm
    list_display = ("name", "kind", "subject", "used", "updated_at")
    list_filter = (("type", ChoicesDropdownFilter),)
    search_fields = ("name", "subject")
    fields = ("name", "type", "subject", "body")
    actions_detail = ()

    def get_urls(self) -> list[URLPattern]:
        def page(address: str, view: Any, name: str) -> URLPattern:
            wrapped = self.admin_site.admin_view(require_POST(view))
            return path(address, wrapped, name=f"campaigns_template_{name}")

        return [
            page("preview/", self.preview_view, "preview"),
            page("<int:pk>/default/", self.default_view, "default"),
            page("<int:pk>/clone/", self.clone_view, "clone"),
            *super().get_urls(),
        ]

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Template]":
        rows = super().get_queryset(request).order_by("type", "name")
        return rows.annotate(campaign_ids=_campaigns_with_it())

    @display(description="For", label={"campaigns": "info", "default": "success", "transactional": "warning"})
    def kind(self, template: Template) -> str:
        if template.is_default:
            return "default"
        return "transactional" if template.type == Template.Type.TX else "campaigns"

    @display(description="Campaigns")
    def used(self, template: Any) -> str:
        number = len(template.campaign_ids)
        return f"more than {MOST_COUNTED:,}" if number > MOST_COUNTED else f"{number:,}"

    def preview_view(self, request: HttpRequest) -> JsonResponse:
        if not self.has_view_or_change_permission(request):
            return JsonResponse({"error": "You may not see templates."})
        kind = request.POST.get("type") or request.POST.get("stored_type") or Template.Type.CAMPAIGN
        template = Template(name="Preview", type=kind, body=request.POST.get("body", ""))
        template.subject = request.POST.get("subject", "")
        try:
            return JsonResponse(
                {"subject": template.subject, "is_html": True, "body": preview.of_template(template)}
            )
        except DomainError as error:
            return JsonResponse({"error": error.message, **error.extra})

    def default_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        template = self.one(request, str(pk), change=True)

        def change() -> str:
            template_writing.set_default(template.pk)
            return f"“{template.name}” is the default now."

        told(request, change)
        return HttpResponseRedirect(reverse("admin:campaigns_template_changelist"))

    def clone_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        template = self.one(request, str(pk), change=True)
        fields = ("type", "subject", "body", "body_source")
        values = {name: getattr(template, name) for name in fields}
        copy = template_writing.create({**values, "name": f"Copy of {template.name}"})
        return HttpResponseRedirect(reverse("admin:campaigns_template_change", args=[copy.pk]))

    def delete_model(self, request: HttpRequest, obj: Template) -> None:
        template_writing.delete(obj.pk)

    def delete_queryset(self, request: HttpRequest, queryset: "QuerySet[Template]") -> None:
        for template in queryset:
            template_writing.delete(template.pk)


# Importing it registers what campaigns know about a person; see subscribers/timeline.py.
TIMELINE_SOURCES = (
    admin_timeline.messages,
    admin_timeline.views,
    admin_timeline.clicks,
    admin_timeline.transactional,
)
