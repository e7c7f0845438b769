"""Deleting people and subscriptions that have outlived their use (contract 3.13).

Chunks are found by key, and each is one short transaction. Who was put on a list or confirmed meanwhile stays.
"""

from collections.abc import Sequence
from datetime import datetime

from django.db import connection, transaction

CHUNK = 5_000

# Why SQL: locks and deletions of a chunk are one statement each. The lock holds off new subscriptions of
# these people (their foreign key needs it), so the second statement, which sees what came before the
# lock, asks for the last time.
ORPHANS_CHUNK = """
    SELECT s.id FROM subscribers_subscriber s
     WHERE s.id > %(after)s
       AND NOT EXISTS (SELECT 1 FROM subscribers_subscription p WHERE p.subscriber_id = s.id)
     ORDER BY s.id LIMIT %(rows)s FOR UPDATE OF s
"""
DELETE_ORPHANS = """
    DELETE FROM subscribers_subscriber s
     WHERE s.id = ANY(%(ids)s)
       AND NOT EXISTS (SELECT 1 FROM subscribers_subscription p WHERE p.subscriber_id = s.id)
"""

# The subscriptions of a chunk go before its people, in one statement: left to the foreign key,
# PostgreSQL would delete them person by person, and the counting trigger would run once for each.
BLOCKLISTED_CHUNK = """
    SELECT id FROM subscribers_subscriber
     WHERE status = 'blocklisted' AND id > %(after)s ORDER BY id LIMIT %(rows)s FOR UPDATE
"""
DELETE_SUBSCRIPTIONS = "DELETE FROM subscribers_subscription WHERE subscriber_id = ANY(%(ids)s)"
DELETE_PEOPLE = "DELETE FROM subscribers_subscriber WHERE id = ANY(%(ids)s)"

UNCONFIRMED = """
    WITH chunk AS (
        SELECT p.list_id, p.subscriber_id
          FROM subscribers_subscription p JOIN subscribers_list l ON l.id = p.list_id
         WHERE l.optin = 'double' AND p.status = 'unconfirmed' AND p.created_at < %(before)s
         ORDER BY p.list_id, p.subscriber_id LIMIT %(rows)s FOR UPDATE OF p
    )
    DELETE FROM subscribers_subscription p USING chunk
     WHERE p.list_id = chunk.list_id AND p.subscriber_id = chunk.subscriber_id
"""


def delete_orphans() -> int:
    """Delete people who are on no list; return how many."""
    return _delete_people(ORPHANS_CHUNK, [DELETE_ORPHANS])


def delete_blocklisted() -> int:
    """Delete blocklisted people with their subscriptions; return how many."""
    return _delete_people(BLOCKLISTED_CHUNK, [DELETE_SUBSCRIPTIONS, DELETE_PEOPLE])


def _delete_people(chunk: str, statements: Sequence[str]) -> int:
    """Run `statements` on each chunk of ids; the last one's row count is what was deleted."""
    deleted, after = 0, 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(chunk, {"after": after, "rows": CHUNK})
            ids = [pk for (pk,) in cursor.fetchall()]
            if not ids:
                return deleted
            for statement in statements:
                cursor.execute(statement, {"ids": ids})
            deleted += cursor.rowcount
        after = ids[-1]


def delete_unconfirmed(before: datetime) -> int:
    """Delete subscriptions to double opt-in lists that nobody confirmed since `before`; return how many."""
    deleted = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(UNCONFIRMED, {"before": before, "rows": CHUNK})
            gone = cursor.rowcount
        deleted += gone
        if not gone:
            return deleted
