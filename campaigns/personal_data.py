"""Everything that is stored about one person, as they (or staff) may take it away (contract 3.5, 7.6)."""

from typing import Any

from django.db.models import Count

from listmonk_py.configuration import runtime
from subscribers.models import List, Subscriber, Subscription
from tracking.models import Click, Link, View

from .models import Campaign

PRIVATE_LIST = "Private list"


def personal_data(person: Subscriber) -> dict[str, list[dict[str, Any]]]:
    """`profile`, `subscriptions`, `campaign_views`, `link_clicks`; parts that privacy.exportable leaves out
    are missing. Private lists appear without their names.
    """
    parts = {
        "profile": _profile,
        "subscriptions": _subscriptions,
        "campaign_views": _views,
        "link_clicks": _clicks,
    }
    wanted = runtime.get("privacy.exportable")
    return {name: collect(person) for name, collect in parts.items() if name in wanted}


def _profile(person: Subscriber) -> list[dict[str, Any]]:
    return [
        {
            "id": person.pk,
            "uuid": str(person.uuid),
            "email": person.email,
            "name": person.name,
            "attribs": person.attribs,
            "status": person.status,
            "created_at": person.created_at.isoformat(),
            "updated_at": person.updated_at.isoformat(),
        }
    ]


def _subscriptions(person: Subscriber) -> list[dict[str, Any]]:
    rows = Subscription.objects.filter(subscriber_id=person.pk).select_related("list").order_by("created_at")
    return [
        {
            "subscription_status": row.status,
            "name": row.list.name if row.list.type == List.Type.PUBLIC else PRIVATE_LIST,
            "type": row.list.type,
            "created_at": row.created_at.isoformat(),
        }
        for row in rows
    ]


def _views(person: Subscriber) -> list[dict[str, Any]]:
    counted = dict(
        View.objects.filter(subscriber_id=person.pk)
        .values_list("campaign_id")
        .annotate(number=Count("event_id"))
    )
    subjects = dict(Campaign.objects.filter(pk__in=counted).values_list("pk", "subject"))
    return [{"campaign": subjects[pk], "views": counted[pk]} for pk in sorted(subjects)]


def _clicks(person: Subscriber) -> list[dict[str, Any]]:
    counted = dict(
        Click.objects.filter(subscriber_id=person.pk)
        .values_list("link_id")
        .annotate(number=Count("event_id"))
    )
    urls = dict(Link.objects.filter(pk__in=counted).values_list("pk", "url"))
    return [{"url": urls[pk], "clicks": counted[pk]} for pk in sorted(urls)]
