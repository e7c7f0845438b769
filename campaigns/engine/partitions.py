"""Partitions of the ledger, a thousand campaigns each: made ahead, and dropped when they are old.

Dropping old campaigns' records is then instant, however many rows they have.
"""

from datetime import timedelta

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from campaigns.models import Campaign
from listmonk_py.configuration import runtime

CAMPAIGNS = 1000
AHEAD = 2
# Of transaction-level advisory locks; any number that is ours alone.
LOCK = 7_215_002

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
    newest = Campaign.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    made = []
    for number in range(newest // CAMPAIGNS + AHEAD + 1):
        start = number * CAMPAIGNS
        name = f"engine_ledger_{start}"
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
            # Waiting for a lock longer would queue checkpoints behind us.
            cursor.execute("SET LOCAL lock_timeout = '2s'")
            if not _exists(cursor, name):
                cursor.execute(MAKE.format(name=name, start=start, end=start + CAMPAIGNS))
                made.append(name)
    return made


def drop_old() -> int:
    """Delete the records of campaigns that ended longer ago than `engine.ledger_retention_days`.

    Campaign by campaign, each in its own transaction; 0 days keeps all. Returns how many campaigns' records
    went. The campaigns keep their totals.
    """
    days = runtime.get("engine.ledger_retention_days")
    if not days:
        return 0
    ended = Campaign.objects.filter(
        status__in=["finished", "cancelled"], finished_at__lt=timezone.now() - timedelta(days=days)
    )
    dropped = 0
    for campaign_id in ended.order_by("pk").values_list("pk", flat=True):
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM engine_ledger WHERE campaign_id = %s", [campaign_id])
            dropped += cursor.rowcount > 0
            cursor.execute("DELETE FROM engine_ledger_text WHERE campaign_id = %s", [campaign_id])
    return dropped


def _exists(cursor: CursorWrapper, name: str) -> bool:
    cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [name])
    return bool(cursor.fetchone()[0])
