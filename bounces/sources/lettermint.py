"""Lettermint: `X-Lettermint-Signature: t=<unix>,v1=<hex>`, an HMAC-SHA256 over `t.body` (contract 8.4)."""

import hashlib
import hmac
import time

from bounces.events import COMPLAINT, HARD, SOFT, BounceEvent, as_time, as_uuid, digest
from listmonk_py.configuration import runtime

from .source import Hook, InvalidHook, Received, inner, parse_object, text

TOLERANCE_S = 300
TYPES = {
    "message.hard_bounced": HARD,
    "message.soft_bounced": SOFT,
    "message.spam_complaint": COMPLAINT,
}


class Lettermint:
    name = "lettermint"

    def is_enabled(self) -> bool:
        return bool(runtime.get("bounce.lettermint")["enabled"])

    def receive(self, hook: Hook) -> Received:
        verify(hook, now=time.time())
        data = parse_object(hook.body)
        kind = TYPES.get(text(data, "event"))
        if kind is None:
            return Received()
        told = inner(data, "data")
        event = BounceEvent(
            type=kind,
            source=self.name,
            email=text(told, "recipient"),
            campaign_uuid=as_uuid(text(told, "metadata", "X-Listmonk-Campaign")),
            event_id=text(data, "id") or digest(hook.body),
            meta=data,
            at=as_time(data.get("timestamp")),
        )
        return Received([event])


def verify(hook: Hook, *, now: float) -> None:
    """Raises: InvalidHook when the signature is wrong, or older than five minutes (a replay)."""
    key = runtime.get("bounce.lettermint")["key"]
    header = hook.headers.get("X-Lettermint-Signature", "")
    parts = dict(part.strip().partition("=")[::2] for part in header.split(","))
    signed_at, given = parts.get("t", ""), parts.get("v1", "")
    expected = hmac.new(key.encode(), signed_at.encode() + b"." + hook.body, hashlib.sha256).hexdigest()
    if not key or not hmac.compare_digest(expected.encode(), given.lower().encode()):
        raise InvalidHook("Invalid data: the signature does not match. Check the key in the settings.")
    if not signed_at.isdigit() or abs(now - int(signed_at)) > TOLERANCE_S:
        raise InvalidHook("Invalid data: the signature is too old.")
