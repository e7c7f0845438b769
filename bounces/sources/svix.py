"""Svix's signatures of webhooks, which Resend and others use; ours, since the package brings three more.

Source: Svix, "Verifying webhooks manually": `svix-signature` holds `v1,<base64>` entries separated by blanks,
each an HMAC-SHA256 over `id.timestamp.body` by the key that is in base64 after `whsec_`.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

from .source import InvalidHook

TOLERANCE_S = 300
PREFIX = "whsec_"


def verify(body: bytes, headers: Mapping[str, str], secret: str, *, now: float) -> None:
    """Raises: InvalidHook when no signature is right, or it is older or newer than five minutes."""
    message_id, signed_at = headers.get("svix-id", ""), headers.get("svix-timestamp", "")
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
        age_s = abs(now - float(signed_at))
    except (binascii.Error, ValueError):
        raise InvalidHook("Invalid data: the signature cannot be read.") from None
    signed = f"{message_id}.{signed_at}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
    given = [one.partition(",") for one in headers.get("svix-signature", "").split()]
    right = [hmac.compare_digest(value.encode(), expected) for version, _, value in given if version == "v1"]
    if not key or not any(right):
        raise InvalidHook("Invalid data: the signature does not match the key in the settings.")
    if not age_s <= TOLERANCE_S:
        raise InvalidHook("Invalid data: the signature is too old.")
