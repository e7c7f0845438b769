"""The figures of the dashboard, of what the user may see (listmonk shows everybody all of them)."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db.models import Count, Exists, OuterRef, Q, Sum
from django.utils import timezone

from campaigns.models import Campaign
from subscribers.counts import of_people
from subscribers.models import List, Subscriber, Subscription
from tracking import analytics
from tracking import counts as tracking_counts

from .remembering import remembered

if TYPE_CHECKING:
    from listmonk_py.accounts.models import User

KEEP_S = 300


def counts(user: "User") -> dict[str, Any]:
    """`GET /api/dashboard/counts` (contract 1.3, 3.3)."""
    return {
        "subscribers": _people(user),
        "lists": _lists(user),
        "campaigns": _campaigns(user),
        "messages": Campaign.objects.visible_to(user).aggregate(n=Sum("sent"))["n"] or 0,
    }


def _sees_everybody(user: "User") -> bool:
    return user.may("subscribers:get_all") or (
        user.may("subscribers:get") and user.readable_list_ids() is None
    )


def _people(user: "User") -> dict[str, int]:
    if _sees_everybody(user):
        by_status = of_people()
        return {
            "total": sum(by_status.values()),
            "blocklisted": by_status[Subscriber.Status.BLOCKLISTED],
            "orphans": remembered("figures:orphans", _count_orphans, keep_s=KEEP_S),
        }
    return remembered(f"figures:people:{user.pk}", lambda: _count_visible(user), keep_s=KEEP_S)


def _count_orphans() -> int:
    """People on no list: an anti-join over both tables, seconds on ten million, hence remembered."""
    return Subscriber.objects.filter(~Exists(Subscription.objects.filter(subscriber=OuterRef("pk")))).count()


def _count_visible(user: "User") -> dict[str, int]:
    found = Subscriber.objects.visible_to(user).aggregate(
        total=Count("pk"), blocklisted=Count("pk", filter=Q(status=Subscriber.Status.BLOCKLISTED))
    )
    # Somebody on no list is on none that this user may read.
    return {"total": found["total"], "blocklisted": found["blocklisted"], "orphans": 0}


def _lists(user: "User") -> dict[str, int]:
    return List.objects.visible_to(user).aggregate(
        total=Count("pk"),
        private=Count("pk", filter=Q(type=List.Type.PRIVATE)),
        public=Count("pk", filter=Q(type=List.Type.PUBLIC)),
        optin_single=Count("pk", filter=Q(optin=List.Optin.SINGLE)),
        optin_double=Count("pk", filter=Q(optin=List.Optin.DOUBLE)),
    )


def _campaigns(user: "User") -> dict[str, Any]:
    rows = Campaign.objects.visible_to(user).order_by().values_list("status").annotate(n=Count("pk"))
    by_status = dict(rows.order_by("status"))
    return {"total": sum(by_status.values()), "by_status": by_status}


def charts(user: "User") -> dict[str, list[dict[str, Any]]]:
    """`GET /api/dashboard/charts`: opens and clicks per day, the last 30 days up to today."""
    if user.may("campaigns:get_all") or (user.may("campaigns:get") and user.readable_list_ids() is None):
        return tracking_counts.last_days()  # type: ignore[return-value]
    return remembered(f"figures:charts:{user.pk}", lambda: _visible_charts(user), keep_s=KEEP_S)


def _visible_charts(user: "User") -> dict[str, list[dict[str, Any]]]:
    ids = list(Campaign.objects.visible_to(user).values_list("pk", flat=True))
    until = timezone.now()
    since = until - timedelta(days=tracking_counts.CHART_DAYS)
    return {
        "link_clicks": _per_day(analytics.clicks(ids, since, until, individual=False)),
        "campaign_views": _per_day(analytics.views(ids, since, until, individual=False)),
    }


def _per_day(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of `tracking.analytics` (per campaign and day) added up per day."""
    days: dict[str, int] = {}
    for row in rows:
        # Days are counted by the installation's clock, whatever clock the reader has.
        day = timezone.localtime(row["timestamp"], timezone.get_default_timezone()).date().isoformat()
        days[day] = days.get(day, 0) + row["count"]
    return [{"count": count, "date": day} for day, count in sorted(days.items())]
