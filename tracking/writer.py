"""Stores opens and clicks in PostgreSQL, each exactly once.

A batch is one transaction: COPY the lines, resolve UUIDs set-wise, insert what is new, add to the counts
what was really inserted. An event that comes again, after a crash or a late write, has an id that is there
already and adds nothing: rows and counts agree at any moment.
"""

import logging
from collections.abc import Sequence

from django.conf import settings
from django.db import DataError, connection, transaction

from . import machines

logger = logging.getLogger(__name__)

STATEMENT_TIMEOUT_MS = 30_000
LOCK_TIMEOUT_MS = 10_000

STAGE = """
    CREATE TEMPORARY TABLE tracking_stage (
        kind "char", event_id uuid, created_at timestamptz, campaign uuid, subscriber uuid, link uuid,
        machine smallint
    ) ON COMMIT DROP
"""

COPY = "COPY tracking_stage FROM STDIN (FORMAT csv)"

# Why SQL: six facts in one statement, on sets. Events of unknown campaigns or links, and those with an
# impossible time, are dropped; an unknown subscriber becomes NULL. The counts take what RETURNING gives,
# rows that were really inserted, in an order that keeps two trackers from deadlocking.
INSERT = """
    WITH staged AS (
        SELECT s.kind, s.event_id, s.created_at, c.id AS campaign_id, p.id AS subscriber_id,
               l.id AS link_id,
               CASE WHEN s.machine = 0 AND s.created_at < delivered.at + interval '1 second'
                    THEN {too_soon} ELSE s.machine END AS machine
          FROM tracking_stage s
          JOIN campaigns_campaign c ON c.uuid = s.campaign
          LEFT JOIN subscribers_subscriber p ON p.uuid = s.subscriber
          LEFT JOIN tracking_link l ON l.uuid = s.link
          LEFT JOIN LATERAL (
                SELECT d.at FROM ({deliveries}) d
                 WHERE d.campaign_id = c.id AND d.subscriber_id = p.id LIMIT 1
               ) delivered ON TRUE
         WHERE s.created_at BETWEEN now() - interval '400 days' AND now() + interval '1 day'
    ), views AS (
        INSERT INTO tracking_view (event_id, created_at, campaign_id, subscriber_id, machine)
        SELECT event_id, created_at, campaign_id, subscriber_id, machine FROM staged WHERE kind = 'v'
        ON CONFLICT DO NOTHING
        RETURNING campaign_id, created_at, machine
    ), clicks AS (
        INSERT INTO tracking_click (event_id, created_at, campaign_id, subscriber_id, link_id, machine)
        SELECT event_id, created_at, campaign_id, subscriber_id, link_id, machine
          FROM staged WHERE kind = 'c' AND link_id IS NOT NULL
        ON CONFLICT DO NOTHING
        RETURNING campaign_id, created_at, machine
    ), stored AS (
        SELECT campaign_id, created_at, machine = 0 AS human, TRUE AS is_view FROM views
        UNION ALL
        SELECT campaign_id, created_at, machine = 0, FALSE FROM clicks
    ), per_campaign AS (
        INSERT INTO tracking_campaign_count AS total
               (campaign_id, views, clicks, machine_views, machine_clicks)
        SELECT campaign_id,
               count(*) FILTER (WHERE human AND is_view), count(*) FILTER (WHERE human AND NOT is_view),
               count(*) FILTER (WHERE NOT human AND is_view),
               count(*) FILTER (WHERE NOT human AND NOT is_view)
          FROM stored GROUP BY campaign_id ORDER BY campaign_id
        ON CONFLICT (campaign_id) DO UPDATE
           SET views = total.views + EXCLUDED.views, clicks = total.clicks + EXCLUDED.clicks,
               machine_views = total.machine_views + EXCLUDED.machine_views,
               machine_clicks = total.machine_clicks + EXCLUDED.machine_clicks
    ), per_day AS (
        INSERT INTO tracking_day_count AS total (day, views, clicks)
        SELECT (created_at AT TIME ZONE %(zone)s)::date AS day,
               count(*) FILTER (WHERE is_view), count(*) FILTER (WHERE NOT is_view)
          FROM stored WHERE human GROUP BY 1 ORDER BY 1
        ON CONFLICT (day) DO UPDATE
           SET views = total.views + EXCLUDED.views, clicks = total.clicks + EXCLUDED.clicks
    )
    SELECT count(*) FROM stored
"""


def store(entries: Sequence[bytes]) -> int:
    """Store the lines of stream entries in one transaction; return how many events were new.

    An entry that PostgreSQL cannot read (a damaged or foreign one) is logged and left out.

    Raises:
        DatabaseError: PostgreSQL is away or refuses; nothing was stored, and trying again is safe.
    """
    if not entries:
        return 0
    try:
        return _store(entries)
    except DataError as error:
        if len(entries) == 1:
            logger.error("A stream entry that is no event is thrown away (%s): %r", error, entries[0][:200])
            return 0
    half = len(entries) // 2
    return store(entries[:half]) + store(entries[half:])


@transaction.atomic
def _store(entries: Sequence[bytes]) -> int:
    insert = INSERT.format(too_soon=machines.Machine.TOO_SOON.value, deliveries=machines.deliveries_sql)
    with connection.cursor() as cursor, connection.wrap_database_errors:
        # No result is needed before the next: one round trip for four. A COPY cannot be in a pipeline.
        with connection.connection.pipeline():
            cursor.execute(f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_MS}")
            cursor.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
            # The entries are deleted in Redis next, so this commit must be on disk.
            cursor.execute("SET LOCAL synchronous_commit = on")
            cursor.execute(STAGE)
        with cursor.copy(COPY) as copy:
            copy.write(b"".join(entries))
        cursor.execute(insert, {"zone": settings.TIME_ZONE})
        return int(cursor.fetchone()[0])
