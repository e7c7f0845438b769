"""`/api/public/lists` and `/api/public/subscription`, for sign-up forms on other sites (contract 3.14)."""

from typing import Any
from uuid import UUID

from django.http import QueryDict
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.response import Response

from listmonk_py.api import body
from listmonk_py.api.errors import DomainError
from listmonk_py.api.parsing import Json
from listmonk_py.api.requests import Request
from listmonk_py.api.views import ApiView, PublicView
from listmonk_py.configuration import runtime

from .. import consent, sign_up_guard
from ..models import List
from ..public_pages import ask_to_confirm


class Lists(PublicView):
    """The lists that strangers may sign up to: a bare array, without the envelope."""

    def get(self, request: Request) -> Response:
        rows = List.objects.public().order_by("pk").values("uuid", "name")
        return Response(list(rows))


class SignUp(PublicView):
    """Signing up with JSON or a form. A captcha that is switched on is asked for here too; the honeypot
    is not, because existing clients send what they like."""

    parser_classes = (Json, FormParser, MultiPartParser)

    def post(self, request: Request) -> Response:
        if not runtime.get("app.enable_public_subscription_page"):
            raise DomainError("That feature is not available.")
        sent = _fields(request)
        sign_up_guard.check(sent, ip=request.META.get("REMOTE_ADDR", ""), honeypot=False)
        done = consent.sign_up(
            email=body.text(sent, "email", most=consent.LONGEST_NAME),
            name=body.text(sent, "name", most=consent.LONGEST_NAME),
            list_uuids=[_uuid(text) for text in body.texts(sent, "list_uuids") or ()],
        )
        return self.data({"has_optin": ask_to_confirm(done)})


def _fields(request: Request) -> dict[str, Any]:
    if isinstance(request.data, QueryDict):
        return {**request.data.dict(), "list_uuids": request.data.getlist("l")}
    return ApiView.body(request)


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise DomainError("Invalid UUID(s)") from None
