"""`POST /api/tx`, and our additions: what became of a message."""

import uuid

import orjson
from django.db.models import QuerySet
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response

from listmonk_py.api.errors import DomainError, Missing
from listmonk_py.api.parsing import Json
from listmonk_py.api.requests import Request
from listmonk_py.api.views import ApiView

from . import accepting
from .models import TxMessage
from .serializers import TxIn, tx_out


class TxView(ApiView):
    needs = {"POST": ("tx:send",)}
    parser_classes = (MultiPartParser, Json)

    def post(self, request: Request) -> Response:
        asked = TxIn(data=fields(request))
        asked.is_valid(raise_exception=True)
        files = request.FILES.getlist("file") if request.FILES else []
        accepted = accepting.accept(
            asked.validated_data, files, request.user, idempotency_key=request.headers.get("Idempotency-Key")
        )
        if accepted.unknown:
            # listmonk sends to those it knows, and then answers 400 naming the others.
            raise DomainError("; ".join(accepted.unknown))
        response = self.data(True)
        response["X-Message-Ids"] = ",".join(str(message.uuid) for message in accepted.messages[:100])
        return response


class TxMessageView(ApiView):
    needs = {"GET": ("tx:send",)}

    def get_queryset(self) -> "QuerySet[TxMessage]":
        return TxMessage.objects.visible_to(self.request.user)

    def get(self, request: Request, id: uuid.UUID) -> Response:
        """A message by its UUID, or all messages of a request by the request's."""
        rows = self.get_queryset()
        found = rows.filter(uuid=id).first()
        if found is not None:
            return self.data(tx_out(found))
        together = [tx_out(row) for row in rows.filter(request=id).order_by("pk")[:1000]]
        if not together:
            raise Missing("There is no such message.")
        return self.data(together)


def fields(request: Request) -> object:
    """The request's fields: the JSON body, or the `data` part of a multipart form.

    Raises:
        DomainError: the `data` part is missing or not valid JSON.
    """
    if not (request.content_type or "").startswith("multipart/form-data"):
        return ApiView.body(request)
    text = request.data.get("data")
    if not isinstance(text, str):
        raise DomainError("Send the message as JSON in the form field `data`.")
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise DomainError(f"The form field `data` is not valid JSON: {error}") from None
