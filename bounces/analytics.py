"""Bounces of chosen campaigns over time, for `GET /api/campaigns/analytics/bounces`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection

from tracking.analytics import HOURLY_BELOW

# Why SQL: date_trunc in a time zone; the same shape as `tracking.analytics`.
PER_BUCKET = """
    SELECT campaign_id, count(*) AS count, date_trunc(%(unit)s, created_at, %(zone)s) AS timestamp
      FROM bounces_bounce
     WHERE campaign_id = ANY(%(ids)s) AND created_at BETWEEN %(since)s AND %(until)s
     GROUP BY 1, 3 ORDER BY 3, 1
"""


def bounces(ids: Sequence[int], since: datetime, until: datetime) -> list[dict[str, Any]]:
    """`{campaign_id, count, timestamp}` per campaign and hour (day from a range of seven days on)."""
    unit = "hour" if until - since < HOURLY_BELOW else "day"
    period = {"ids": list(ids), "since": since, "until": until, "unit": unit, "zone": settings.TIME_ZONE}
    with connection.cursor() as cursor:
        cursor.execute(PER_BUCKET, period)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
