"""How many people and subscriptions there are, by status, without scanning the big tables.

Statement triggers (migration 0003) write a `Tally` row with the change of each status whenever
subscriptions or people change; a count is the sum of the changes. Rows are only added, so concurrent
sign-ups to one list never wait for each other, as they would for a counter that is updated; and the
sum is exact in every snapshot. `compact` adds the rows together: beat every minute, imports at the end.
"""

from collections.abc import Collection

from django.db import connection, transaction
from django.db.models import IntegerField, OuterRef, Subquery, Sum
from django.db.models.functions import Cast, Coalesce

from .models import Subscriber, Tally

# Why SQL: delete and insert are one statement, so that no reader sees the count between them.
COMPACT = """
    WITH gone AS (DELETE FROM subscribers_tally RETURNING list_id, status, change)
    INSERT INTO subscribers_tally (list_id, status, change)
    SELECT list_id, status, sum(change) FROM gone GROUP BY 1, 2 HAVING sum(change) <> 0
"""

COUNT_ALL = """
    INSERT INTO subscribers_tally (list_id, status, change)
    SELECT list_id, status, count(*) FROM subscribers_subscription GROUP BY 1, 2
    UNION ALL
    SELECT NULL, status, count(*) FROM subscribers_subscriber GROUP BY status
"""

COMPACTION_LOCK = 0x7A11E5


def of_lists(list_ids: Collection[int]) -> dict[int, dict[str, int]]:
    """Subscriptions of each list by status; statuses that nobody has are left out."""
    found: dict[int, dict[str, int]] = {pk: {} for pk in list_ids}
    sums = (
        Tally.objects.filter(list_id__in=list_ids)
        .values_list("list_id", "status")
        .annotate(number=Sum("change"))
        .order_by("list_id", "status")
    )
    for list_id, status, number in sums:
        if number:
            found[list_id][status] = int(number)
    return found


def of_people() -> dict[str, int]:
    """People by status; every status is a key."""
    found = dict.fromkeys(Subscriber.Status.values, 0)
    sums = Tally.objects.filter(list_id=None).values_list("status").annotate(number=Sum("change"))
    found.update({status: int(number) for status, number in sums})
    return found


def people() -> int:
    """Everybody, whatever their status."""
    return sum(of_people().values())


def on_list(list_id: int, status: str = "") -> int:
    """Subscriptions of one list, all or those of one status."""
    of_list = of_lists([list_id])[list_id]
    return of_list.get(status, 0) if status else sum(of_list.values())


def subscriber_count() -> Coalesce:
    """The number of a list's subscriptions, to annotate and order a queryset of lists by."""
    parts = Tally.objects.filter(list_id=OuterRef("pk")).order_by().values("list_id")
    return Coalesce(Cast(Subquery(parts.annotate(n=Sum("change")).values("n")), IntegerField()), 0)


def compact() -> None:
    """Add all changes together into one row per list and status. Twice at once: the second leaves it be."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [COMPACTION_LOCK])
        if cursor.fetchone()[0]:
            cursor.execute(COMPACT)


def recount() -> None:
    """Count from the tables themselves, for operators who have changed them with triggers off.

    Writers wait meanwhile: a change between count and commit would be lost.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "LOCK TABLE subscribers_subscriber, subscribers_subscription, subscribers_tally "
            "IN SHARE ROW EXCLUSIVE MODE"
        )
        Tally.objects.all().delete()
        cursor.execute(COUNT_ALL)
