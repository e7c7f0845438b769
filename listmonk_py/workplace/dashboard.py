"""The admin's first page: what needs somebody, the figures, and the first steps of a fresh installation.

Reads only small tables and kept counts, so it costs the same on ten million subscribers.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from redis.exceptions import RedisError

from bounces.mailboxes import checking
from bounces.models import Bounce
from campaigns.models import Campaign
from campaigns.progress import figures
from campaigns.status import Status
from listmonk_py.configuration import runtime
from listmonk_py.configuration.registry import FIELDS
from subscribers.models import ImportJob
from tracking.counts import CHART_DAYS

from . import figures as counted
from . import monitoring

RECENT = timedelta(days=30)
MOST_COUNTED = 10_000
MOST_ROWS = 8


@dataclass(frozen=True, slots=True)
class Matter:
    """Something that waits for somebody: a sentence, how bad it is, and where to go."""

    level: Literal["problem", "warning", "info"]
    title: str
    text: str
    link: str
    link_text: str


@dataclass(frozen=True, slots=True)
class Step:
    """One of the first steps of an installation."""

    title: str
    is_done: bool
    link: str
    link_text: str


def dashboard_callback(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Unfold calls this for the index page."""
    user: Any = request.user
    campaigns = Campaign.objects.visible_to(user)
    running = list(campaigns.filter(status=Status.RUNNING).select_related("run")[:MOST_ROWS])
    return {
        **context,
        "running": [(campaign, figures(campaign)) for campaign in running],
        "matters": [
            *_installation(user),
            *_campaigns(campaigns),
            *_import(user),
            *_mailboxes(user),
            *_bounces(user),
        ],
        "coming": list(campaigns.filter(status=Status.SCHEDULED).order_by("send_at")[:MOST_ROWS]),
        "drafts": list(campaigns.filter(status=Status.DRAFT).order_by("-updated_at")[:MOST_ROWS]),
        "tiles": tiles(user),
        "charts": charts(user),
        "steps": first_steps(user),
        "may_write": user.may("campaigns:manage", "campaigns:manage_all"),
    }


def _campaign_page(campaign: Campaign) -> str:
    return reverse("admin:campaigns_campaign_overview", args=[campaign.pk])


def _campaigns(campaigns: Any) -> list[Matter]:
    found = []
    for one in campaigns.filter(status=Status.PAUSED).order_by("-updated_at")[:MOST_ROWS]:
        if one.status_reason:
            found.append(
                Matter("problem", f"“{one.name}” has paused", one.status_reason, _campaign_page(one), "Look")
            )
        else:
            left = figures(one)["waiting"]
            text = f"{left:,} are still waiting."
            found.append(Matter("warning", f"“{one.name}” is paused", text, _campaign_page(one), "Go on"))
    since = timezone.now() - RECENT
    troubled = campaigns.filter(
        Q(failed__gt=0) | Q(unknown__gt=0), status=Status.FINISHED, finished_at__gte=since
    )
    for one in troubled.order_by("-finished_at")[:MOST_ROWS]:
        parts = [f"{one.failed:,} failed"] if one.failed else []
        parts += [f"{one.unknown:,} are in doubt"] if one.unknown else []
        text = f"{' and '.join(parts)} of {one.to_send:,}."
        found.append(Matter("warning", f"“{one.name}”", text, _campaign_page(one), "Decide"))
    return found


def _installation(user: Any) -> list[Matter]:
    if not user.may("settings:get"):
        return []
    try:
        trouble = monitoring.scan_trouble()
    except RedisError:
        trouble = "Redis does not answer."
    if not trouble:
        return []
    text = f"{trouble} Nothing is started, sent or finished meanwhile."
    return [Matter("problem", "Sending stands still", text, "/ready", "How the parts are")]


def _import(user: Any) -> list[Matter]:
    if not user.may("subscribers:import"):
        return []
    job = ImportJob.objects.order_by("-pk").filter(cleared=False).first()
    if job is None:
        return []
    page = reverse("admin:subscribers_importjob_changelist")
    if job.status in (ImportJob.Status.IMPORTING, ImportJob.Status.STOPPING):
        return [Matter("info", f"Importing {job.name}", f"{job.rows_done:,} rows so far.", page, "Follow")]
    if job.status == ImportJob.Status.FAILED or job.rejected:
        text = f"{job.imported:,} imported, {job.rejected:,} rejected."
        return [Matter("warning", f"Import of {job.name}", text, page, "See why")]
    return []


def _mailboxes(user: Any) -> list[Matter]:
    if not user.may("settings:get"):
        return []
    page = reverse("admin:configuration_setting_group", args=["bounces"])
    return [
        Matter("warning", f"The bounce mailbox at {host} cannot be read", error, page, "See it")
        for host, error in checking.troubles()
    ]


def _bounces(user: Any) -> list[Matter]:
    if not user.may("bounces:get"):
        return []
    rows = Bounce.objects.visible_to(user).filter(created_at__gte=timezone.now() - timedelta(days=7))
    count = rows.order_by("-created_at")[: MOST_COUNTED + 1].count()
    if not count:
        return []
    shown = f"more than {MOST_COUNTED:,}" if count > MOST_COUNTED else f"{count:,}"
    return [
        Matter(
            "info",
            "Bounces",
            f"{shown} in the last seven days.",
            reverse("admin:bounces_bounce_changelist"),
            "See them",
        )
    ]


def tiles(user: Any) -> list[dict[str, Any]]:
    """Counts that lead to their listings."""
    found = counted.counts(user)
    people, lists, campaigns = found["subscribers"], found["lists"], found["campaigns"]
    by_status = campaigns["by_status"]
    running = by_status.get(Status.RUNNING, 0)
    shown = [
        (
            "subscribers.view_subscriber",
            "Subscribers",
            people["total"],
            f"{people['blocklisted'] or 0:,} blocklisted",
            "admin:subscribers_subscriber_changelist",
        ),
        (
            "subscribers.view_list",
            "Lists",
            lists["total"],
            f"{lists['public'] or 0} public, {lists['private'] or 0} private",
            "admin:subscribers_list_changelist",
        ),
        (
            "campaigns.view_campaign",
            "Campaigns",
            campaigns["total"],
            f"{running} running, {by_status.get(Status.DRAFT, 0)} drafts",
            "admin:campaigns_campaign_changelist",
        ),
        ("campaigns.view_campaign", "Messages sent", found["messages"], "by all campaigns", ""),
    ]
    return [
        {"label": label, "number": number or 0, "text": text, "link": reverse(page) if page else ""}
        for needs, label, number, text, page in shown
        if user.has_perm(needs)
    ]


def charts(user: Any) -> list[tuple[str, str, dict[str, Any]]]:
    """Title, element id and rows of the two charts, every day of the last thirty with its count."""
    if not user.has_perm("campaigns.view_campaign"):
        return []
    found = counted.charts(user)
    today = timezone.localdate()
    days = [today - timedelta(days=back) for back in range(CHART_DAYS - 1, -1, -1)]
    drawn = []
    for title, key in (("Opens", "campaign_views"), ("Clicks", "link_clicks")):
        by_day = {row["date"]: row["count"] for row in found[key]}
        values = [by_day.get(day.isoformat(), 0) for day in days]
        rows = {
            "labels": [day.strftime("%d %b") for day in days],
            "series": [{"label": title, "values": values}],
        }
        drawn.append((f"{title}, {sum(values):,} in 30 days", f"chart-{key}", rows))
    return drawn


def first_steps(user: Any) -> list[Step]:
    """What leads a fresh installation to its first mail; empty after it, and for those who cannot set it up."""
    if not user.may("settings:manage"):
        return []
    was_sent = Campaign.objects.filter(started_at__isnull=False).exists()
    if was_sent and runtime.get("smtp"):
        return []
    has_server = any(server.get("enabled") for server in runtime.get("smtp")) or any(
        one.get("enabled") for one in runtime.get("anymail")
    )
    general = reverse("admin:configuration_setting_group", args=["general"])
    has_sender = runtime.get("app.from_email") != FIELDS["app.from_email"].default
    has_people = bool(counted.counts(user)["subscribers"]["total"])
    campaign = Campaign.objects.order_by("-pk").first()
    if campaign is None:
        write = reverse("admin:campaigns_campaign_add")
    else:
        write = reverse("admin:campaigns_campaign_change", args=[campaign.pk])
    return [
        Step("Make yourself the Super Admin", True, "", ""),
        Step(
            "Add the SMTP server that your mail leaves through",
            has_server,
            reverse("admin:configuration_setting_group", args=["smtp"]),
            "Add it",
        ),
        Step("Say who the mail is from, and the address of this site", has_sender, general, "Set them"),
        Step(
            "Bring your subscribers, or start with one list and yourself",
            has_people,
            reverse("admin:subscribers_importjob_changelist"),
            "Import",
        ),
        Step(
            "Write a campaign and send yourself a test; you need not be a subscriber",
            campaign is not None,
            write,
            "Write",
        ),
        Step("Look it over and press Start", was_sent, write, "Open it"),
    ]
