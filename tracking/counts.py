"""How often campaigns were opened and clicked, from counts that the tracker maintains; no page scans events."""

from collections.abc import Iterable
from datetime import date, timedelta

from django.utils import timezone

from .models import CampaignCount, DayCount

CHART_DAYS = 30


def of_campaigns(campaign_ids: Iterable[int]) -> dict[int, dict[str, int]]:
    """`views`, `clicks` (of people), `machine_views`, `machine_clicks` by campaign id; one query.

    Campaigns that nobody opened are missing.
    """
    rows = CampaignCount.objects.filter(campaign_id__in=list(campaign_ids))
    return {
        row.campaign_id: {
            "views": row.views,
            "clicks": row.clicks,
            "machine_views": row.machine_views,
            "machine_clicks": row.machine_clicks,
        }
        for row in rows
    }


def last_days(days: int = CHART_DAYS, *, today: date | None = None) -> dict[str, list[dict[str, object]]]:
    """The dashboard's charts: `link_clicks` and `campaign_views`, each a list of {count, date}.

    The days end today, in the server's time zone; days without any are left out (contract 3.3).
    """
    today = today or timezone.localdate()
    rows = list(DayCount.objects.filter(day__gt=today - timedelta(days=days), day__lte=today).order_by("day"))
    return {
        "link_clicks": [{"count": row.clicks, "date": row.day.isoformat()} for row in rows if row.clicks],
        "campaign_views": [{"count": row.views, "date": row.day.isoformat()} for row in rows if row.views],
    }
