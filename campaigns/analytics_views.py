"""Campaign analytics in the API (contract 3.7)."""

from django.db.models import QuerySet
from rest_framework.response import Response

from listmonk_py.api import paging
from listmonk_py.api.errors import DomainError
from listmonk_py.api.requests import Request
from listmonk_py.api.views import ApiView

from . import analytics
from .models import Campaign


class AnalyticsView(ApiView):
    needs = {"GET": ("campaigns:get_analytics",)}

    def get_queryset(self) -> "QuerySet[Campaign]":
        """Campaigns whose counts the user may see: those of readable lists."""
        user = self.request.user
        ids = user.readable_list_ids()
        rows = Campaign.objects.all()
        if ids is None or user.may("campaigns:get_all"):
            return rows
        return rows.filter(campaign_lists__list_id__in=ids).distinct()

    def get(self, request: Request, type: str) -> Response:
        asked = paging.ids(request, "id", fail=DomainError)
        if not asked:
            raise DomainError("Missing field(s): `id`")
        since = analytics.moment(request.query_params.get("from", ""))
        until = analytics.moment(request.query_params.get("to", ""))
        seen = list(self.get_queryset().filter(pk__in=asked).values_list("pk", flat=True))
        return self.data(analytics.counts(type, seen, since=since, until=until))
