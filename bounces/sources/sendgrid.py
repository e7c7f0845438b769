"""SendGrid: an ECDSA signature over timestamp and body, by the key shown in its settings (contract 8.4)."""

import base64
import binascii
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from bounces.events import COMPLAINT, HARD, SOFT, BounceEvent, as_time, as_uuid
from listmonk_py.configuration import runtime

from .source import Hook, InvalidHook, Received, objects, parse, text

# SendGrid capitalises them; listmonk compares in lower case and so counts them as hard.
SOFT_CLASSES = frozenset({"technical", "content"})


class SendGrid:
    name = "sendgrid"

    def is_enabled(self) -> bool:
        return bool(runtime.get("bounce.sendgrid_enabled"))

    def receive(self, hook: Hook) -> Received:
        verify(hook)
        data = parse(hook.body)
        if not isinstance(data, list):
            raise InvalidHook("Invalid data: a list of events is expected.")
        return Received([event for one in objects(data) if (event := self._event(one)) is not None])

    def _event(self, data: dict[str, Any]) -> BounceEvent | None:
        kind = type_of(data)
        if kind is None:
            return None
        names = ("XListmonkCampaign", "X-Listmonk-Campaign", "listmonk_campaign")
        campaign = next((text(data, name) for name in names if text(data, name)), "")
        return BounceEvent(
            type=kind,
            source=self.name,
            email=text(data, "email"),
            campaign_uuid=as_uuid(campaign),
            event_id=text(data, "sg_event_id") or None,
            meta=data,
            at=as_time(data.get("timestamp")),
        )


def type_of(data: dict[str, Any]) -> str | None:
    if text(data, "event") == "spamreport":
        return COMPLAINT
    if text(data, "event") != "bounce":
        return None
    # "blocked" is what SendGrid calls a refusal that is not about the address.
    is_soft = text(data, "bounce_classification").lower() in SOFT_CLASSES or text(data, "type") == "blocked"
    return SOFT if is_soft else HARD


def verify(hook: Hook) -> None:
    timestamp = hook.headers.get("X-Twilio-Email-Event-Webhook-Timestamp", "")
    try:
        signature = base64.b64decode(
            hook.headers.get("X-Twilio-Email-Event-Webhook-Signature", ""), validate=True
        )
        key = load_der_public_key(base64.b64decode(runtime.get("bounce.sendgrid_key")))
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise InvalidHook("Invalid data: the SendGrid key in the settings is not an ECDSA key.")
        key.verify(signature, timestamp.encode() + hook.body, ec.ECDSA(hashes.SHA256()))
    except (binascii.Error, ValueError, InvalidSignature):
        raise InvalidHook("Invalid data: the signature does not match the key in the settings.") from None
