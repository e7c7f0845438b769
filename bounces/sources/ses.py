"""Amazon SES over SNS: messages are signed by Amazon, and the signature is checked (contract 8.4).

Source: AWS, "Verifying the signatures of Amazon SNS messages": version 1 is RSA with SHA-1, version 2
with SHA-256, over named fields in alphabetical order, by a certificate from an Amazon host.
"""

import base64
import binascii
import re
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import orjson
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from urllib3.exceptions import HTTPError

from bounces.events import COMPLAINT, HARD, SOFT, BounceEvent, as_time, as_uuid
from listmonk_py.configuration import runtime
from listmonk_py.mail import outbound

from .source import Hook, InvalidHook, Received, inner, objects, parse_object, text

HOST = re.compile(r"sns\.[a-z0-9-]+\.amazonaws\.com(\.cn)?")
CERTIFICATE_PATH = re.compile(r"/SimpleNotificationService-[A-Za-z0-9]+\.pem")
NOTIFICATION_FIELDS = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
CONFIRMATION_FIELDS = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
CONFIRMATIONS = ("SubscriptionConfirmation", "UnsubscribeConfirmation")
HASHES: dict[str, hashes.HashAlgorithm] = {
    "1": hashes.SHA1(),  # noqa: S303 - what SNS signs with in version 1
    "2": hashes.SHA256(),
}
# A transient bounce with this status is a domain that takes no mail (RFC 3463: unable to route).
UNROUTABLE = "5.4.4"


class Ses:
    name = "ses"

    def is_enabled(self) -> bool:
        return bool(runtime.get("bounce.ses_enabled"))

    def receive(self, hook: Hook) -> Received:
        data = parse_object(hook.body)
        verify(data)
        kind = text(data, "Type")
        if kind in CONFIRMATIONS:
            confirm(text(data, "SubscribeURL"))
            return Received()
        if kind != "Notification":
            raise InvalidHook("Invalid data: this is no notification of SNS.")
        return Received(self._events(text(data, "Message"), message_id=text(data, "MessageId")))

    def _events(self, message: str, *, message_id: str) -> list[BounceEvent]:
        try:
            data = orjson.loads(message)
        except orjson.JSONDecodeError:
            return []  # the text that SES sends to try the topic
        if not isinstance(data, dict):
            return []
        headers = {text(one, "name").lower(): text(one, "value") for one in _headers(data)}
        told_at = text(data, "mail", "timestamp")
        return [
            BounceEvent(
                type=kind,
                source=self.name,
                email=email,
                campaign_uuid=as_uuid(headers.get("x-listmonk-campaign")),
                event_id=f"{message_id}:{email.lower()}",
                meta=data,
                at=as_time(told_at),
            )
            for email, kind in blamed(data)
        ]


def _headers(data: dict[str, Any]) -> list[dict[str, Any]]:
    return objects(inner(data, "mail").get("headers"))


def blamed(data: dict[str, Any]) -> list[tuple[str, str]]:
    """(address, type) of everybody the notification is about; empty for deliveries and the like."""
    kind = text(data, "notificationType") or text(data, "eventType")
    if kind == "Complaint":
        people = objects(inner(data, "complaint").get("complainedRecipients"))
        return [(text(one, "emailAddress"), COMPLAINT) for one in people if text(one, "emailAddress")]
    if kind != "Bounce":
        return []
    permanent = text(data, "bounce", "bounceType") == "Permanent"
    people = objects(inner(data, "bounce").get("bouncedRecipients"))
    return [
        (text(one, "emailAddress"), HARD if permanent or text(one, "status") == UNROUTABLE else SOFT)
        for one in people
        if text(one, "emailAddress")
    ]


def verify(data: dict[str, Any]) -> None:
    """Raises: InvalidHook when the message is not signed by Amazon."""
    algorithm = HASHES.get(text(data, "SignatureVersion"))
    if algorithm is None:
        raise InvalidHook("Invalid data: the signature's version is not known.")
    fields = CONFIRMATION_FIELDS if text(data, "Type") in CONFIRMATIONS else NOTIFICATION_FIELDS
    signed = "".join(f"{name}\n{data[name]}\n" for name in fields if isinstance(data.get(name), str))
    try:
        signature = base64.b64decode(text(data, "Signature"), validate=True)
        key = public_key(checked_url(text(data, "SigningCertURL"), CERTIFICATE_PATH))
        key.verify(signature, signed.encode(), padding.PKCS1v15(), algorithm)
    except (InvalidSignature, binascii.Error):
        raise InvalidHook("Invalid data: the signature does not match.") from None


def checked_url(url: str, path: re.Pattern[str] | None = None) -> str:
    """Raises: InvalidHook when `url` is not https at an SNS host of Amazon's."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise InvalidHook("Invalid data: an address in the message cannot be read.") from None
    is_theirs = parts.scheme == "https" and HOST.fullmatch(parts.netloc) and port is None
    if not is_theirs or (path is not None and not path.fullmatch(parts.path)):
        raise InvalidHook("Invalid data: an address in the message is not Amazon's.")
    return url


@lru_cache(maxsize=16)
def public_key(url: str) -> rsa.RSAPublicKey:
    """The key of Amazon's certificate at `url`; kept, since each certificate signs many messages."""
    try:
        key = x509.load_pem_x509_certificate(fetch(url)).public_key()
    except ValueError:
        raise InvalidHook("Invalid data: the certificate cannot be read.") from None
    if not isinstance(key, rsa.RSAPublicKey):
        raise InvalidHook("Invalid data: the certificate holds no RSA key.")
    return key


def confirm(url: str) -> None:
    """Tell SNS that this address wants the topic's messages."""
    fetch(checked_url(url))


def fetch(url: str) -> bytes:
    try:
        response = outbound.request("GET", url, timeout_s=10)
    except HTTPError as error:
        raise InvalidHook(f"Amazon could not be asked: {error}") from None
    if response.status != 200:
        raise InvalidHook(f"Amazon answered {response.status} when asked.")
    return response.data
