"""Walking down the ids of people for the pages of staff, in steps that cost the same whatever narrows them.

A condition (a list, a status, the lists that a user may read) is walked along an index of its own, so nobody
who does not meet it is looked at. Of two conditions the rarer is walked, and the page checks the other.
"""

from typing import TYPE_CHECKING, Any

from django.db import connection

from listmonk_py.accounts.admin_paging import Walk, walk_down

from . import counts
from .models import Subscriber, Subscription

if TYPE_CHECKING:
    from listmonk_py.accounts.models import User

# Why SQL: each list is read along its own key and no further than the page needs; the ORM has no LATERAL.
# A condition `list_id = ANY(...)` would read and sort all members of all the lists.
ON_LISTS = """
    SELECT DISTINCT member.subscriber_id
      FROM unnest(%(list_ids)s::bigint[]) AS mine (list_id)
     CROSS JOIN LATERAL (
           SELECT subscriber_id
             FROM subscribers_subscription
            WHERE list_id = mine.list_id AND subscriber_id < %(below)s {only}
            ORDER BY subscriber_id DESC
            LIMIT %(most)s) AS member
     ORDER BY 1 DESC
     LIMIT %(most)s
"""
# Who has left a list is found by an index of its own (`subscription_left`).
LEFT = "AND status = 'unsubscribed'"
BEYOND_ALL = 2**63 - 1


def people(user: "User", *, status: str = "", list_id: int | None = None, subscription: str = "") -> Walk:
    """Walks everybody with this status, and on this list with this status of the subscription, whom `user`
    may see, and perhaps others: what is rarer is walked.

    Of subscriptions by status only the ended ones have an index; the others are walked with the whole list.
    """
    narrower: list[tuple[int, Walk]] = []
    readable = user.readable_list_ids()
    if list_id is not None:
        number = counts.on_list(list_id, subscription)
        if not number or (readable is not None and list_id not in readable):
            return nobody
        is_left = subscription == Subscription.Status.UNSUBSCRIBED
        narrower.append((number, on_lists([list_id], left=is_left)))
    elif readable is not None and not user.may("subscribers:get_all"):
        of_each = counts.of_lists(readable)
        number = sum(sum(statuses.values()) for statuses in of_each.values())
        narrower.append((number, on_lists(sorted(readable))))
    if status:
        rows = Subscriber.objects.filter(status=status)
        narrower.append((counts.of_people().get(status, 0), walk_down(rows)))
    return min(narrower, key=lambda one: one[0])[1] if narrower else walk_down(Subscriber.objects.all())


def nobody(below: int | None, most: int) -> list[int]:
    return []


def on_lists(list_ids: list[int], *, left: bool = False) -> Walk:
    """Members of any of these lists; with `left` those who have unsubscribed."""
    sql = ON_LISTS.format(only=LEFT if left else "")

    def walk(below: int | None, most: int) -> list[int]:
        bounds: dict[str, Any] = {
            "list_ids": list_ids,
            "below": BEYOND_ALL if below is None else below,
            "most": most,
        }
        with connection.cursor() as cursor:
            cursor.execute(sql, bounds)
            return [pk for (pk,) in cursor.fetchall()]

    return walk
