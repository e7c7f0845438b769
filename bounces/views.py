"""Bounces over the API (contract 3.10)."""

from typing import Any

from rest_framework.response import Response

from listmonk_py.api import paging
from listmonk_py.api.errors import DomainError, NotFound
from listmonk_py.api.query import is_set
from listmonk_py.api.requests import Request
from listmonk_py.api.views import ApiView, pk

from . import listing
from .mailboxes import checking
from .models import Bounce


class BounceRows(ApiView):
    needs = {"GET": ("bounces:get",), "*": ("bounces:manage",)}

    def get_queryset(self) -> Any:
        return Bounce.objects.visible_to(self.request.user).select_related("subscriber", "campaign")


class BouncesView(BounceRows):
    def get(self, request: Request) -> Response:
        rows = listing.filtered(
            self.get_queryset(),
            campaign_id=_campaign_id(request),
            source=request.query_params.get("source", "").replace("\0", ""),
            kind=_type(request),
        )
        page = paging.asked(request)
        ordered = rows.order_by(*paging.ordering(request, listing.ORDERS, default="created_at"))
        results = [listing.answer(bounce) for bounce in page.of(ordered)]
        if not results:
            # listmonk answers zeros when there is nothing on the page.
            return self.data(paging.envelope([], 0, paging.Page(0, 0)))
        return self.data(paging.envelope(results, rows.count(), page))

    def delete(self, request: Request) -> Response:
        pks = paging.ids(request, "id", fail=DomainError)
        every = is_set(request, "all")
        if not pks and not every:
            raise DomainError("Invalid ID(s): name the bounces to delete, or say all=true.")
        listing.delete(request.user, None if every else pks)
        return self.data(True)


class BounceView(BounceRows):
    def get(self, request: Request, pk_text: str) -> Response:
        bounce = self.get_queryset().filter(pk=pk(pk_text)).first()
        if bounce is None:
            raise NotFound("Bounce not found")
        return self.data(listing.answer(bounce))

    def delete(self, request: Request, pk_text: str) -> Response:
        listing.delete(request.user, [pk(pk_text)])
        return self.data(True)


class BlocklistBouncedView(BounceRows):
    def put(self, request: Request) -> Response:
        listing.blocklist_bounced(request.user)
        return self.data(True)


class SubscriberBouncesView(BounceRows):
    """In this app because it shows bounces; an unknown subscriber has none, as in listmonk."""

    def get(self, request: Request, pk_text: str) -> Response:
        rows = self.get_queryset().filter(subscriber_id=pk(pk_text)).order_by("-created_at", "-id")
        return self.data([listing.answer(bounce) for bounce in rows])

    def delete(self, request: Request, pk_text: str) -> Response:
        listing.delete_of(request.user, pk(pk_text))
        return self.data(True)


class MailboxesView(ApiView):
    """The mailboxes of the settings and what their last scans did; an addition to listmonk's routes."""

    needs = {"GET": ("settings:get",)}

    def get(self, request: Request) -> Response:
        return self.data(checking.states())


class MailboxTestView(ApiView):
    """Try a mailbox, as `POST /api/settings/smtp/test` does a server; an addition."""

    needs = {"POST": ("settings:manage",)}

    def post(self, request: Request) -> Response:
        return self.data(checking.check(self.body(request)))


def _campaign_id(request: Request) -> int | None:
    text = request.query_params.get("campaign_id", "")
    return pk(text) if text not in ("", "0") else None


def _type(request: Request) -> str:
    kind = request.query_params.get("type", "")
    if kind and kind not in Bounce.Type.values:
        raise DomainError(f"Invalid fields: type must be one of {', '.join(Bounce.Type.values)}.")
    return kind
