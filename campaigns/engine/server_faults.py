"""Since when a campaign's servers have all been unusable."""

from django.db.models.functions import Now

from campaigns.models import Campaign
from campaigns.status import Status

from .models import Run


def note(campaign_id: int, fault: str) -> None:
    """All servers of the campaign's messenger rest, for the reason `fault`."""
    Run.objects.filter(campaign_id=campaign_id, down_since=None).update(down_since=Now())
    Campaign.objects.filter(pk=campaign_id, status=Status.RUNNING).exclude(status_reason=fault).update(
        status_reason=fault
    )


def clear(campaign_id: int) -> None:
    """A server has answered."""
    if Run.objects.filter(campaign_id=campaign_id, down_since__isnull=False).update(down_since=None):
        Campaign.objects.filter(pk=campaign_id, status=Status.RUNNING).update(status_reason="")
