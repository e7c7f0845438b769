"""What an event of Anymail means for the person it is about.

Anymail says `bounced` for all bounces; whether one is for good stands in the provider's own words, which the
event carries along. Where these do not tell, the receiving server's status decides (RFC 3463), and in doubt
a bounce is soft: nobody is blocklisted by a guess. Sources: the providers' descriptions of their webhooks.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from anymail.signals import AnymailTrackingEvent, EventType, RejectReason

from bounces.events import COMPLAINT, HARD, SOFT

from . import postmark, sendgrid, ses
from .source import inner, text

UNSUBSCRIBED = "unsubscribed"

# Where a provider says whether a bounce is for good, and what its words mean.
WORDS: Mapping[str, tuple[tuple[str, ...], Mapping[str, str]]] = {
    "brevo": (("event",), {"hard_bounce": HARD, "invalid_email": HARD, "soft_bounce": SOFT}),
    "mailersend": (("data", "type"), {"hard_bounced": HARD, "soft_bounced": SOFT}),
    "mailtrap": (("event",), {"bounce": HARD}),
    "mandrill": (("event",), {"hard_bounce": HARD, "soft_bounce": SOFT}),
    "postmark": (("Type",), postmark.TYPES),
    "resend": (
        ("data", "bounce", "type"),
        {"Permanent": HARD, "Transient": SOFT, "Undetermined": SOFT},
    ),
    "unisender_go": (("status",), {"hard_bounced": HARD}),
}
# SparkPost's bounce classes of its category "hard"; the others are soft, blocks, or administrative.
SPARKPOST_HARD = frozenset({"10", "30"})
# Mailgun's reasons for not even trying, or for giving up, where no status of a server tells.
MAILGUN_REASONS = {
    "bounce": HARD,
    "suppress-bounce": HARD,
    "suppress-complaint": COMPLAINT,
    "suppress-unsubscribe": UNSUBSCRIBED,
}
REJECTED = {
    RejectReason.INVALID: HARD,
    RejectReason.BOUNCED: HARD,
    RejectReason.SPAM: COMPLAINT,
    RejectReason.UNSUBSCRIBED: UNSUBSCRIBED,
}
STATUS = re.compile(r"(?<![\d.])([45])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
REPLY = re.compile(r"\s*4\d\d\b")
NOBODY = (
    "user unknown",
    "unknown user",
    "no such user",
    "does not exist",
    "doesn't exist",
    "unknown recipient",
    "invalid recipient",
    "mailbox not found",
    "no mailbox",
    "mailbox unavailable",
)


def meaning(provider: str, event: AnymailTrackingEvent) -> str | None:
    """hard, soft, complaint or unsubscribed; None when the event is no reason to do anything."""
    told = plain(event.esp_event)
    if provider == "postmark" and told.get("RecordType") == "SubscriptionChange":
        # A bounce or complaint that also suppresses the address is told by its own record as well.
        return UNSUBSCRIBED if event.event_type == EventType.UNSUBSCRIBED else None
    match event.event_type:
        case EventType.BOUNCED:
            return _bounced(provider, event, told)
        case EventType.FAILED if provider == "postal":
            return _bounced(provider, event, told)  # its word for a refusal by the receiving server
        case EventType.REJECTED:
            return REJECTED.get(event.reject_reason) or _word(provider, told) or SOFT
        case EventType.COMPLAINED:
            return _word(provider, told) or COMPLAINT
        case EventType.UNSUBSCRIBED:
            return UNSUBSCRIBED
    return None


def plain(told: Any) -> dict[str, Any]:
    """What the provider sent for one event, as an object; a form's fields with their last values."""
    if hasattr(told, "dict"):
        return dict(told.dict())
    return dict(told) if isinstance(told, dict) else {}


def _bounced(provider: str, event: AnymailTrackingEvent, told: dict[str, Any]) -> str:
    found = _word(provider, told)
    if found is None and provider in OWN_WAY:
        found = OWN_WAY[provider](event, told)
    return found or by_status(_words_of_server(event)) or _by_reason(event)


def _by_reason(event: AnymailTrackingEvent) -> str:
    return HARD if event.reject_reason == RejectReason.INVALID else SOFT


def _word(provider: str, told: dict[str, Any]) -> str | None:
    if provider not in WORDS:
        return None
    path, meanings = WORDS[provider]
    return meanings.get(text(told, *path))


def _words_of_server(event: AnymailTrackingEvent) -> str:
    said = (event.mta_response, event.description)
    return " ".join(one for one in said if isinstance(one, str))


def by_status(said: str) -> str | None:
    """What the words of a receiving server mean; None when they do not tell.

    Of RFC 3463's codes only those are hard that speak of the address: 5.1.x (bad address; 5.1.7 and 5.1.8
    are about the sender's), 5.2.1 (mailbox disabled), 5.4.4 (no route). A full mailbox, a refused content
    or a policy say nothing against the person.
    """
    code = STATUS.search(said)
    if code and (code[2], code[3]) not in (("0", "0"), ("5", "0")):
        subject, detail = code[2], code[3]
        if code[1] == "4":
            return SOFT
        about_address = subject == "1" and detail not in ("7", "8")
        return HARD if about_address or (subject, detail) in (("2", "1"), ("4", "4")) else SOFT
    if REPLY.match(said) or (code and code[1] == "4"):
        return SOFT
    lowered = said.lower()
    return HARD if any(words in lowered for words in NOBODY) else None


def _mailgun(event: AnymailTrackingEvent, told: dict[str, Any]) -> str | None:
    status = inner(told, "event-data", "delivery-status")
    said = " ".join(text(status, name) for name in ("enhanced-code", "message", "description"))
    return by_status(said) or MAILGUN_REASONS.get(text(told, "event-data", "reason"))


def _mailjet(event: AnymailTrackingEvent, told: dict[str, Any]) -> str | None:
    return HARD if told.get("hard_bounce") is True else SOFT


def _sendgrid(event: AnymailTrackingEvent, told: dict[str, Any]) -> str | None:
    return sendgrid.type_of(told)


def _ses(event: AnymailTrackingEvent, told: dict[str, Any]) -> str | None:
    return dict(ses.blamed(told)).get(event.recipient)


def _sparkpost(event: AnymailTrackingEvent, told: dict[str, Any]) -> str | None:
    for one in inner(told, "msys").values():
        if text(one, "bounce_class"):
            return HARD if text(one, "bounce_class") in SPARKPOST_HARD else SOFT
    return None


OWN_WAY: Mapping[str, Callable[[AnymailTrackingEvent, dict[str, Any]], str | None]] = {
    "amazon_ses": _ses,
    "mailgun": _mailgun,
    "mailjet": _mailjet,
    "sendgrid": _sendgrid,
    "sparkpost": _sparkpost,
}
