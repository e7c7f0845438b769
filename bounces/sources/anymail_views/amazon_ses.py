"""Anymail's webhook of Amazon SES, made stricter: Anymail does not check the signatures of SNS, we do.

It wants no boto3 either: a subscription is confirmed by calling the address that Amazon names.
"""

from typing import Any

from anymail.webhooks.amazon_ses import AmazonSESTrackingWebhookView
from anymail.webhooks.base import AnymailBaseWebhookView
from django.http import HttpRequest

from bounces.sources import ses


class View(AmazonSESTrackingWebhookView):
    def __init__(self, **credentials: Any) -> None:
        self.auto_confirm_enabled = True
        AnymailBaseWebhookView.__init__(self, **credentials)

    def validate_request(self, request: HttpRequest) -> None:
        # The password first: a stranger must not make us fetch Amazon's certificate.
        AnymailBaseWebhookView.validate_request(self, request)
        ses.verify(self._parse_sns_message(request))

    def auto_confirm_sns_subscription(self, sns_message: dict[str, Any]) -> None:
        ses.confirm(str(sns_message.get("SubscribeURL")))
