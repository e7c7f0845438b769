"""Anymail's webhook of Resend with our check of its signature, which needs no package of Svix's."""

import time
from typing import Any

from anymail.webhooks.base import AnymailBaseWebhookView
from anymail.webhooks.resend import ResendTrackingWebhookView
from django.http import HttpRequest

from bounces.sources import svix


class View(ResendTrackingWebhookView):
    warn_if_no_basic_auth = False  # there is one proof or the other

    def __init__(self, *, signing_secret: str = "", **credentials: Any) -> None:
        self.signing_secret = signing_secret
        self._svix_webhook = None  # what Anymail's own check would use
        AnymailBaseWebhookView.__init__(self, **credentials)

    def validate_request(self, request: HttpRequest) -> None:
        if self.signing_secret:
            svix.verify(request.body, request.headers, self.signing_secret, now=time.time())
