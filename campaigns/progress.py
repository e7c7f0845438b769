"""How far a campaign is, as pages show it: the equation, the rate, and how long it will take."""

from typing import Any

from django.utils import timezone

from .models import Campaign
from .status import Status

# What each status means for somebody who looks at the campaign.
WORDS = {
    Status.DRAFT: "Not sent yet.",
    Status.SCHEDULED: "Starts by itself at its time.",
    Status.RUNNING: "Being sent.",
    Status.PAUSED: "Stopped for now. Nobody is written to until it is resumed.",
    Status.CANCELLED: "Stopped for good.",
    Status.FINISHED: "Everybody had their turn.",
}


def accounting(campaign: Campaign) -> dict[str, Any]:
    """What became of the audience so far, under the names that the API and the pages have for it."""
    return {
        "audience": campaign.to_send,
        "audience_exact": campaign.to_send_exact,
        "accepted": campaign.sent,
        "deferred": campaign.deferred,
        "failed": campaign.failed,
        "skipped": campaign.skipped,
        "unknown": campaign.unknown,
    }


def figures(campaign: Campaign) -> dict[str, Any]:
    """The campaign's books as they stand.

    `audience = accepted + failed + skipped + unknown + deferred + waiting` holds while it runs; when it is
    finished, nobody is deferred or waiting. Rates are messages per minute, `eta_s` is null when unknown.
    """
    settled = campaign.sent + campaign.failed + campaign.skipped + campaign.unknown
    waiting = max(0, campaign.to_send - settled - campaign.deferred)
    run = getattr(campaign, "run", None)
    is_running = campaign.status == Status.RUNNING
    rate = round(run.rate) if run is not None and is_running else 0
    left = waiting + campaign.deferred
    return {
        "id": campaign.pk,
        "status": campaign.status,
        "words": WORDS[Status(campaign.status)],
        "reason": campaign.status_reason,
        **accounting(campaign),
        "waiting": waiting,
        "percent": min(100.0, round(100 * settled / campaign.to_send, 1)) if campaign.to_send else 0.0,
        "rate": rate,
        "eta_s": round(60 * left / rate) if is_running and rate and left else None,
        "duration_s": _duration_s(campaign),
        "is_planning": is_running and campaign.planning == Campaign.Planning.ACTIVE,
    }


def _duration_s(campaign: Campaign) -> int | None:
    if campaign.started_at is None:
        return None
    until = campaign.finished_at or timezone.now()
    return max(0, round((until - campaign.started_at).total_seconds()))


def rate_of(part: int, whole: int) -> float | None:
    """`part` as per cent of `whole`, one decimal; None when there is nothing to compare with."""
    return round(100 * part / whole, 1) if whole else None
