"""Changes to many people at once, in chunks that are each one short transaction (contract 3.5).

`consent` holds the rules; here is only how many rows are touched at a time: a transaction over a
million people would hold their rows against imports, bounces and unsubscriptions for minutes.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from functools import partial
from itertools import islice

from django.db import connection, transaction

from listmonk_py.api.errors import DomainError

from . import consent
from .deadlocks import retried
from .models import Subscription

CHUNK = 5_000

# Why SQL: the subscriptions go first, in one statement. Left to the foreign key, PostgreSQL would
# delete them person by person, and the counting trigger would run once for each.
DELETE_SUBSCRIPTIONS = """
    WITH people AS (
        SELECT id FROM subscribers_subscriber WHERE id = ANY(%(ids)s) ORDER BY id FOR UPDATE
    )
    DELETE FROM subscribers_subscription WHERE subscriber_id IN (SELECT id FROM people)
"""
DELETE_PEOPLE = "DELETE FROM subscribers_subscriber WHERE id = ANY(%(ids)s)"


class Action(StrEnum):
    ADD = "add"
    REMOVE = "remove"
    UNSUBSCRIBE = "unsubscribe"


def chunks(ids: Iterable[int], size: int) -> Iterator[list[int]]:
    """`ids` in lists of at most `size`."""
    rest = iter(ids)
    while chunk := list(islice(rest, size)):
        yield chunk


def delete(ids: Iterable[int]) -> int:
    """Delete people with their subscriptions and bounces; return how many there were."""
    return _in_chunks(ids, _delete_chunk)


def _delete_chunk(ids: Sequence[int]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(DELETE_SUBSCRIPTIONS, {"ids": list(ids)})
        cursor.execute(DELETE_PEOPLE, {"ids": list(ids)})
        return cursor.rowcount


def blocklist(ids: Iterable[int]) -> int:
    """Blocklist people and unsubscribe them from everything; return how many were not blocklisted before."""
    return _in_chunks(ids, consent.blocklist)


def change_lists(
    ids: Iterable[int],
    action: Action,
    list_ids: Sequence[int],
    *,
    status: str = "",
    overwrite: bool = True,
) -> int:
    """Add people to lists, take them off, or unsubscribe them; return how many subscriptions changed.

    Args:
        status: for `add`: of new subscriptions, blank is unconfirmed.
        overwrite: for `add` with a status: existing subscriptions take it too.
    """
    existing = consent.Existing.OVERWRITE if status and overwrite else consent.Existing.KEEP

    def change(chunk: Sequence[int]) -> int:
        match action:
            case Action.ADD:
                given = status or Subscription.Status.UNCONFIRMED
                return consent.subscribe(chunk, list_ids, status=given, existing=existing)
            case Action.REMOVE:
                return consent.remove(chunk, list_ids)
            case Action.UNSUBSCRIBE:
                return consent.unsubscribe(chunk, list_ids)

    return _in_chunks(ids, change)


def parse_action(text: str) -> Action:
    """
    Raises:
        DomainError: not one of the three.
    """
    try:
        return Action(text)
    except ValueError:
        raise DomainError("Invalid action. Use add, remove or unsubscribe.") from None


def _in_chunks(ids: Iterable[int], change: Callable[[Sequence[int]], int]) -> int:
    atomically = transaction.atomic(change)
    return sum(retried(partial(atomically, chunk)) for chunk in chunks(ids, CHUNK))
