"""Who qualifies for a campaign (contract 5.3), as parameters and pieces of SQL that others build on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from campaigns.models import Campaign, CampaignList
from subscribers.models import List


@dataclass(frozen=True, slots=True)
class Audience:
    """The lists of a campaign, each with the subscription statuses that qualify on it.

    list_ids, confirmed, unconfirmed: of equal length; the flags say which status counts on that list.
    """

    list_ids: tuple[int, ...]
    confirmed: tuple[bool, ...]
    unconfirmed: tuple[bool, ...]

    @classmethod
    def of(cls, campaign: Campaign) -> Self:
        """Read the lists as they are now. Deleted ones are gone, archived ones count (contract 2.7)."""
        rows = CampaignList.objects.filter(campaign=campaign, list__isnull=False)
        lists = rows.order_by("list_id").values_list("list_id", "list__optin")
        wanted = [(pk, *qualifying(campaign.type, optin)) for pk, optin in lists]
        wanted = [one for one in wanted if one[1] or one[2]]
        ids, confirmed, unconfirmed = zip(*wanted, strict=True) if wanted else ((), (), ())
        return cls(ids, confirmed, unconfirmed)

    @property
    def parameters(self) -> Mapping[str, Any]:
        """For `LISTS` and everything made of it."""
        return {
            "list_ids": list(self.list_ids),
            "confirmed": list(self.confirmed),
            "unconfirmed": list(self.unconfirmed),
        }


def qualifying(campaign_type: str, optin: str) -> tuple[bool, bool]:
    """Whether confirmed, and whether unconfirmed subscriptions of a list with this opt-in qualify."""
    double = optin == List.Optin.DOUBLE
    if campaign_type == Campaign.Type.OPTIN:
        return False, double
    return True, not double


LISTS = """
    unnest(%(list_ids)s::bigint[], %(confirmed)s::boolean[], %(unconfirmed)s::boolean[])
        AS list (id, confirmed, unconfirmed)"""

_QUALIFIES = """
    (subscription.status = 'confirmed' AND list.confirmed
        OR subscription.status = 'unconfirmed' AND list.unconfirmed)"""

# The next ids after %(after)s, each once. Every list is walked in order of its key and for %(step)s rows
# only: a semi-join would read the lists from their beginning at each step (performance.md A5, V4).
NEXT_IDS = f"""
    SELECT DISTINCT candidate.subscriber_id
      FROM {LISTS}
     CROSS JOIN LATERAL (
           SELECT subscription.subscriber_id
             FROM subscribers_subscription subscription
            WHERE subscription.list_id = list.id
              AND subscription.subscriber_id > %(after)s::bigint
              AND subscription.subscriber_id <= %(up_to)s::bigint
              AND {_QUALIFIES}
            ORDER BY subscription.subscriber_id
            LIMIT %(step)s) candidate
     ORDER BY candidate.subscriber_id
     LIMIT %(step)s"""

# Why `person` (a row of subscribers_subscriber, or nulls) may not be mailed any more: a LedgerReason, 0 when
# they may. The numbers are LedgerReason's DELETED, BLOCKLISTED, DISABLED, UNSUBSCRIBED.
OBSTACLE = f"""
    CASE WHEN person.id IS NULL THEN 4
         WHEN person.status = 'blocklisted' THEN 2
         WHEN person.status = 'disabled' THEN 3
         WHEN NOT EXISTS (
              SELECT FROM {LISTS}
                JOIN subscribers_subscription subscription
                  ON subscription.list_id = list.id AND subscription.subscriber_id = person.id
               WHERE {_QUALIFIES}) THEN 1
         ELSE 0 END"""

# About how many qualify, from the planner's statistics: EXPLAIN of this costs a millisecond at any size.
ROUGHLY = f"""
    SELECT DISTINCT subscription.subscriber_id
      FROM {LISTS}
      JOIN subscribers_subscription subscription ON subscription.list_id = list.id
     WHERE subscription.subscriber_id <= %(up_to)s AND {_QUALIFIES}"""
