"""Monthly partitions of views and clicks: made ahead, so that no event waits for one.

A new table is filled with what the DEFAULT partition holds of its month, constrained, and attached; the
parent is only locked for that last step. Safe to run twice and on two machines.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

TABLES = ("tracking_view", "tracking_click")
MONTHS_AHEAD = 3
# Of transaction-level advisory locks; any number that is ours alone.
LOCK = 7_215_001

# The constraint lets ATTACH skip its scan of the new table.
MAKE = """
    CREATE TABLE {name} (LIKE {parent} INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
    ALTER TABLE {name} ADD CONSTRAINT {name}_month CHECK (created_at >= '{start}' AND created_at < '{end}');
    WITH moved AS (
        DELETE FROM {parent}_default WHERE created_at >= '{start}' AND created_at < '{end}' RETURNING *
    )
    INSERT INTO {name} SELECT * FROM moved;
    ALTER TABLE {parent} ATTACH PARTITION {name} FOR VALUES FROM ('{start}') TO ('{end}');
    ALTER TABLE {name} DROP CONSTRAINT {name}_month;
"""


def months(first: date, count: int) -> Iterator[tuple[datetime, datetime]]:
    """Start and end [UTC] of `count` months, from that of `first` on."""
    year, month = first.year, first.month
    for _ in range(count):
        start = datetime(year, month, 1, tzinfo=UTC)
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        yield start, datetime(year, month, 1, tzinfo=UTC)


def partition_name(parent: str, start: datetime) -> str:
    return f"{parent}_{start:%Y_%m}"


def make_ahead(*, today: date | None = None, months_ahead: int = MONTHS_AHEAD) -> list[str]:
    """Make the partitions of this month and the next ones; return the names of the new ones."""
    made = []
    for start, end in months(today or timezone.now().date(), months_ahead + 1):
        for parent in TABLES:
            name = partition_name(parent, start)
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
                # Waiting for a lock longer would queue the tracker's inserts behind us.
                cursor.execute("SET LOCAL lock_timeout = '5s'")
                if not _exists(cursor, name):
                    cursor.execute(MAKE.format(name=name, parent=parent, start=start, end=end))
                    made.append(name)
    return made


def _exists(cursor: CursorWrapper, name: str) -> bool:
    cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [name])
    return bool(cursor.fetchone()[0])


def attached(parent: str) -> list[str]:
    """The names of the partitions of `parent`, oldest month first, without the DEFAULT one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass", [parent]
        )
        return sorted(name for (name,) in cursor.fetchall() if not name.endswith("_default"))
