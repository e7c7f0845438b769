"""The ledger beyond checkpoints: corrections, retries, what staff resolve, and how rows are counted."""

from typing import Any

from django.db import connection, transaction

from campaigns.models import Campaign

from .database import run
from .leases import Lease
from .models import Batch, LedgerEntry, LedgerStatus, Run
from .planning import write_retry_batches
from .verdicts import Verdict

# One recipient's `unknown` becomes what the second sending showed; only for who still holds the batch, since
# the counters go with it.
CORRECT = """
    WITH held AS MATERIALIZED (
        SELECT id FROM engine_batch
         WHERE id = %(batch)s AND token = %(token)s AND state = 0
           FOR UPDATE),
    corrected AS (
        UPDATE engine_ledger
           SET at = now(), status = %(status)s, reason = %(reason)s, code = %(code)s, attempts = %(attempts)s,
               retry_at = now() + make_interval(secs => %(retry_s)s::float8)
          FROM held
         WHERE campaign_id = %(campaign)s AND subscriber_id = %(subscriber)s AND status = 6
     RETURNING subscriber_id),
    said AS (
        INSERT INTO engine_ledger_text (campaign_id, subscriber_id, text)
        SELECT %(campaign)s, subscriber_id, %(text)s::text FROM corrected WHERE %(text)s::text <> ''
            ON CONFLICT (campaign_id, subscriber_id) DO UPDATE SET text = excluded.text)
    UPDATE engine_batch b
       SET unknown = b.unknown - 1, {counter} = b.{counter} + 1
      FROM corrected
     WHERE b.id = %(batch)s
 RETURNING b.id
"""
_COUNTER = {
    LedgerStatus.ACCEPTED: "accepted",
    LedgerStatus.DEFERRED: "deferred",
    LedgerStatus.FAILED: "failed",
    LedgerStatus.SKIPPED: "skipped",
}

# The deferred who are due become `queued`, in one statement, so that no two scans take the same row.
QUEUE_DUE = """
    UPDATE engine_ledger SET status = 3, retry_at = NULL
     WHERE (campaign_id, subscriber_id) IN (
           SELECT campaign_id, subscriber_id FROM engine_ledger
            WHERE campaign_id = %s AND status = 2 AND retry_at <= now()
            ORDER BY retry_at LIMIT %s
              FOR UPDATE SKIP LOCKED)
 RETURNING subscriber_id
"""

QUEUE_FAILED = """
    UPDATE engine_ledger SET status = 3, retry_at = NULL, attempts = 0, reason = 0, at = now()
     WHERE campaign_id = %s AND status = 4
 RETURNING subscriber_id
"""

QUEUE_UNKNOWN = """
    UPDATE engine_ledger
       SET status = 3, retry_at = NULL, attempts = 0, reason = 0, at = now(), possible_duplicate = true
     WHERE campaign_id = %s AND status = 6
 RETURNING subscriber_id
"""

ACCEPT_UNKNOWN = "UPDATE engine_ledger SET status = 1, at = now() WHERE campaign_id = %s AND status = 6"

CANCEL_DEFERRED = """
    UPDATE engine_ledger SET status = 5, reason = 5, retry_at = NULL, at = now()
     WHERE campaign_id = %s AND status = 2
"""

MOST_RETRIED_AT_ONCE = 20_000


def correct(lease: Lease, subscriber_id: int, verdict: Verdict) -> bool:
    """Replace one `unknown` by what became known.

    False, and without effect, when staff have resolved it meanwhile, or the lease is lost.
    """
    if verdict.status not in _COUNTER:
        return False
    parameters = {
        "status": int(verdict.status),
        "reason": int(verdict.reason),
        "code": verdict.code,
        "attempts": verdict.attempts,
        "retry_s": verdict.retry_s,
        "campaign": lease.campaign_id,
        "subscriber": subscriber_id,
        "batch": lease.batch_id,
        "token": lease.token,
        "text": verdict.text,
    }
    return bool(run(CORRECT.format(counter=_COUNTER[verdict.status]), parameters))


def queue_due(campaign_id: int) -> int:
    """Write retry batches for the deferred whose time has come; the caller holds the campaign's row."""
    ids = _returned(QUEUE_DUE, [campaign_id, MOST_RETRIED_AT_ONCE])
    if ids:
        write_retry_batches(campaign_id, ids)
    return len(ids)


@transaction.atomic
def queue_failed(campaign: Campaign) -> int:
    """Queue everybody who failed for another try; the caller holds the campaign's row. Returns how many."""
    ids = _returned(QUEUE_FAILED, [campaign.pk])
    if ids:
        write_retry_batches(campaign.pk, ids)
    return len(ids)


@transaction.atomic
def queue_unknown(campaign: Campaign) -> int:
    """Queue everybody in doubt, flagged as possible duplicates; the caller holds the campaign's row."""
    ids = _returned(QUEUE_UNKNOWN, [campaign.pk])
    if ids:
        write_retry_batches(campaign.pk, ids)
    return len(ids)


def accept_unknown(campaign: Campaign) -> int:
    """Take everybody in doubt as reached; the caller holds the campaign's row. Returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(ACCEPT_UNKNOWN, [campaign.pk])
        return int(cursor.rowcount)


def cancel_deferred(campaign_id: int) -> int:
    """Skip those who wait for a retry; the caller holds the campaign's row. Returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(CANCEL_DEFERRED, [campaign_id])
        return int(cursor.rowcount)


def count(campaign_id: int) -> dict[str, int]:
    """Rows by status: the truth that the campaign's counters have to equal.

    `deferred` includes those in a retry batch. Reads the whole partition slice of the campaign.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT status, count(*) FROM engine_ledger WHERE campaign_id = %s GROUP BY status", [campaign_id]
        )
        found = dict(cursor.fetchall())
    names = {status.label: found.get(status.value, 0) for status in LedgerStatus}
    names["deferred"] += names.pop("queued")
    return names


def forget(campaign_id: int) -> None:
    """Delete a campaign's rows. The batches first: a checkpoint under way is then over, and none follows."""
    Batch.objects.filter(campaign_id=campaign_id).delete()
    Run.objects.filter(campaign_id=campaign_id).delete()
    LedgerEntry.objects.filter(campaign_id=campaign_id).delete()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM engine_ledger_text WHERE campaign_id = %s", [campaign_id])


def _returned(statement: str, parameters: list[Any]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return [row[0] for row in cursor.fetchall()]


__all__ = [
    "accept_unknown",
    "cancel_deferred",
    "correct",
    "count",
    "forget",
    "queue_due",
    "queue_failed",
    "queue_unknown",
]
