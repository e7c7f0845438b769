"""The doors through which bounces come in: listmonk's own webhook, and the providers' (contract 8.3, 8.4)."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponseBase
from rest_framework.response import Response

from listmonk_py.api.errors import DomainError, Unavailable
from listmonk_py.api.requests import Request
from listmonk_py.api.views import ApiView, PublicView
from listmonk_py.configuration import runtime

from . import recording
from .events import BounceEvent, as_time, as_uuid
from .models import Bounce
from .sources import SOURCES
from .sources.source import Hook, Unauthorized

MAX_SOURCE = 200


def refuse_while_off() -> None:
    """Raises: Http404 (a page, as in listmonk) while webhooks are switched off."""
    if not runtime.get("bounce.webhooks_enabled"):
        raise Http404


class NativeWebhookView(ApiView):
    """POST /webhooks/bounce."""

    needs = {"POST": ("webhooks:post_bounce",)}

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        refuse_while_off()
        return super().dispatch(request, *args, **kwargs)

    def post(self, request: Request) -> Response:
        event = native_event(self.body(request))
        refuse_while_processing_is_off()
        recording.record(event)
        return self.data(True)


class ServiceWebhookView(PublicView):
    """POST /webhooks/service/<name>: who calls is proved by the provider's own signature."""

    parser_classes = ()

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        refuse_while_off()
        return super().dispatch(request, *args, **kwargs)

    def post(self, request: Request, service: str) -> Response:
        source = SOURCES.get(service)
        if source is None or not source.is_enabled():
            raise DomainError("Unknown service.")
        refuse_while_processing_is_off()
        hook = Hook(body=request._request.body, headers=request._request.headers, query=request._request.GET)
        try:
            received = source.receive(hook)
        except Unauthorized as error:
            return challenge(error)
        recording.record_all(received.events)
        return Response(received.answer) if received.answer is not None else self.data(True)


def refuse_while_processing_is_off() -> None:
    if not runtime.get("bounce.enabled"):
        raise Unavailable("Bounce processing is switched off. Switch it on in the settings.")


def challenge(error: Unauthorized) -> Response:
    """401 in the form that makes a caller send its password (RFC 9110 section 11.6.1)."""
    headers = {"WWW-Authenticate": "basic realm=Restricted"}
    return Response({"message": error.message}, status=401, headers=headers)


def native_event(body: dict[str, Any]) -> BounceEvent:
    """What a client of the native webhook says.

    Raises:
        DomainError: a field is missing or wrong.
    """
    email, person = body.get("email") or "", body.get("subscriber_uuid") or ""
    if not isinstance(email, str) or not isinstance(person, str) or not (email or person):
        raise DomainError("Invalid fields: email / subscriber_uuid. Say whose mail bounced.")
    if person and as_uuid(person) is None:
        raise DomainError("Invalid fields: subscriber_uuid must be a UUID.")
    if body.get("type") not in Bounce.Type.values:
        raise DomainError(f"Invalid fields: type must be one of {', '.join(Bounce.Type.values)}.")
    source, meta = body.get("source") or "", body.get("meta")
    if not isinstance(source, str) or len(source) > MAX_SOURCE:
        raise DomainError(f"Invalid fields: source must be text of at most {MAX_SOURCE} characters.")
    if meta is not None and not isinstance(meta, dict):
        raise DomainError("Invalid fields: meta must be an object.")
    at = as_time(body["created_at"]) if body.get("created_at") else None
    if body.get("created_at") and at is None:
        raise DomainError("Invalid fields: created_at must be a time like 2026-01-31T00:00:00Z.")
    return BounceEvent(
        type=body["type"],
        source=source,
        email=email,
        subscriber_uuid=as_uuid(person),
        campaign_uuid=as_uuid(body.get("campaign_uuid")),
        meta=meta or {},
        at=at,
    )
