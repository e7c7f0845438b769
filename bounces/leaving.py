"""Somebody left by a provider's own unsubscribe link or button.

It counts like the link in the mail: the campaign's lists, or every list when nothing tells which. The
provider stops its mail to the address anyway; here it is written down, so that nobody tries.
"""

from uuid import UUID

from django.db import transaction

from campaigns.models import CampaignList
from subscribers import consent

from .events import BounceEvent
from .recording import find


@transaction.atomic
def leave(event: BounceEvent) -> int:
    """Unsubscribe the person whom `event` is about; how many subscriptions changed, 0 for a stranger."""
    person = find(event)
    if person is None:
        return 0
    return consent.unsubscribe([person.pk], _lists_of(event.campaign_uuid) or None)


def _lists_of(campaign_uuid: UUID | None) -> list[int]:
    if campaign_uuid is None:
        return []
    lists = CampaignList.objects.filter(campaign__uuid=campaign_uuid, list__isnull=False)
    return [pk for pk in lists.values_list("list_id", flat=True) if pk is not None]
