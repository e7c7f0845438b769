"""Taking in a transactional request: checked, then stored, then answered (contract 3.11).

Rows are in PostgreSQL before the API says yes, so a message survives every restart. With an
`Idempotency-Key` the same request twice is stored once.
"""

import uuid
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import transaction

from campaigns.models import Template
from listmonk_py.api.errors import Conflict, DomainError
from listmonk_py.configuration import runtime
from listmonk_py.mail import messengers
from listmonk_py.mail.addresses import DomainRules, InvalidEmail, normalise_email, parse_mailbox
from subscribers.models import Subscriber

from . import doorbell
from .models import TxAttachment, TxMessage

if TYPE_CHECKING:
    from django.core.files.uploadedfile import UploadedFile

    from listmonk_py.accounts.models import User

MODES = ("", "default", "fallback", "external")
CONTENT_TYPES = ("html", "plain", "markdown")


class Recipient(NamedTuple):
    email: str
    subscriber_id: int | None


class Accepted(NamedTuple):
    """The stored messages, and the recipients that nobody knows (default mode)."""

    messages: list[TxMessage]
    unknown: list[str]


def accept(
    asked: dict[str, Any],
    files: Sequence["UploadedFile"],
    user: "User",
    *,
    idempotency_key: str | None = None,
) -> Accepted:
    """Store one message per recipient and ring the sender.

    Raises:
        DomainError: a field is wrong; nothing was stored.
        Conflict: the key was used for another request.
    """
    template = _template(asked["template_id"])
    payload = _payload(asked)
    messenger = asked.get("messenger") or "email"
    if messenger not in messengers.names():
        raise DomainError(f"Unknown messenger {messenger}.")
    found, unknown = recipients(asked)
    if not found:
        return Accepted([], unknown)
    if idempotency_key:
        before = _sent_before(user, idempotency_key, found, payload)
        if before:
            return Accepted(before, unknown)
    request = uuid.uuid4()
    with transaction.atomic():
        _store_files(request, files)
        messages = TxMessage.objects.bulk_create(
            TxMessage(
                request=request,
                idempotency_key=idempotency_key,
                by=user,
                email=recipient.email,
                subscriber_id=recipient.subscriber_id,
                template=template,
                messenger=messenger,
                payload=payload,
            )
            for recipient in found
        )
        transaction.on_commit(partial(doorbell.ring))
    return Accepted(messages, unknown)


def recipients(asked: dict[str, Any]) -> tuple[list[Recipient], list[str]]:
    """Whom the request names, each once, and (in default mode) whom nobody knows.

    Raises:
        DomainError: none or both kinds are named, or an address is wrong.
    """
    emails, ids = _named(asked)
    mode = asked.get("subscriber_mode") or "default"
    if mode not in MODES:
        raise DomainError("Invalid fields: subscriber_mode")
    if mode != "default" and ids:
        raise DomainError("Invalid fields: subscriber_ids not allowed in fallback or external mode")
    if bool(emails) == bool(ids):
        raise DomainError("Invalid fields: send subscriber_emails OR subscriber_ids")
    if ids:
        return _by_id(ids)
    addresses = list(dict.fromkeys(_checked(email) for email in emails))
    if mode == "external":
        return [Recipient(address, None) for address in addresses], []
    return _by_email(addresses, ephemeral=mode == "fallback")


def _named(asked: dict[str, Any]) -> tuple[list[str], list[int]]:
    """Plural fields with the old singular ones joined in."""
    emails, ids = list(asked.get("subscriber_emails") or ()), list(asked.get("subscriber_ids") or ())
    if asked.get("subscriber_email"):
        if emails:
            raise DomainError("Invalid fields: do not send `subscriber_email`")
        emails = [asked["subscriber_email"]]
    if asked.get("subscriber_id"):
        if ids:
            raise DomainError("Invalid fields: do not send `subscriber_id`")
        ids = [asked["subscriber_id"]]
    return emails, ids


def _checked(email: str) -> str:
    address = normalise_email(email)
    DomainRules(
        allow=runtime.get("privacy.domain_allowlist"), block=runtime.get("privacy.domain_blocklist")
    ).check(address)
    return address


def _by_id(ids: Sequence[int]) -> tuple[list[Recipient], list[str]]:
    known = dict(Subscriber.objects.filter(pk__in=ids).values_list("pk", "email"))
    wanted = list(dict.fromkeys(ids))
    return (
        [Recipient(known[pk], pk) for pk in wanted if pk in known],
        [f"Subscriber ({pk}: ) not found" for pk in wanted if pk not in known],
    )


def _by_email(addresses: Sequence[str], *, ephemeral: bool) -> tuple[list[Recipient], list[str]]:
    rows = Subscriber.objects.filter(email__in=addresses).values_list("email", "pk")
    known = {email.lower(): pk for email, pk in rows}
    for address in addresses:  # stored in another case: the index on lower(email) finds them one by one
        if address not in known:
            pk = Subscriber.objects.with_email(address).values_list("pk", flat=True).first()
            if pk is not None:
                known[address] = pk
    found = [Recipient(a, known.get(a)) for a in addresses if ephemeral or a in known]
    unknown = [] if ephemeral else [f"Subscriber (0: {a}) not found" for a in addresses if a not in known]
    return found, unknown


def _template(template_id: int) -> Template:
    found = Template.objects.filter(pk=template_id, type=Template.Type.TX).first()
    if found is None:
        raise DomainError(f"template {template_id} not found")
    return found


def _payload(asked: dict[str, Any]) -> dict[str, Any]:
    """What rendering needs besides the template.

    Raises:
        DomainError: the sender or the content type is wrong.
    """
    content_type = asked.get("content_type") or "html"
    if content_type not in CONTENT_TYPES:
        raise DomainError(f"content_type: use one of {', '.join(CONTENT_TYPES)}.")
    from_email = asked.get("from_email") or runtime.get("app.from_email")
    try:
        parse_mailbox(from_email)
    except InvalidEmail as error:
        raise DomainError(f"Invalid `from_email`: {error.reason}") from None
    return {
        "data": asked.get("data") or {},
        "subject": asked.get("subject") or "",
        "altbody": asked.get("altbody") or "",
        "headers": asked.get("headers") or [],
        "from_email": from_email,
        "content_type": content_type,
    }


def _store_files(request: uuid.UUID, files: Sequence["UploadedFile"]) -> None:
    TxAttachment.objects.bulk_create(
        TxAttachment(
            request=request,
            filename=file.name or "file",
            content_type=file.content_type or "application/octet-stream",
            content=file.read(),
        )
        for file in files
    )


def _sent_before(user: "User", key: str, found: list[Recipient], payload: dict[str, Any]) -> list[TxMessage]:
    """The messages that this key was stored with.

    Raises:
        Conflict: they were for other recipients or had other contents.
    """
    before = list(TxMessage.objects.filter(by=user, idempotency_key=key))
    same = {row.email for row in before} == {recipient.email for recipient in found}
    if before and (not same or any(row.payload != payload for row in before)):
        raise Conflict("This Idempotency-Key was used for another message. Use a new key.")
    return before
