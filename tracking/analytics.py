"""Opens and clicks of chosen campaigns over time, and their most clicked links (contract 3.7, analytics).

Machines are left out. With individual tracking on, a person counts once per campaign, at their first
hit, and all anonymous hits of a campaign together as one.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection

HOURLY_BELOW = timedelta(days=7)
TOP_LINKS = 50

# Why SQL: date_trunc in a time zone over two partitioned tables of one shape. The index on
# (campaign_id, created_at) serves it; partitions outside the range are not touched.
PER_BUCKET = """
    SELECT campaign_id, count(*) AS count, date_trunc(%(unit)s, created_at, %(zone)s) AS timestamp
      FROM {table}
     WHERE campaign_id = ANY(%(ids)s) AND created_at BETWEEN %(since)s AND %(until)s AND machine = 0
     GROUP BY 1, 3 ORDER BY 3, 1
"""

FIRST_PER_BUCKET = """
    WITH hit AS (
        SELECT campaign_id, min(created_at) AS created_at
          FROM {table}
         WHERE campaign_id = ANY(%(ids)s) AND created_at BETWEEN %(since)s AND %(until)s AND machine = 0
         GROUP BY campaign_id, subscriber_id
    )
    SELECT campaign_id, count(*) AS count, date_trunc(%(unit)s, created_at, %(zone)s) AS timestamp
      FROM hit GROUP BY 1, 3 ORDER BY 3, 1
"""

LINKS = """
    SELECT link.url, {count} AS count
      FROM tracking_click click JOIN tracking_link link ON link.id = click.link_id
     WHERE click.campaign_id = ANY(%(ids)s) AND click.created_at BETWEEN %(since)s AND %(until)s
       AND click.machine = 0
     GROUP BY link.id, link.url ORDER BY 2 DESC, link.url LIMIT %(limit)s
"""


def views(ids: Sequence[int], since: datetime, until: datetime, *, individual: bool) -> list[dict[str, Any]]:
    """`{campaign_id, count, timestamp}` per campaign and hour (day from a range of seven days on)."""
    return _buckets("tracking_view", ids, since, until, individual)


def clicks(ids: Sequence[int], since: datetime, until: datetime, *, individual: bool) -> list[dict[str, Any]]:
    """As `views`."""
    return _buckets("tracking_click", ids, since, until, individual)


def top_links(
    ids: Sequence[int], since: datetime, until: datetime, *, individual: bool
) -> list[dict[str, Any]]:
    """`{url, count}` of the 50 most clicked; with `individual`, of how many people (anonymous: none)."""
    count = "count(DISTINCT click.subscriber_id)" if individual else "count(*)"
    period = {"ids": list(ids), "since": since, "until": until, "limit": TOP_LINKS}
    return _rows(LINKS.format(count=count), period)


def _buckets(
    table: str, ids: Sequence[int], since: datetime, until: datetime, individual: bool
) -> list[dict[str, Any]]:
    sql = (FIRST_PER_BUCKET if individual else PER_BUCKET).format(table=table)
    unit = "hour" if until - since < HOURLY_BELOW else "day"
    period = {"ids": list(ids), "since": since, "until": until}
    return _rows(sql, {**period, "unit": unit, "zone": settings.TIME_ZONE})


def _rows(sql: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
