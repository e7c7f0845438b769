"""Forgetting opens and clicks: old ones (maintenance), and those of deleted campaigns.

Counts follow what is deleted, in the same transaction, so pages and rows keep agreeing.
"""

from datetime import datetime

from django.conf import settings
from django.db import connection, transaction

from .models import CampaignCount, Click, View

# Rows per transaction, so that a large deletion holds no lock for long and can be stopped.
ROWS = 20_000

DELETE_OLD = """
    WITH doomed AS (
        SELECT event_id, created_at FROM {table} WHERE created_at < %(before)s LIMIT %(rows)s
    ), gone AS (
        DELETE FROM {table} t USING doomed
         WHERE t.event_id = doomed.event_id AND t.created_at = doomed.created_at
        RETURNING t.campaign_id, t.created_at, t.machine
    ), per_campaign AS (
        UPDATE tracking_campaign_count total
           SET {name} = greatest(0, total.{name} - gone.people),
               machine_{name} = greatest(0, total.machine_{name} - gone.machines)
          FROM (SELECT campaign_id, count(*) FILTER (WHERE machine = 0) AS people,
                       count(*) FILTER (WHERE machine > 0) AS machines
                  FROM gone GROUP BY campaign_id) gone
         WHERE total.campaign_id = gone.campaign_id
    ), per_day AS (
        UPDATE tracking_day_count total SET {name} = greatest(0, total.{name} - gone.people)
          FROM (SELECT (created_at AT TIME ZONE %(zone)s)::date AS day, count(*) AS people
                  FROM gone WHERE machine = 0 GROUP BY 1) gone
         WHERE total.day = gone.day
    )
    SELECT count(*) FROM gone
"""


def delete_views(before: datetime) -> int:
    """Delete the opens before a time; return how many."""
    return _delete_old("tracking_view", "views", before)


def delete_clicks(before: datetime) -> int:
    """Delete the clicks before a time; return how many."""
    return _delete_old("tracking_click", "clicks", before)


def _delete_old(table: str, name: str, before: datetime) -> int:
    sql = DELETE_OLD.format(table=table, name=name)
    total = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql, {"before": before, "rows": ROWS, "zone": settings.TIME_ZONE})
            gone = cursor.fetchone()[0]
        total += gone
        if gone < ROWS:
            return total


@transaction.atomic
def forget_campaign(campaign_id: int) -> None:
    """Delete what is known of a deleted campaign. The dashboard's days keep what happened on them."""
    for model in (View, Click):
        model.objects.filter(campaign_id=campaign_id).delete()
    CampaignCount.objects.filter(campaign_id=campaign_id).delete()
