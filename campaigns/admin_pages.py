"""Pages of one campaign beside its form: overview, pre-flight sheet, deliveries; and what their buttons do."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from listmonk_py.accounts.admin_base import BigTableAdmin, told
from listmonk_py.api.errors import DomainError
from subscribers.models import Subscriber
from tracking import counts

from . import analytics, cloning, letter_preview, lifecycle, pace, preflight, self_test
from .admin_forms import PaceForm
from .engine import deliveries
from .engine.models import LedgerStatus
from .models import Campaign, Template
from .preflight import Place
from .progress import figures, rate_of
from .recipients import recipient_of
from .status import Status

DELIVERIES_PER_PAGE = 100
# Statuses of the ledger, in the order of the tabs, and what they mean.
DELIVERY_TABS = (
    ("failed", "Failed", "Refused for good, or tried as often as allowed."),
    ("unknown", "Unknown", "A process ended while they were on the wire: they may have got it or not."),
    ("deferred", "Deferred", "Refused for now; tried again by itself."),
    ("queued", "Queued again", "In a batch for another try."),
    ("skipped", "Skipped", "Not mailable any more when their turn came."),
    ("accepted", "Accepted", "Their mail server took the message."),
)
# Where a fault can be mended: the page's name, its arguments taken from the campaign.
PLACES: dict[Place, tuple[str, str]] = {
    "smtp": ("SMTP servers", "smtp"),
    "general": ("General settings", "general"),
    "messengers": ("Messengers", "messengers"),
}
# Action -> the status asked for, and the words when it has happened.
MOVES = {
    "pause": (Status.PAUSED, "“{}” is paused. What is on the wire is still delivered."),
    "cancel": (Status.CANCELLED, "“{}” is cancelled."),
    "unschedule": (Status.DRAFT, "“{}” is a draft again."),
}


class CampaignPages(BigTableAdmin):
    """Base of CampaignAdmin: every page is of a campaign that the user may see, every change asks again."""

    def get_urls(self) -> list[URLPattern]:
        def page(address: str, view: Callable[..., HttpResponse], name: str) -> URLPattern:
            return path(address, self.admin_site.admin_view(view), name=f"campaigns_campaign_{name}")

        def post(address: str, view: Callable[..., HttpResponse], name: str) -> URLPattern:
            return page(address, require_POST(view), name)

        return [
            post("preview/", self.preview_view, "preview"),
            page("<int:pk>/overview/", self.overview_view, "overview"),
            page("<int:pk>/progress.json", self.progress_view, "progress"),
            page("<int:pk>/start/", self.start_view, "start"),
            page("<int:pk>/deliveries/", self.deliveries_view, "deliveries"),
            post("<int:pk>/move/", self.move_view, "move"),
            post("<int:pk>/clone/", self.clone_view, "clone"),
            post("<int:pk>/test/", self.test_view, "test"),
            post("<int:pk>/retry/", self.retry_view, "retry"),
            post("<int:pk>/pace/", self.pace_view, "pace"),
            *super().get_urls(),
        ]

    def campaign(self, request: HttpRequest, pk: int, *, send: bool = False) -> Campaign:
        """
        Raises:
            Http404: there is none that the user may see, or they may not send (`send`).
        """
        found: Campaign = self.one(request, str(pk))
        if send and not request.user.may("campaigns:send"):  # type: ignore[union-attr]
            raise Http404
        return found

    def context_of(self, request: HttpRequest, campaign: Campaign, tab: str) -> dict[str, Any]:
        """What the head of every page of a campaign shows."""
        status = Status(campaign.status)
        may_send = request.user.may("campaigns:send")  # type: ignore[union-attr]
        may_change = self.has_change_permission(request, campaign)
        return {
            "campaign": campaign,
            "original": campaign,
            "subtitle": None,
            "tab": tab,
            "is_editable": status.is_editable,
            "may_change": may_change,
            "may_clone": self.has_add_permission(request),
            "actions_now": _actions(status) if may_send else (),
            "figures": figures(campaign),
        }

    def overview_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        campaign = self.campaign(request, pk)
        context = self.context_of(request, campaign, "overview")
        if context["actions_now"] and campaign.status in (Status.RUNNING, Status.PAUSED):
            given = {name: getattr(campaign, name) for name in pace.FIELDS}
            context["pace_form"] = PaceForm(initial=given)
        if request.user.may("campaigns:get_analytics"):  # type: ignore[union-attr]
            context.update(report(campaign))
        return self.page(request, "campaigns/admin/overview.html", campaign.name, context)

    def progress_view(self, request: HttpRequest, pk: int) -> JsonResponse:
        return JsonResponse(figures(self.campaign(request, pk)))

    def start_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """GET shows the pre-flight sheet; POST starts, resumes or schedules."""
        campaign = self.campaign(request, pk, send=True)
        if campaign.status not in (Status.DRAFT, Status.SCHEDULED, Status.PAUSED):
            told(request, lambda: f"“{campaign.name}” is {campaign.status} already.")
            return _to(campaign, "overview")
        if request.method == "POST" and told(request, lambda: _start(campaign, request.POST.get("when", ""))):
            return _to(campaign, "overview")
        sheet = preflight.sheet(campaign)
        context = {
            **self.context_of(request, campaign, "start"),
            "sheet": sheet,
            "checks": [(check, *_mend(check.place, campaign)) for check in sheet.checks],
            "sample": sheet.shown.body if sheet.shown else "",
            "own_address": request.user.email or "",  # type: ignore[union-attr]
        }
        return self.page(request, "campaigns/admin/start.html", campaign.name, context)

    def move_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        campaign = self.campaign(request, pk, send=True)
        action = request.POST.get("action", "")
        if action in MOVES:
            status, words = MOVES[action]

            def move() -> str:
                lifecycle.change_status(campaign, status=status)
                return words.format(campaign.name)

            told(request, move)
        return _to(campaign, "overview")

    def clone_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        campaign = self.campaign(request, pk)
        if not self.has_add_permission(request):
            raise Http404
        try:
            copy = cloning.clone(campaign, request.user)  # type: ignore[arg-type]
        except DomainError as error:
            messages.error(request, error.message)
            return _to(campaign, "overview")
        told(request, lambda: "This is the copy, a draft. Change what is different this time.")
        return _to(copy, "change")

    def test_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Send the stored campaign to one address now."""
        campaign = self.one(request, str(pk), change=True)
        address = request.POST.get("address", "")

        def send() -> str:
            email = self_test.send(campaign, address, request.user)  # type: ignore[arg-type]
            return f"The test is on its way to {email}."

        told(request, send)
        return _to(campaign, "start" if request.POST.get("from") == "start" else "change")

    def pace_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        campaign = self.campaign(request, pk, send=True)
        form = PaceForm(request.POST)

        def change() -> str:
            if not form.is_valid():
                raise DomainError("Give numbers of messages, or leave the fields empty for no limit.")
            pace.change(campaign, form.cleaned_data)
            return "The new speed holds from now on."

        told(request, change)
        return _to(campaign, "overview")

    def retry_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        campaign = self.campaign(request, pk, send=True)
        action = request.POST.get("action", "")

        def run() -> str:
            if action == "retry":
                return f"{lifecycle.retry_failed(campaign):,} will be tried again."
            if action == "resend":
                count = lifecycle.resolve_unknown(campaign, "resend")
                return f"{count:,} will be written to once more, flagged as possible duplicates."
            if action == "accept":
                return f"{lifecycle.resolve_unknown(campaign, 'accept'):,} count as reached now."
            raise DomainError("Choose what to do.")

        told(request, run)
        return _to(campaign, "overview")

    def deliveries_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        campaign = self.campaign(request, pk)
        if not request.user.may("subscribers:get", "subscribers:get_all"):  # type: ignore[union-attr]
            raise Http404
        known = {name for name, _, _ in DELIVERY_TABS}
        chosen = request.GET.get("status", "")
        chosen = chosen if chosen in known else _first_tab(campaign)
        after = request.GET.get("after", "0")
        rows, following = deliveries.page(
            campaign.pk,
            [next(one for one in LedgerStatus if one.label == chosen)],
            after=int(after) if after.isdigit() and len(after) < 19 else 0,
            most=DELIVERIES_PER_PAGE,
        )
        context = {
            **self.context_of(request, campaign, "deliveries"),
            "tabs": DELIVERY_TABS,
            "chosen": chosen,
            "meaning": next(text for name, _, text in DELIVERY_TABS if name == chosen),
            "rows": rows,
            "following": following,
            "is_first": after == "0",
        }
        return self.page(request, "campaigns/admin/deliveries.html", campaign.name, context)

    def preview_view(self, request: HttpRequest) -> JsonResponse:
        """The unsaved fields of the form as somebody would see them, for the pane beside it."""
        if not self.has_view_or_change_permission(request):
            raise Http404
        asked = request.POST
        campaign = self.get_queryset(request).filter(pk=asked.get("id") or 0).first() or Campaign()
        for name in ("name", "subject", "body", "altbody", "from_email"):
            if name in asked:
                setattr(campaign, name, asked[name])
        if asked.get("content_type") in Campaign.ContentType.values:
            campaign.content_type = asked["content_type"]
        if "template" in asked:
            chosen = asked["template"]
            campaign.template = Template.objects.filter(pk=chosen).first() if chosen.isdigit() else None
        campaign.auto_altbody = asked.get("auto_altbody") == "on"
        try:
            person = _preview_person(request, asked.get("as", ""))
            shown = letter_preview.of_campaign(campaign, person=person)
        except DomainError as error:
            return JsonResponse({"error": error.message, **error.extra})
        return JsonResponse(
            {
                "subject": shown.subject,
                "sender": campaign.from_email,
                "is_html": shown.is_html,
                "body": shown.body,
                "altbody": shown.altbody or "",
                "size": shown.size_bytes,
            }
        )


def _preview_person(request: HttpRequest, email: str) -> dict[str, Any] | None:
    if not email.strip():
        return None
    person = Subscriber.objects.visible_to(request.user).with_email(email).first()  # type: ignore[arg-type]
    if person is None:
        raise DomainError(f"There is no subscriber {email.strip()}.")
    return recipient_of(person)


def _start(campaign: Campaign, when: str) -> str:
    if when == "schedule":
        changed = lifecycle.change_status(campaign, status=Status.SCHEDULED)
        return f"“{changed.name}” is scheduled."
    was_paused = campaign.status == Status.PAUSED
    lifecycle.start(campaign)
    return f"“{campaign.name}” is running{' again' if was_paused else ''}."


def _actions(status: Status) -> tuple[str, ...]:
    """What the head of the page offers, the main one first."""
    match status:
        case Status.DRAFT:
            return ("start",)
        case Status.SCHEDULED:
            return ("start", "unschedule")
        case Status.RUNNING:
            return ("pause", "cancel")
        case Status.PAUSED:
            return ("resume", "cancel")
    return ()


def _mend(place: Place, campaign: Campaign) -> tuple[str, str]:
    """Name and address of the page where a fault can be mended; both blank when there is none."""
    if place in ("content", "lists"):
        return "Edit", reverse("admin:campaigns_campaign_change", args=[campaign.pk])
    if place in PLACES:
        label, group = PLACES[place]
        return label, reverse("admin:configuration_setting_group", args=[group])
    return "", ""


def _first_tab(campaign: Campaign) -> str:
    """What somebody who opens the deliveries most likely looks for: trouble."""
    for name in ("failed", "unknown", "deferred", "skipped"):
        if getattr(campaign, name):
            return name
    return "accepted"


def _to(campaign: Campaign, page: str) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse(f"admin:campaigns_campaign_{page}", args=[campaign.pk]))


def report(campaign: Campaign) -> dict[str, Any]:
    """Opens, clicks and bounces with their rates, the chart's rows, and the links by clicks."""
    counted = counts.of_campaigns([campaign.pk]).get(campaign.pk, {})
    views, clicks = counted.get("views", 0), counted.get("clicks", 0)
    tiles = [
        ("Opens", views, rate_of(views, campaign.sent), "of those accepted"),
        ("Clicks", clicks, rate_of(clicks, campaign.sent), "of those accepted"),
        ("Bounces", campaign.bounces, rate_of(campaign.bounces, campaign.sent), "of those accepted"),
    ]
    machines = counted.get("machine_views", 0) + counted.get("machine_clicks", 0)
    until = timezone.now()
    since = max(campaign.started_at or until, until - timedelta(days=30))
    rows: list[dict[str, Any]] = []
    if campaign.started_at and clicks:
        rows = analytics.counts("links", [campaign.pk], since=campaign.started_at, until=until)[:10]
    most = max((row["count"] for row in rows), default=0)
    for row in rows:
        row["width"] = round(100 * row["count"] / most, 1) if most else 0
    return {"tiles": tiles, "machines": machines, "links": rows, "chart": chart(campaign, since, until)}


def chart(campaign: Campaign, since: Any, until: Any) -> dict[str, Any] | None:
    """Opens and clicks over time, for the drawing script; None while there is nothing to draw."""
    if campaign.started_at is None:
        return None
    series = {
        kind: {row["timestamp"]: row["count"] for row in found}
        for kind in ("views", "clicks")
        if (found := analytics.counts(kind, [campaign.pk], since=since, until=until))
    }
    moments = sorted({moment for rows in series.values() for moment in rows})
    if not moments:
        return None
    hourly = until - since < timedelta(days=7)
    # Hours are told by the reader's clock; days are counted, and so told, by the installation's.
    zone = timezone.get_current_timezone() if hourly else timezone.get_default_timezone()
    pattern = "%d %b %H:00" if hourly else "%d %b"
    return {
        "labels": [one.astimezone(zone).strftime(pattern) for one in moments],
        "series": [
            {"label": label, "values": [series.get(kind, {}).get(one, 0) for one in moments]}
            for kind, label in (("views", "Opens"), ("clicks", "Clicks"))
        ],
    }
