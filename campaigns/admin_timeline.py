"""What campaigns and transactional mail know about one person, for their page."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.urls import reverse

from subscribers import timeline
from subscribers.models import Subscriber
from subscribers.timeline import Event
from tracking.models import Click, Link, Machine, View

from .engine.models import LedgerEntry, LedgerReason, LedgerStatus, LedgerText
from .models import Campaign
from .transactional.models import TxMessage

if TYPE_CHECKING:
    from listmonk_py.accounts.models import User

ICONS = {
    LedgerStatus.ACCEPTED: ("mark_email_read", "Got a campaign"),
    LedgerStatus.DEFERRED: ("schedule", "Refused for now, tried again later"),
    LedgerStatus.QUEUED: ("schedule", "Waits for another try"),
    LedgerStatus.FAILED: ("error", "Did not get a campaign"),
    LedgerStatus.SKIPPED: ("skip_next", "Left out of a campaign"),
    LedgerStatus.UNKNOWN: ("help", "May have got a campaign"),
}


def _named(rows: Iterable[Any], user: "User") -> dict[int, Campaign]:
    """The campaigns of some rows that the user may see."""
    ids = {row.campaign_id for row in rows if row.campaign_id}
    return {one.pk: one for one in Campaign.objects.visible_to(user).filter(pk__in=ids).only("pk", "name")}


def _page(campaign: Campaign) -> str:
    return reverse("admin:campaigns_campaign_overview", args=[campaign.pk])


@timeline.register
def messages(person: Subscriber, user: "User", most: int) -> Iterable[Event]:
    rows = list(LedgerEntry.objects.filter(subscriber_id=person.pk).order_by("-at")[:most])
    campaigns = _named(rows, user)
    texts = dict(
        LedgerText.objects.filter(
            subscriber_id=person.pk, campaign_id__in=[row.campaign_id for row in rows if row.status != 1]
        ).values_list("campaign_id", "text")
    )
    for row in rows:
        if row.campaign_id not in campaigns:
            continue
        campaign = campaigns[row.campaign_id]
        icon, title = ICONS[LedgerStatus(row.status)]
        reason = LedgerReason(row.reason).label
        why = ": ".join(part for part in (reason, texts.get(row.campaign_id, "")) if part)
        text = f"{campaign.name} ({why})" if why else campaign.name
        yield Event(row.at, icon, title, text, _page(campaign))


@timeline.register
def views(person: Subscriber, user: "User", most: int) -> Iterable[Event]:
    rows = list(View.objects.filter(subscriber_id=person.pk).order_by("-created_at")[:most])
    campaigns = _named(rows, user)
    for row in rows:
        if row.campaign_id in campaigns:
            campaign = campaigns[row.campaign_id]
            yield Event(row.created_at, "visibility", _by("Opened", row), campaign.name, _page(campaign))


@timeline.register
def clicks(person: Subscriber, user: "User", most: int) -> Iterable[Event]:
    rows = list(Click.objects.filter(subscriber_id=person.pk).order_by("-created_at")[:most])
    campaigns = _named(rows, user)
    urls = dict(Link.objects.filter(pk__in=[row.link_id for row in rows]).values_list("pk", "url"))
    for row in rows:
        if row.campaign_id in campaigns:
            campaign = campaigns[row.campaign_id]
            url = urls.get(row.link_id, "")
            yield Event(
                row.created_at, "ads_click", _by("Clicked", row), f"{url} in {campaign.name}", _page(campaign)
            )


def _by(word: str, row: View | Click) -> str:
    return word if row.machine == Machine.NONE else f"{word} by a program"


@timeline.register
def transactional(person: Subscriber, user: "User", most: int) -> Iterable[Event]:
    rows = TxMessage.objects.visible_to(user).filter(subscriber=person).select_related("template")
    for row in rows.order_by("-id")[:most]:
        name = row.template.name if row.template else "Transactional mail"
        link = reverse("admin:transactional_txmessage_change", args=[row.pk])
        yield Event(row.created_at, "outgoing_mail", f"Transactional mail: {row.status}", name, link)
