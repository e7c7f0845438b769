"""What reading a mail leads to, before anybody is looked up."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


class Kind(StrEnum):
    BOUNCE = "bounce"
    # Understood, and no reason to do anything: an auto-reply, a delay, a report of success.
    NO_BOUNCE = "no bounce"
    NOT_UNDERSTOOD = "not understood"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One recipient's bounce or complaint.

    Attributes:
        type: hard, soft or complaint.
        subscriber_uuid, campaign_uuid: from the header of the message that came back.
        addresses: whose it may be, the likeliest first; counts when the uuid is not there or not known.
        event_id: the same for the same mail and recipient, however often it is read.
        at: when the mail says it was written, None when it does not.
    """

    type: str
    event_id: str
    subscriber_uuid: UUID | None = None
    campaign_uuid: UUID | None = None
    addresses: tuple[str, ...] = ()
    meta: dict[str, Any] = field(default_factory=dict)
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """`why` says in words how `kind` was decided."""

    kind: Kind
    why: str
    findings: tuple[Finding, ...] = ()
