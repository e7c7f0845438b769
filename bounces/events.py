"""A bounce or complaint as every source tells it, before anybody has decided what it means."""

import hashlib
import re
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from listmonk_py.api.times import in_utc

HARD, SOFT, COMPLAINT = "hard", "soft", "complaint"


@dataclass(frozen=True, slots=True, kw_only=True)
class BounceEvent:
    """One message came back, or was complained about.

    Attributes:
        type: hard, soft or complaint.
        source: the provider's name, the mailbox's host, or what a client of the webhook says.
        email, subscriber_uuid: who; the uuid counts when both are there.
        campaign_uuid: of which campaign, when the source knows.
        event_id: the source's own id of the event, so that the same one told twice is one.
        meta: what the source said, for staff.
        at: when it happened, None for now.
    """

    type: str
    source: str
    email: str = ""
    subscriber_uuid: uuid.UUID | None = None
    campaign_uuid: uuid.UUID | None = None
    event_id: str | None = None
    meta: dict[str, Any] = field(default_factory=dict)
    at: datetime | None = None


def as_uuid(value: Any) -> uuid.UUID | None:
    """`value` as a UUID, or None when it is none."""
    try:
        return uuid.UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None


def as_time(value: Any) -> datetime | None:
    """An RFC 3339 text or a UNIX time [s] as an aware time; None when it is neither."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, tz=timezone.get_default_timezone())
        found = parse_datetime(value) if isinstance(value, str) else None
        if found is not None:
            found = in_utc(found if found.tzinfo else timezone.make_aware(found))
    except (ValueError, OverflowError, OSError):
        return None
    return found


def digest(body: bytes) -> str:
    """An id for events of sources that give none: the same bytes told twice are the same event."""
    return hashlib.sha256(body).hexdigest()


def storable(value: Any) -> Any:
    """`value` without what PostgreSQL's JSON cannot hold: NUL characters and halves of surrogate pairs."""
    match value:
        case str():
            return re.sub("\0", "", value).encode("utf-8", "replace").decode()
        case dict():
            return {storable(key): storable(inner) for key, inner in value.items()}
        case list():
            return [storable(inner) for inner in value]
    return value
