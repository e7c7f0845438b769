"""Azure Communication Services over Event Grid: an optional shared secret (contract 8.4)."""

import hmac
import re
from typing import Any

from bounces.events import COMPLAINT, HARD, SOFT, BounceEvent, as_time
from listmonk_py.configuration import runtime

from .source import Hook, InvalidHook, Received, inner, objects, parse, text

DEFAULT_HEADER = "X-Listmonk-Webhook-Secret"
REPORT = "Microsoft.Communication.EmailDeliveryReportReceived"
VALIDATION = "Microsoft.EventGrid.SubscriptionValidationEvent"
STATUS_CODE = re.compile(r"(?<![\d.])([45])\.\d{1,3}\.\d{1,3}(?![\d.])")
SOFT_WORDS = ("mailbox full", "temporar", "timeout", "timed out", "rate limit", "throttl")
HARD_WORDS = ("invalid", "does not exist", "unknown user", "user unknown", "domain")
COMPLAINT_WORDS = ("complaint", "abuse")


class Azure:
    name = "azure"

    def is_enabled(self) -> bool:
        return bool(runtime.get("bounce.azure")["enabled"])

    def receive(self, hook: Hook) -> Received:
        verify(hook)
        told = parse(hook.body)
        events = objects(told if isinstance(told, list) else [told])
        kind = hook.headers.get("aeg-event-type", "Notification") or "Notification"
        if kind.startswith("SubscriptionValidation"):
            return Received(answer={"validationResponse": _validation_code(events)})
        if kind != "Notification":
            return Received()
        return Received([event for one in events if (event := self._event(one)) is not None])

    def _event(self, told: dict[str, Any]) -> BounceEvent | None:
        data = inner(told, "data")
        details = _any(data, "deliveryStatusDetails")
        reason = text(details, "statusMessage") or text(details, "StatusMessage")
        kind = type_of(_text(data, "status"), reason)
        if _text(told, "eventType") != REPORT or kind is None:
            return None
        email = _text(data, "recipient")
        return BounceEvent(
            type=kind,
            source=self.name,
            email=email,
            event_id=f"{_text(told, 'id')}:{email}" if _text(told, "id") else None,
            meta=told,
            at=as_time(_text(data, "deliveryAttemptTimestamp")),
        )


def type_of(status: str, reason: str) -> str | None:
    """What Azure's status means; None when it is no bounce."""
    reason = reason.lower()
    match status.lower():
        case "bounced" | "suppressed":
            return HARD
        case "failed":
            return _by_reason(reason)
        case "filteredspam" | "quarantined":
            return COMPLAINT if any(word in reason for word in COMPLAINT_WORDS) else SOFT
    return None


def _by_reason(reason: str) -> str:
    code = STATUS_CODE.search(reason)
    if code:
        return HARD if code[1] == "5" else SOFT
    if any(word in reason for word in SOFT_WORDS):
        return SOFT
    return HARD if any(word in reason for word in HARD_WORDS) else SOFT


def _any(holder: dict[str, Any], name: str) -> dict[str, Any]:
    """An object under `name` or `Name`: Azure writes both."""
    return inner(holder, name) or inner(holder, name[0].upper() + name[1:])


def _text(holder: dict[str, Any], name: str) -> str:
    return text(holder, name) or text(holder, name[0].upper() + name[1:])


def _validation_code(events: list[dict[str, Any]]) -> str:
    for one in events:
        code = text(one, "data", "validationCode")
        if code:
            return code
    raise InvalidHook("Invalid data: there is no validation code.")


def verify(hook: Hook) -> None:
    settings = runtime.get("bounce.azure")
    secret = settings["shared_secret"]
    if not secret:
        return  # staff have chosen none; Event Grid has no signature of its own
    header = settings.get("shared_secret_header") or DEFAULT_HEADER
    given = (hook.query.get("code", ""), hook.headers.get(header, ""))
    if not any(hmac.compare_digest(secret.encode(), one.encode()) for one in given):
        raise InvalidHook("Invalid data: the shared secret is missing or wrong.")
