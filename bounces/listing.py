"""Bounces as the API answers them, and the deletions and blocklisting that staff ask for (contract 3.10)."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.db.models import Q, QuerySet

from subscribers import bulk
from subscribers.models import Subscriber

from .models import Bounce

if TYPE_CHECKING:
    from listmonk_py.accounts.models import User

# Why SQL: a jump along the index from each source to the next one. DISTINCT would read every bounce.
SOURCES = """
    WITH RECURSIVE source AS (
        SELECT min(source) AS name FROM bounces_bounce
        UNION ALL
        SELECT (SELECT min(bounce.source) FROM bounces_bounce bounce WHERE bounce.source > source.name)
          FROM source
         WHERE source.name IS NOT NULL)
    SELECT name FROM source WHERE name IS NOT NULL LIMIT 100
"""

# `order_by` of the API -> ORM.
ORDERS = {
    "email": "subscriber__email",
    "campaign_name": "campaign__name",
    "source": "source",
    "created_at": "created_at",
    "type": "type",
}


def visible(user: "User") -> QuerySet[Bounce]:
    """With everything an answer shows, in one query."""
    return Bounce.objects.visible_to(user).select_related("subscriber", "campaign")


def filtered(rows: QuerySet[Bounce], *, campaign_id: int | None, source: str, kind: str) -> QuerySet[Bounce]:
    conditions = Q()
    if campaign_id:
        conditions &= Q(campaign_id=campaign_id)
    if source:
        conditions &= Q(source=source)
    if kind:
        conditions &= Q(type=kind)
    return rows.filter(conditions)


def sources() -> list[str]:
    """Where the recorded bounces came from, in order of their names; a hundred at most."""
    with connection.cursor() as cursor:
        cursor.execute(SOURCES)
        return [name for (name,) in cursor.fetchall()]


def answer(bounce: Bounce) -> dict[str, Any]:
    person, campaign = bounce.subscriber, bounce.campaign
    return {
        "id": bounce.pk,
        "type": bounce.type,
        "source": bounce.source,
        "meta": bounce.meta,
        "created_at": bounce.created_at,
        "email": person.email,
        "subscriber_uuid": str(person.uuid),
        "subscriber_id": person.pk,
        "subscriber_status": person.status,
        "campaign": None if campaign is None else {"id": campaign.pk, "name": campaign.name},
    }


def delete(user: "User", pks: Collection[int] | None) -> int:
    """Delete the bounces with these ids, or all (None), that the user may see; return how many."""
    rows = Bounce.objects.visible_to(user)
    return (rows if pks is None else rows.filter(pk__in=pks)).delete()[0]


def delete_of(user: "User", subscriber_id: int) -> int:
    """Delete one person's bounces; return how many."""
    return Bounce.objects.visible_to(user).filter(subscriber_id=subscriber_id).delete()[0]


def blocklist_bounced(user: "User") -> int:
    """Blocklist everybody with a bounce whom the user may see; return how many were not before."""
    bounced = Bounce.objects.visible_to(user).values("subscriber_id")
    people = Subscriber.objects.filter(pk__in=bounced).exclude(status=Subscriber.Status.BLOCKLISTED)
    return bulk.blocklist(people.order_by("pk").values_list("pk", flat=True).iterator(chunk_size=bulk.CHUNK))
