"""Deleting campaigns, with everything that hangs on them."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db import transaction

from listmonk_py.api.errors import DomainError

from .models import Campaign
from .removal import remove_everything_of
from .search import containing

if TYPE_CHECKING:
    from listmonk_py.accounts.models import User


def delete(ids: Iterable[int]) -> int:
    """Delete campaigns in any status; return how many. What is being sent stops at its next checkpoint.

    One transaction each: a campaign of ten million ledger rows does not hold up the others.
    """
    deleted = 0
    for campaign_id in ids:
        with transaction.atomic():
            campaign = Campaign.objects.select_for_update().filter(pk=campaign_id).first()
            if campaign is None:
                continue
            remove_everything_of(campaign.pk)
            campaign.delete()
            deleted += 1
    return deleted


def matching(user: "User", *, ids: list[int], query: str = "", everything: bool = False) -> list[int]:
    """Ids of the campaigns to delete, among those the user may manage; the others are left out.

    Raises:
        DomainError: neither ids nor a query nor `all=true` was given.
    """
    rows = Campaign.objects.manageable_by(user)
    if ids:
        rows = rows.filter(pk__in=ids)
    elif query:
        rows = Campaign.objects.filter(
            pk__in=containing(rows, query, fields=("name", "subject")).values("pk")
        )
    elif not everything:
        raise DomainError("One or more IDs are invalid: id or query required")
    return list(rows.values_list("pk", flat=True))
