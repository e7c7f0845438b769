"""What providers tell through django-anymail: its signal `tracking`, as events of ours.

Deliveries, opens and clicks are left alone: campaigns count their own. So are deferred messages, which the
provider tries again. Who is meant: the address that the provider names; only when it names none, the UUID
that the message carried (a copy that bounced says nothing about the person it was a copy of).
"""

import re
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from anymail.signals import AnymailTrackingEvent, tracking
from django.dispatch import receiver

from bounces import leaving, recording
from bounces.events import BounceEvent, as_time, as_uuid, digest, storable

from .anymail_verdicts import UNSUBSCRIBED, meaning, plain
from .source import inner, objects, text

# Under these names the other door of the same provider records its bounces.
SOURCE_NAMES = {"amazon_ses": "ses"}
NOT_LETTERS = re.compile(r"[^a-z]+")


@receiver(tracking)
def take(event: AnymailTrackingEvent, esp_name: str, **_: Any) -> None:
    """Record one event of one recipient, or let the person leave.

    Raises:
        DatabaseError: nothing was stored; the provider tells it again.
    """
    provider = esp_name.lower().replace(" ", "_")
    found = meaning(provider, event)
    if found is None:
        return
    told = normalised(provider, event, found)
    if found == UNSUBSCRIBED:
        leaving.leave(told)
    else:
        recording.record(told)


def normalised(provider: str, event: AnymailTrackingEvent, kind: str) -> BounceEvent:
    """`event` in the shape that all sources have; type is `kind`."""
    email = storable(event.recipient) if isinstance(event.recipient, str) else ""
    told = plain(event.esp_event)
    marks = _marks(event.metadata, told)
    reason = event.mta_response or event.description
    return BounceEvent(
        type=kind,
        source=SOURCE_NAMES.get(provider, provider),
        email=email,
        subscriber_uuid=None if email else marks.get("subscriber"),
        campaign_uuid=marks.get("campaign"),
        event_id=storable(identity(provider, event, told)),
        meta={"description": reason, **told} if isinstance(reason, str) else told,
        at=_at(event),
    )


def identity(provider: str, event: AnymailTrackingEvent, told: dict[str, Any]) -> str:
    """The event's own id: the same when the provider tells it again, another for another recipient."""
    if provider == "amazon_ses":
        return f"{event.event_id}:{str(event.recipient).lower()}"  # SNS numbers messages, not recipients
    data = inner(told, "event-data")
    if provider == "mailgun" and text(data, "id"):
        # Unique within a day, says Mailgun; the token, which Anymail takes, belongs to the request.
        return f"{data['id']}:{data.get('timestamp')}"
    if event.event_id:
        return str(event.event_id)
    at = _at(event)
    if event.message_id or at:
        facts = (provider, event.event_type, event.message_id, event.recipient, at and at.isoformat())
        return digest(repr(facts).encode("utf-8", "replace"))
    return digest(orjson.dumps(storable(told), default=str, option=orjson.OPT_SORT_KEYS))


def _at(event: AnymailTrackingEvent) -> datetime | None:
    return as_time(event.timestamp.isoformat()) if isinstance(event.timestamp, datetime) else None


def _marks(metadata: Any, told: dict[str, Any]) -> dict[str, UUID]:
    """The campaign and the subscriber that the message named, by metadata or by its own headers.

    Names may be `listmonk_campaign`, `X-Listmonk-Campaign` or what a provider makes of them.
    """
    named = dict(metadata) if isinstance(metadata, dict) else {}
    for one in [*objects(inner(told, "mail").get("headers")), *objects(inner(told, "data").get("headers"))]:
        named.setdefault(text(one, "name"), text(one, "value"))
    found: dict[str, UUID] = {}
    for name, value in named.items():
        mark = NOT_LETTERS.sub("", str(name).lower()).removeprefix("x").removeprefix("listmonk")
        if mark in ("campaign", "subscriber") and (uuid := as_uuid(value)) is not None:
            found.setdefault(mark, uuid)
    return found
