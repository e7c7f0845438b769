"""Subscribers with their lists, as the REST API shows them (contract 3.2)."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import UTC
from typing import Any

from .models import Subscriber, Subscription

UNREADABLE = "*Unknown"


def shapes(people: Iterable[Subscriber], *, readable: Collection[int] | None) -> list[dict[str, Any]]:
    """One object per person, in order; one query for the lists of all of them.

    Args:
        readable: ids of the lists whose names the reader may see; None means all. The others are
            shown without name and description.
    """
    people = list(people)
    lists: dict[int, list[dict[str, Any]]] = defaultdict(list)
    rows = Subscription.objects.filter(subscriber_id__in=[one.pk for one in people])
    for row in rows.select_related("list").order_by("list_id"):
        lists[row.subscriber_id].append(_sub_list(row, readable))
    for of_person in lists.values():
        of_person.sort(key=lambda one: "restricted" in one)  # those with names first, as in listmonk
    return [_shape(one, lists[one.pk]) for one in people]


def shape(person: Subscriber, *, readable: Collection[int] | None) -> dict[str, Any]:
    """One person."""
    return shapes([person], readable=readable)[0]


def _shape(person: Subscriber, lists: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": person.pk,
        "created_at": person.created_at,
        "updated_at": person.updated_at,
        "uuid": person.uuid,
        "email": person.email,
        "name": person.name,
        "attribs": person.attribs or {},
        "status": person.status,
        "lists": lists,
    }


def _sub_list(row: Subscription, readable: Collection[int] | None) -> dict[str, Any]:
    one = row.list
    shown = {
        "subscription_status": row.status,
        "subscription_created_at": offset_time(row.created_at),
        "subscription_updated_at": offset_time(row.updated_at),
        "subscription_meta": row.meta,
        "id": one.pk,
        "uuid": one.uuid,
        "name": one.name,
        "type": one.type,
        "optin": one.optin,
        "status": one.status,
        "tags": one.tags,
        "description": one.description,
        "created_at": offset_time(one.created_at),
        "updated_at": offset_time(one.updated_at),
    }
    if readable is not None and one.pk not in readable:
        del shown["description"]
        shown.update(name=UNREADABLE, restricted=True)
    return shown


def offset_time(moment: Any) -> str:
    """A time as listmonk writes it inside nested objects: `+00:00` at the end instead of `Z`."""
    return moment.astimezone(UTC).isoformat()  # type: ignore[no-any-return]
