"""`/api/segments` (ours): rules about people, kept under a name."""

from typing import Any

from django.db.models import Q, QuerySet
from rest_framework.response import Response

from listmonk_py.api import body, paging
from listmonk_py.api.requests import Request
from listmonk_py.api.views import ApiView, pk

from ..models import Segment
from ..segments import counting, saved
from .subscribers import MANAGE, READ

ORDER = {"name": "name", "created_at": "created_at", "updated_at": "updated_at"}


def asked_values(request: Request) -> dict[str, Any]:
    """The fields that the body has, of the right JSON types; null counts as absent."""
    sent = ApiView.body(request)
    values = {
        "name": body.text(sent, "name", most=saved.LONGEST_NAME),
        "description": body.text(sent, "description", most=saved.LONGEST_DESCRIPTION),
        "rule": body.mapping(sent, "rule"),
    }
    return {name: value for name, value in values.items() if sent.get(name) is not None}


class Segments(ApiView):
    """A page of segments; `query` finds words of the name or the description."""

    needs = {"GET": READ, "POST": MANAGE}

    def get_queryset(self) -> QuerySet[Segment]:
        return Segment.objects.visible_to(self.request.user)

    def get(self, request: Request) -> Response:
        words = request.query_params.get("query", "")
        rows = self.get_queryset()
        for word in words.replace("\0", "").split():
            rows = rows.filter(Q(name__icontains=word) | Q(description__icontains=word))
        page = paging.asked(request)
        shown = page.of(rows.order_by(*paging.ordering(request, ORDER, default="created_at")))
        return self.data(
            paging.envelope([saved.shape(one) for one in shown], rows.count(), page, query=words)
        )

    def post(self, request: Request) -> Response:
        return self.data(saved.shape(saved.create(asked_values(request), request.user)))


class OneSegment(ApiView):
    """One segment, by id."""

    needs = {"GET": READ, "PUT": MANAGE, "DELETE": MANAGE}

    def get_queryset(self) -> QuerySet[Segment]:
        return Segment.objects.visible_to(self.request.user)

    def get(self, request: Request, segment_id: str) -> Response:
        return self.data(saved.shape(saved.readable(pk(segment_id), request.user)))

    def put(self, request: Request, segment_id: str) -> Response:
        segment = saved.manageable(pk(segment_id), request.user)
        return self.data(saved.shape(saved.update(segment, asked_values(request))))

    def delete(self, request: Request, segment_id: str) -> Response:
        saved.delete(pk(segment_id), request.user)
        return self.data(True)


class Count(ApiView):
    """How many people are in a segment now, of those that the caller may see."""

    needs = {"GET": READ}

    def get_queryset(self) -> QuerySet[Segment]:
        return Segment.objects.visible_to(self.request.user)

    def get(self, request: Request, segment_id: str) -> Response:
        segment = saved.readable(pk(segment_id), request.user)
        size = counting.count(saved.rule_of(segment), request.user)
        return self.data({"count": size.number, "exact": size.is_exact})
