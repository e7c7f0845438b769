"""The door for providers whose API mail is sent through: their reports, by way of django-anymail."""

from typing import Any

from django.http import HttpRequest, HttpResponseBase
from rest_framework.response import Response

from listmonk_py.api.requests import Request
from listmonk_py.api.views import PublicView

from .sources import anymail_doors
from .sources.source import Unauthorized
from .webhooks import challenge, refuse_while_off, refuse_while_processing_is_off


class AnymailWebhookView(PublicView):
    """/webhooks/anymail/<provider>/tracking: who calls is proved in Anymail's ways, see `anymail_doors`."""

    parser_classes = ()

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        refuse_while_off()
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: Request, provider: str) -> Response:
        """Some providers look whether anybody is there before they take the address."""
        anymail_doors.credentials(provider)
        return self.data(True)

    def post(self, request: Request, provider: str) -> Response:
        proofs = anymail_doors.credentials(provider)
        refuse_while_processing_is_off()
        try:
            anymail_doors.receive(provider, proofs, request._request)
        except Unauthorized as error:
            return challenge(error)
        return self.data(True)
