"""Postmark: HTTP Basic with the user name and password that staff chose (contract 8.4)."""

import base64
import binascii
import hmac

from bounces.events import COMPLAINT, HARD, SOFT, BounceEvent, as_time, as_uuid, digest
from listmonk_py.configuration import runtime

from .source import Hook, InvalidHook, Received, Unauthorized, parse_object, text

RECORDS = frozenset({"Bounce", "SpamComplaint"})
# Source: Postmark's list of bounce types.
TYPES = {
    **dict.fromkeys(("HardBounce", "BadEmailAddress", "ManuallyDeactivated"), HARD),
    **dict.fromkeys(
        ("SoftBounce", "Transient", "DnsError", "SpamNotification", "VirusNotification", "DMARCPolicy"), SOFT
    ),
    "SpamComplaint": COMPLAINT,
}


class Postmark:
    name = "postmark"

    def is_enabled(self) -> bool:
        return bool(runtime.get("bounce.postmark")["enabled"])

    def receive(self, hook: Hook) -> Received:
        verify(hook)
        data = parse_object(hook.body)
        if text(data, "RecordType") not in RECORDS:
            return Received()
        kind = TYPES.get(text(data, "Type"))
        if kind is None:
            raise InvalidHook(f"Invalid data: the bounce type {text(data, 'Type')!r} is not known.")
        event = BounceEvent(
            type=kind,
            source=self.name,
            email=text(data, "Email"),
            campaign_uuid=as_uuid(
                text(data, "Metadata", "X-Listmonk-Campaign") or text(data, "Metadata", "listmonk_campaign")
            ),
            event_id=str(data["ID"]) if data.get("ID") else digest(hook.body),
            meta=data,
            at=as_time(data.get("BouncedAt")),
        )
        return Received([event])


def verify(hook: Hook) -> None:
    settings = runtime.get("bounce.postmark")
    wanted = f"{settings['username']}:{settings['password']}".encode()
    scheme, _, value = hook.headers.get("Authorization", "").partition(" ")
    try:
        given = base64.b64decode(value, validate=True) if scheme.lower() == "basic" else b""
    except binascii.Error:
        given = b""
    if not settings["username"] or not settings["password"] or not hmac.compare_digest(wanted, given):
        raise Unauthorized("Unauthorized")
