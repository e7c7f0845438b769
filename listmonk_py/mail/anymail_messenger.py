"""Providers with an HTTP API as messengers, through django-anymail's backends.

Setting `anymail`: [{uuid, enabled, name, backend, options, max_conns}]. `backend` is the name of a module in
`anymail.backends`; `options` are that backend's settings in lower case (`api_key`, `sender_domain`, ...),
and those of its webhook.
"""

import re
import threading
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.encoders import encode_base64
from email.mime.base import MIMEBase
from email.utils import formataddr
from typing import Any, Literal

import requests
from anymail.exceptions import (
    AnymailAPIError,
    AnymailCancelSend,
    AnymailError,
    AnymailRecipientsRefused,
    AnymailSerializationError,
    AnymailUnsupportedFeature,
)
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.utils.module_loading import import_string

from listmonk_py.api.errors import DomainError

from . import anymail_ses
from .allowances import UNLIMITED, Allowance, allowance_from_entry
from .anymail_options import Frozen, for_backend, frozen
from .outgoing import Attachment, Lane, Outcome, Parts, Result
from .threaded import ThreadedTransmission, Workers

# Module of anymail.backends: class name. Those that are no providers (test, console) are left out.
BACKENDS: Mapping[str, str] = {
    "amazon_ses": "anymail.backends.amazon_ses.EmailBackend",
    "brevo": "anymail.backends.brevo.EmailBackend",
    "mailersend": "anymail.backends.mailersend.EmailBackend",
    "mailgun": "anymail.backends.mailgun.EmailBackend",
    "mailjet": "anymail.backends.mailjet.EmailBackend",
    "mailtrap": "anymail.backends.mailtrap.EmailBackend",
    "mandrill": "anymail.backends.mandrill.EmailBackend",
    "postal": "anymail.backends.postal.EmailBackend",
    "postmark": "anymail.backends.postmark.EmailBackend",
    "resend": "anymail.backends.resend.EmailBackend",
    "scaleway": "anymail.backends.scaleway.EmailBackend",
    "sendgrid": "anymail.backends.sendgrid.EmailBackend",
    "sparkpost": "anymail.backends.sparkpost.EmailBackend",
    "unisender_go": "anymail.backends.unisender_go.EmailBackend",
}
# Backends that raise AnymailUnsupportedFeature for these want them as something else or not at all.
_SET_BY_PROVIDER = frozenset(
    {"from", "to", "cc", "bcc", "reply-to", "subject", "date", "mime-version", "return-path"}
)
# What reports shall bring back, by the header that says it. Mandrill takes letters, digits and underscores;
# Postmark, names of at most 20 characters.
METADATA = {"X-Listmonk-Campaign": "listmonk_campaign", "X-Listmonk-Subscriber": "listmonk_subscriber"}
WITHOUT_METADATA = frozenset({"mailersend", "postal"})
LONGEST_TEXT = 400
# The filters of warnings belong to the process, so one thread at a time may change them.
_making = threading.Lock()
_LINE_END = re.compile(r"[\r\n]")
_KEYS = re.compile(r"(?i)(api[_-]?key|token|secret|password)[\"'=:\s]+[^\s\"',}]+")


class AnymailMisconfigured(DomainError):
    """The provider's entry in the settings is not complete."""


@dataclass(frozen=True, slots=True)
class AnymailSettings:
    """One entry of the setting `anymail`. max_conns: threads, and so connections, per process."""

    uuid: str
    name: str
    backend: str
    options: Frozen = field(default=(), repr=False)
    max_conns: int = 10
    allowance: Allowance = UNLIMITED


def anymail_from_entry(entry: Mapping[str, Any]) -> AnymailSettings:
    """The typed form of one entry, secrets in clear."""
    return AnymailSettings(
        uuid=str(entry["uuid"]),
        name=entry["name"],
        backend=entry["backend"],
        options=frozen(entry.get("options") or {}),
        max_conns=max(1, int(entry.get("max_conns") or 10)),
        allowance=allowance_from_entry(entry),
    )


def make_backend(settings: AnymailSettings) -> Any:
    """The Anymail backend with the entry's options.

    Raises:
        AnymailMisconfigured: no such backend, an option is missing, or a package is.
    """
    path = BACKENDS.get(settings.backend)
    if path is None:
        raise AnymailMisconfigured(
            f"There is no provider {settings.backend!r}. Known: {', '.join(BACKENDS)}."
        )
    try:
        with _making, warnings.catch_warnings():
            # Anymail says so for providers it no longer tests itself (SendGrid); they still work.
            warnings.simplefilter("ignore")
            return import_string(path)(**for_backend(settings.backend, settings.options))
    except ImproperlyConfigured as fault:
        first = str(fault).strip().splitlines()[0]
        raise AnymailMisconfigured(f"Provider {settings.name}: {first}") from None
    except (ImportError, TypeError, ValueError) as fault:
        raise AnymailMisconfigured(f"Provider {settings.name}: {fault}") from None


def email_message(parts: Parts, *, metadata: bool = True) -> EmailMessage:
    """`parts` as Django writes mail; headers the provider makes itself are left out.

    Args:
        metadata: whether the provider gives metadata back in its reports.

    Raises:
        ValueError: a header could smuggle in another one.
    """
    headers = {name: value for name, value in parts.headers if name.lower() not in _SET_BY_PROVIDER}
    if any(_LINE_END.search(text) for text in (parts.subject, parts.from_email, parts.to, *headers.values())):
        raise ValueError("A header of the message has a line end in it.")
    name = str(parts.recipient.get("name") or "")
    fields: dict[str, Any] = {
        "subject": parts.subject,
        "from_email": parts.from_email,
        "to": [formataddr((name, parts.to)) if name and name.isascii() and "@" not in name else parts.to],
        "cc": list(parts.cc),
        "bcc": list(parts.bcc),
        "reply_to": list(parts.reply_to),
        "headers": headers,
    }
    message: EmailMessage
    if parts.html is not None and parts.text is not None:
        message = EmailMultiAlternatives(body=parts.text, **fields)
        message.attach_alternative(parts.html, "text/html")
    elif parts.html is not None:
        message = EmailMessage(body=parts.html, **fields)
        message.content_subtype = "html"
    else:
        message = EmailMessage(body=parts.text or "", **fields)
    for file in parts.attachments:
        if file.inline_id and parts.html is not None:
            message.attach(_inline_image(file))
        else:
            message.attach(file.name, file.content, file.content_type)
    marks = {METADATA[name]: value for name, value in parts.headers if name in METADATA}
    if metadata and marks:
        message.metadata = marks  # type: ignore[attr-defined]  # Anymail looks for it
    return message


def _inline_image(file: Attachment) -> MIMEBase:
    """A part that the HTML names as `cid:<inline_id>`; Anymail tells it by these headers."""
    maintype, _, subtype = file.content_type.partition(";")[0].strip().lower().partition("/")
    part = MIMEBase(maintype or "application", subtype or "octet-stream")
    part.set_payload(file.content)
    encode_base64(part)
    part.add_header("Content-Disposition", "inline", filename=file.name)
    part.add_header("Content-ID", f"<{file.inline_id}>")
    return part


class AnymailMessenger:
    """See `outgoing.Messenger`. make: builds a backend; another one for tests."""

    wants: Literal["parts"] = "parts"

    def __init__(
        self, settings: AnymailSettings, make: Callable[[AnymailSettings], Any] = make_backend
    ) -> None:
        self.settings = settings
        self.name = settings.name
        self._make = make
        self._local = threading.local()
        self._workers = Workers(settings.name, settings.max_conns, self._deliver)

    def open(self, lane: Lane, from_email: str) -> ThreadedTransmission:
        return ThreadedTransmission(self._workers, self.settings.allowance.routes(self.settings.uuid, lane))

    def _backend(self) -> Any:
        """One backend, and so one kept HTTP session, per thread."""
        backend = getattr(self._local, "backend", None)
        if backend is None:
            backend = self._make(self.settings)
            try:
                backend.open()
            except Exception as fault:  # no region or credentials for Amazon: of no type that is always there
                raise AnymailMisconfigured(f"Provider {self.name}: {fault}") from None
            self._local.backend = backend
        return backend

    def _deliver(self, parts: Parts) -> Result:
        try:
            message = email_message(parts, metadata=self.settings.backend not in WITHOUT_METADATA)
            sent = self._backend().send_messages([message])
        except AnymailMisconfigured as fault:
            return self._result(parts.key, Outcome.SERVER, 0, fault.message)
        except AnymailRecipientsRefused as fault:
            return self._result(parts.key, Outcome.FAILED, 0, f"The provider refuses the recipient: {fault}")
        except (AnymailUnsupportedFeature, AnymailSerializationError, AnymailCancelSend) as fault:
            return self._result(parts.key, Outcome.FAILED, 0, str(fault))
        except AnymailAPIError as fault:
            return self._judge(parts.key, fault)
        except AnymailError as fault:
            return self._result(parts.key, Outcome.FAILED, 0, str(fault))
        except requests.RequestException as fault:
            return self._no_answer(parts.key, fault)
        except ValueError as fault:  # Django refuses headers with line ends, and addresses it cannot read
            return self._result(parts.key, Outcome.FAILED, 0, str(fault))
        if not sent:
            return self._result(
                parts.key, Outcome.FAILED, 0, "A receiver of Anymail's pre_send signal cancelled it."
            )
        return self._answered(parts, message)

    def _answered(self, parts: Parts, message: EmailMessage) -> Result:
        """The provider answered; what it says of the recipient decides (Anymail's normalised statuses)."""
        status = getattr(message, "anymail_status", None)
        of_recipient = getattr(status, "recipients", {}).get(parts.to)
        said = getattr(of_recipient, "status", None)
        if said in ("invalid", "rejected", "failed"):
            return self._result(parts.key, Outcome.FAILED, 200, f"The provider says: {said}.")
        message_id = str(
            getattr(of_recipient, "message_id", None) or getattr(status, "message_id", None) or ""
        )
        if said in ("sent", "queued") or message_id:
            return self._result(parts.key, Outcome.ACCEPTED, 200, message_id)
        return self._result(parts.key, Outcome.UNKNOWN, 200, "The provider did not say what became of it.")

    def _judge(self, key: int, fault: AnymailAPIError) -> Result:
        """An error of the API: about all mail (key, quota, throttling), or about this message."""
        if self.settings.backend == "amazon_ses":
            outcome, status = anymail_ses.judge(fault)
            return self._result(key, outcome, status, str(fault))
        code = fault.status_code
        if code is None:
            return self._no_answer(key, fault)
        text = str(fault)
        if code in (401, 402, 403, 404, 408, 429) or code >= 500:
            return self._result(key, Outcome.SERVER, code, text)
        if 200 <= code < 300:
            # Taken, but the answer could not be read.
            return self._result(key, Outcome.UNKNOWN, code, text)
        return self._result(key, Outcome.FAILED, code, text)

    def _no_answer(self, key: int, fault: Exception) -> Result:
        """Before the request was out nothing can have been sent; after that it is in doubt."""
        never_out = isinstance(fault, requests.exceptions.ConnectTimeout | requests.exceptions.SSLError) or (
            isinstance(fault, requests.exceptions.ConnectionError)
            and "NewConnectionError" in f"{fault!r} {fault.__cause__!r}"
        )
        return self._result(key, Outcome.SERVER if never_out else Outcome.UNKNOWN, 0, str(fault))

    def _result(self, key: int, outcome: Outcome, code: int, text: str) -> Result:
        clean = _KEYS.sub(r"\1 ***", " ".join(text.split()))
        return Result(key, outcome, code, "", clean[:LONGEST_TEXT], self.name)
