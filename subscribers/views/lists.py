"""`/api/lists` (contract 3.4)."""

from typing import Any

from django.db.models import QuerySet
from rest_framework.response import Response

from listmonk_py.api import body, paging
from listmonk_py.api.errors import DomainError
from listmonk_py.api.query import is_set
from listmonk_py.api.requests import Request
from listmonk_py.api.views import ApiView, pk

from .. import counts, lists
from ..models import List

ORDER = {
    "name": "name",
    "status": "status",
    "created_at": "created_at",
    "updated_at": "updated_at",
    "subscriber_count": "subscriber_count",
}


def asked_filters(request: Request) -> lists.Filters:
    asked = request.query_params
    return lists.Filters(
        words=asked.get("query", ""),
        type=asked.get("type", ""),
        optin=asked.get("optin", ""),
        status=asked.get("status", ""),
        tags=tuple(tag for tag in asked.getlist("tag") if tag),
    )


def asked_values(request: Request) -> dict[str, Any]:
    """The fields of a list in the body, of the right JSON types."""
    sent = ApiView.body(request)
    return {
        "name": body.text(sent, "name", most=lists.LONGEST_NAME),
        "type": body.choice(sent, "type", List.Type.values),
        "optin": body.choice(sent, "optin", List.Optin.values),
        "status": body.choice(sent, "status", List.Status.values),
        "tags": body.texts(sent, "tags"),
        "description": body.text(sent, "description", most=lists.LONGEST_DESCRIPTION),
    }


class Lists(ApiView):
    """The lists that the caller may read; creating; deleting several."""

    needs = {"GET": (), "POST": ("lists:manage_all",), "DELETE": ()}

    def get_queryset(self) -> QuerySet[List]:
        return List.objects.visible_to(self.request.user)

    def get(self, request: Request) -> Response:
        if is_set(request, "minimal"):
            return self._minimal(request)
        filters = asked_filters(request)
        order = paging.ordering(request, ORDER, default="created_at")
        rows = filters.apply(self.get_queryset())
        if "subscriber_count" in order[0]:
            rows = rows.annotate(subscriber_count=counts.subscriber_count())
        rows = rows.order_by(*order)
        page = paging.asked(request)
        shown = list(page.of(rows))
        numbers = counts.of_lists([one.pk for one in shown])
        results = [lists.shape(one, numbers[one.pk]) for one in shown]
        # Past the last page listmonk has no total either.
        total = rows.count() if results else 0
        return self.data(paging.envelope(results, total, page, query=filters.words))

    def _minimal(self, request: Request) -> Response:
        """Every list with its name and no counts, for selectors; a bare array when there is none."""
        status = lists.Filters(status=request.query_params.get("status", ""))
        rows = status.apply(self.get_queryset()).order_by("name", "id")
        results = [lists.shape(one, None) for one in rows]
        if not results:
            return self.data([])
        return self.data(paging.envelope(results, len(results), paging.Page(1, len(results))))

    def post(self, request: Request) -> Response:
        return self.data(lists.shape_with_counts(lists.create(asked_values(request))))

    def delete(self, request: Request) -> Response:
        ids = paging.ids(request, "id", fail=DomainError)
        if ids:
            lists.delete(ids, request.user)
        elif request.query_params.get("query", "").strip():
            lists.delete_matching(asked_filters(request), request.user)
        elif is_set(request, "all"):
            lists.delete_matching(lists.Filters(), request.user)
        else:
            raise DomainError("One or more IDs are invalid: id or query required")
        return self.data(True)


class OneList(ApiView):
    """One list, by id."""

    needs = {"GET": (), "PUT": (), "DELETE": ()}

    def get_queryset(self) -> QuerySet[List]:
        return List.objects.visible_to(self.request.user)

    def get(self, request: Request, list_id: str) -> Response:
        return self.data(lists.shape_with_counts(lists.readable(pk(list_id), request.user)))

    def put(self, request: Request, list_id: str) -> Response:
        stored = lists.manageable(pk(list_id), request.user)
        changed = lists.update(stored, asked_values(request))
        return self.data(lists.shape_with_counts(changed))

    def delete(self, request: Request, list_id: str) -> Response:
        lists.delete([pk(list_id)], request.user)
        return self.data(True)
