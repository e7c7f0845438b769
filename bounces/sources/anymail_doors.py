"""Anymail's webhook views as doors: which providers have one, and who is let in.

The proofs stand in the options of the provider's entry in the setting `anymail`, under Anymail's own names:
`webhook_secret` ("user:password", HTTP Basic), or the key that the provider signs with. A provider has a
door once one of its entries, enabled or not, has a proof: mail sent before an entry was switched off still
bounces. With several entries of one provider, whichever proof fits opens.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from anymail.exceptions import AnymailError
from anymail.signals import tracking
from anymail.webhooks.base import AnymailCoreWebhookView
from django.core.exceptions import ImproperlyConfigured, RequestDataTooBig, SuspiciousOperation
from django.http import HttpRequest
from django.http.multipartparser import MultiPartParserError
from django.utils.module_loading import import_string

from listmonk_py.api.errors import Missing
from listmonk_py.configuration import runtime

from .source import InvalidHook, Unauthorized

logger = logging.getLogger(__name__)

PASSWORD = "webhook_secret"  # noqa: S105 - the name of an option
# What Anymail's parsers raise when a body is not what the provider sends.
UNREADABLE = (
    AnymailError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImproperlyConfigured,
    LookupError,
    MultiPartParserError,
    OSError,
    RecursionError,
    SuspiciousOperation,
    TypeError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class Door:
    """A provider's view, and the options it takes.

    Attributes:
        view: its dotted name; imported when a request comes, since some bring large packages along.
        proofs: options of which one is enough.
        more: options that are used when they are there.
    """

    view: str
    proofs: tuple[str, ...] = (PASSWORD,)
    more: tuple[str, ...] = ()


_OURS = "bounces.sources.anymail_views"
DOORS: Mapping[str, Door] = {
    "amazon_ses": Door(f"{_OURS}.amazon_ses.View"),
    "brevo": Door("anymail.webhooks.brevo.BrevoTrackingWebhookView"),
    "mailersend": Door(
        "anymail.webhooks.mailersend.MailerSendTrackingWebhookView", ("signing_secret",), (PASSWORD,)
    ),
    # Anymail takes the API key for old accounts that have no signing key of their own.
    "mailgun": Door(
        "anymail.webhooks.mailgun.MailgunTrackingWebhookView",
        ("webhook_signing_key", "api_key"),
        (PASSWORD,),
    ),
    "mailjet": Door("anymail.webhooks.mailjet.MailjetTrackingWebhookView"),
    "mailtrap": Door("anymail.webhooks.mailtrap.MailtrapTrackingWebhookView", ("tracking_secret", PASSWORD)),
    "mandrill": Door(
        "anymail.webhooks.mandrill.MandrillCombinedWebhookView", ("webhook_key",), (PASSWORD, "webhook_url")
    ),
    "postal": Door("anymail.webhooks.postal.PostalTrackingWebhookView", ("webhook_key",), (PASSWORD,)),
    "postmark": Door("anymail.webhooks.postmark.PostmarkTrackingWebhookView"),
    "resend": Door(f"{_OURS}.resend.View", ("signing_secret", PASSWORD)),
    "sendgrid": Door(f"{_OURS}.sendgrid.View", ("tracking_webhook_verification_key", PASSWORD)),
    "sparkpost": Door("anymail.webhooks.sparkpost.SparkPostTrackingWebhookView"),
    "unisender_go": Door(
        "anymail.webhooks.unisender_go.UnisenderGoTrackingWebhookView", ("api_key",), (PASSWORD,)
    ),
}


def credentials(provider: str) -> list[dict[str, str]]:
    """The proofs of every entry of `provider` that has one.

    Raises:
        Missing: there is none, or no such provider.
    """
    found = list(_credentials(provider))
    if not found:
        raise Missing("No provider with this name takes reports. Add its webhook's secret to its options.")
    return found


def _credentials(provider: str) -> Iterator[dict[str, str]]:
    door = DOORS.get(provider)
    if door is None:
        return
    for entry in runtime.get("anymail"):
        options = {str(name).lower(): value for name, value in (entry.get("options") or {}).items()}
        given = {name: str(options[name]) for name in (*door.proofs, *door.more) if options.get(name)}
        if entry.get("backend") == provider and given.keys() & set(door.proofs):
            yield given


def receive(provider: str, proofs: list[dict[str, str]], request: HttpRequest) -> None:
    """Verify and parse what `provider` tells, and send Anymail's signal for each event.

    Args:
        proofs: see `credentials`.

    Raises:
        Unauthorized: a password is wanted and none was given.
        InvalidHook: the proof is wrong, or the body is not what the provider sends.
        RequestDataTooBig: see DATA_UPLOAD_MAX_MEMORY_SIZE.
    """
    view = _admitted(provider, proofs, request)
    try:
        events = view.parse_events(request)
    except RequestDataTooBig:
        raise
    except UNREADABLE as error:
        logger.info("What %s sent cannot be read: %r", provider, error)
        raise InvalidHook(f"Invalid data: this is no report of {view.esp_name}.") from None
    if view.signal is not tracking:
        raise InvalidHook("Invalid data: only reports about sent mail are taken here, no received mail.")
    for event in events:
        tracking.send(sender=type(view), event=event, esp_name=view.esp_name)


def _admitted(provider: str, proofs: list[dict[str, str]], request: HttpRequest) -> Any:
    """The view whose proof fits the request."""
    refusal: Exception = InvalidHook("Invalid data: the password or signature does not match the settings.")
    for given in proofs:
        try:
            view = _view(provider, given)
            view.run_validators(request)
            return view
        except RequestDataTooBig:
            raise
        except InvalidHook as error:
            refusal = error
        except UNREADABLE as error:
            logger.info("A report of %s was refused: %s", provider, error)
    if any(PASSWORD in given for given in proofs) and "Authorization" not in request.headers:
        raise Unauthorized("Unauthorized")
    raise refusal


def _view(provider: str, given: Mapping[str, str]) -> AnymailCoreWebhookView:
    options: dict[str, Any] = {**given, PASSWORD: [given[PASSWORD]] if PASSWORD in given else []}
    view: AnymailCoreWebhookView = import_string(DOORS[provider].view)(**options)
    return view
