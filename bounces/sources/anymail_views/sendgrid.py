"""Anymail's webhook of SendGrid without the warning, at every request, that Anymail no longer tests it."""

from typing import Any

from anymail.webhooks.base import AnymailBaseWebhookView
from anymail.webhooks.sendgrid import SendGridTrackingWebhookView
from cryptography.hazmat.primitives.serialization import load_pem_public_key

PEM = "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----"


class View(SendGridTrackingWebhookView):
    warn_if_no_basic_auth = False  # there is one proof or the other

    def __init__(self, *, tracking_webhook_verification_key: str = "", **credentials: Any) -> None:
        if tracking_webhook_verification_key:
            pem = PEM.format(tracking_webhook_verification_key)
            self.webhook_verification_key = load_pem_public_key(pem.encode())
        AnymailBaseWebhookView.__init__(self, **credentials)
