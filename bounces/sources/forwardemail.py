"""Forward Email: a hex HMAC-SHA256 over the body (contract 8.4)."""

import hashlib
import hmac

from bounces.events import HARD, SOFT, BounceEvent, as_time, as_uuid, digest
from listmonk_py.configuration import runtime

from .source import Hook, InvalidHook, Received, parse_object, text

HARD_CATEGORIES = frozenset({"block", "recipient", "virus", "spam"})


class ForwardEmail:
    name = "forwardemail"

    def is_enabled(self) -> bool:
        return bool(runtime.get("bounce.forwardemail")["enabled"])

    def receive(self, hook: Hook) -> Received:
        verify(hook)
        data = parse_object(hook.body)
        category = text(data, "bounce", "category")
        event = BounceEvent(
            type=HARD if category in HARD_CATEGORIES else SOFT,
            source=self.name,
            email=text(data, "recipient"),
            campaign_uuid=as_uuid(text(data, "headers", "X-Listmonk-Campaign")),
            event_id=digest(hook.body),
            meta=data,
            at=as_time(data.get("bounced_at")),
        )
        return Received([event])


def verify(hook: Hook) -> None:
    key = runtime.get("bounce.forwardemail")["key"]
    expected = hmac.new(key.encode(), hook.body, hashlib.sha256).hexdigest()
    given = hook.headers.get("X-Webhook-Signature", "")
    if not key or not hmac.compare_digest(expected.encode(), given.strip().lower().encode()):
        raise InvalidHook("Invalid data: the signature does not match. Check the key in the settings.")
