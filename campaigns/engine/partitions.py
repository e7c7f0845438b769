"""Partitions of the ledger, a thousand campaigns each: made ahead, and dropped when they are old.

Dropping old campaigns' records is then instant, however many rows they have.
"""

from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from campaigns.models import Campaign
from listmonk_py.configuration import runtime

CAMPAIGNS = 1000
AHEAD = 2
# Of transaction-level advisory locks; any number that is ours alone.
LOCK = 7_215_002
ENDED = ("finished", "cancelled")

# The constraint lets ATTACH skip its scan of the new table; the DEFAULT partition's rows of the range move.
MAKE = """
    CREATE TABLE {name} (LIKE engine_ledger INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
    ALTER TABLE {name} ADD CONSTRAINT {name}_range CHECK (campaign_id >= {start} AND campaign_id < {end});
    WITH moved AS (
        DELETE FROM engine_ledger_default WHERE campaign_id >= {start} AND campaign_id < {end} RETURNING *
    )
    INSERT INTO {name} SELECT * FROM moved;
    ALTER TABLE engine_ledger ATTACH PARTITION {name} FOR VALUES FROM ({start}) TO ({end});
    ALTER TABLE {name} DROP CONSTRAINT {name}_range;
"""


def make_ahead() -> list[str]:
    """Make the partitions of the newest campaigns and of the next ones; return the names of the new ones.

    Safe to run twice and on two machines.
    """
    newest = _newest()
    made = []
    for number in range(newest // CAMPAIGNS + AHEAD + 1):
        start = number * CAMPAIGNS
        name = f"engine_ledger_{start}"
        with transaction.atomic(), connection.cursor() as cursor:
            _lock(cursor)
            if not _exists(cursor, name) and not _is_over(start, newest):
                cursor.execute(MAKE.format(name=name, start=start, end=start + CAMPAIGNS))
                made.append(name)
    return made


def drop_old() -> int:
    """Delete the records of campaigns that ended longer ago than `engine.ledger_retention_days`; 0 keeps all.

    A partition of which all campaigns are that old is dropped as a whole, which is instant. The others go
    campaign by campaign, each in its own transaction. Returns how many partitions and campaigns went. The
    campaigns keep their totals.
    """
    cutoff = _cutoff()
    if cutoff is None:
        return 0
    dropped = _drop_whole()
    ended = Campaign.objects.filter(status__in=ENDED, finished_at__lt=cutoff)
    for campaign_id in ended.order_by("pk").values_list("pk", flat=True):
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM engine_ledger WHERE campaign_id = %s", [campaign_id])
            dropped += cursor.rowcount > 0
            cursor.execute("DELETE FROM engine_ledger_text WHERE campaign_id = %s", [campaign_id])
    return dropped


def _drop_whole() -> int:
    newest, dropped = _newest(), 0
    for start in range(0, newest - CAMPAIGNS, CAMPAIGNS):
        with transaction.atomic(), connection.cursor() as cursor:
            _lock(cursor)
            if _exists(cursor, f"engine_ledger_{start}") and _is_over(start, newest):
                cursor.execute(f"DROP TABLE engine_ledger_{start}")
                texts = "DELETE FROM engine_ledger_text WHERE campaign_id >= %s AND campaign_id < %s"
                cursor.execute(texts, [start, start + CAMPAIGNS])
                dropped += 1
    return dropped


def _is_over(start: int, newest: int) -> bool:
    """Whether every campaign of this partition has ended so long ago that its records may go."""
    cutoff = _cutoff()
    if cutoff is None or start + CAMPAIGNS > newest:
        return False
    members = Campaign.objects.filter(pk__gte=start, pk__lt=start + CAMPAIGNS)
    return not members.exclude(status__in=ENDED, finished_at__lt=cutoff).exists()


def _cutoff() -> datetime | None:
    days = runtime.get("engine.ledger_retention_days")
    return timezone.now() - timedelta(days=days) if days else None


def _newest() -> int:
    return Campaign.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def _lock(cursor: CursorWrapper) -> None:
    cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
    # Waiting for a lock longer would queue checkpoints behind us.
    cursor.execute("SET LOCAL lock_timeout = '2s'")


def _exists(cursor: CursorWrapper, name: str) -> bool:
    cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [name])
    return bool(cursor.fetchone()[0])
