"""The decision what a bounce means (contract 8.2).

It is taken with the person's row locked, so that two webhooks at once cannot both miss the threshold.
Telling the same event twice changes nothing the second time.
"""

import logging
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Any

from django.db import transaction
from django.utils import timezone

from campaigns.models import Campaign
from listmonk_py.api.errors import DomainError
from listmonk_py.configuration import runtime
from listmonk_py.configuration.durations import parse_duration
from subscribers import bulk, consent
from subscribers.models import Subscriber

from .events import BounceEvent, storable
from .models import Bounce

logger = logging.getLogger(__name__)


class Recorded(StrEnum):
    """What became of an event."""

    STORED = "stored"
    # Over the threshold, or the person is blocklisted: nothing new to learn.
    COUNTED_OUT = "counted out"
    REPEATED = "repeated"
    UNKNOWN = "nobody is known by this address or uuid"


class Action(StrEnum):
    NONE = "none"
    UNSUBSCRIBE = "unsubscribe"
    BLOCKLIST = "blocklist"
    DELETE = "delete"


@transaction.atomic
def record(event: BounceEvent) -> Recorded:
    """Store the event and do what the settings say once there are enough of its type.

    Raises:
        DomainError: the settings know no rule for this type.
    """
    rule = runtime.get("bounce.actions").get(event.type)
    if rule is None:
        raise DomainError(f"Invalid fields: type. There is no rule for bounces of type {event.type!r}.")
    person = find(event)
    if person is None:
        logger.info("A bounce from %s is about nobody here.", event.source)
        return Recorded.UNKNOWN
    if _is_known(event):
        return Recorded.REPEATED
    number = _earlier(person, event, rule) + 1
    stored = person.status != Subscriber.Status.BLOCKLISTED and number <= rule["count"]
    if stored:
        _store(person, event)
    if number >= rule["count"]:
        _act(person, Action(rule["action"]))
    return Recorded.STORED if stored else Recorded.COUNTED_OUT


def find(event: BounceEvent) -> Subscriber | None:
    """The person whom `event` is about, locked; the transaction is the caller's."""
    people = Subscriber.objects.select_for_update(no_key=True)
    if event.subscriber_uuid is not None:
        return people.filter(uuid=event.subscriber_uuid).first()
    return people.with_email(event.email).first() if event.email else None


def _is_known(event: BounceEvent) -> bool:
    known = Bounce.objects.filter(source=event.source, event_id=event.event_id)
    return event.event_id is not None and known.exists()


def _earlier(person: Subscriber, event: BounceEvent, rule: Mapping[str, Any]) -> int:
    """How many of this type there are, within the window when one is set."""
    rows = Bounce.objects.filter(subscriber=person, type=event.type)
    window = _window(rule)
    return (rows.filter(created_at__gt=timezone.now() - window) if window else rows).count()


def _window(rule: Mapping[str, Any]) -> timedelta | None:
    """How far back bounces count: the rule's own window, else that of all types, else for ever."""
    if rule.get("window"):
        return parse_duration(rule["window"])
    days = runtime.get("bounce.window_days")
    return timedelta(days=days) if days else None


def _store(person: Subscriber, event: BounceEvent) -> None:
    campaign_pk = None
    if event.campaign_uuid is not None:
        found = Campaign.objects.filter(uuid=event.campaign_uuid)
        campaign_pk = found.values_list("pk", flat=True).first()
    Bounce.objects.create(
        subscriber=person,
        campaign_id=campaign_pk,
        type=event.type,
        source=storable(event.source),
        event_id=event.event_id,
        meta=storable(event.meta),
        created_at=event.at or timezone.now(),
    )


def _act(person: Subscriber, action: Action) -> None:
    match action:
        case Action.UNSUBSCRIBE:
            consent.unsubscribe([person.pk])
        case Action.BLOCKLIST:
            consent.blocklist([person.pk])
        case Action.DELETE:
            bulk.delete([person.pk])


def record_all(events: list[BounceEvent]) -> list[Recorded]:
    """Record events one by one, each in a transaction of its own, in an order that cannot deadlock."""
    return [record(event) for event in events]
