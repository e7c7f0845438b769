"""Batches, for operators who want to see what the engine is doing."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest

from listmonk_py.accounts.admin_base import BigTableAdmin, ReadOnly, id_in
from listmonk_py.accounts.admin_paging import Walk, walk_down

from .models import Batch


def of_campaign(campaign_id: int) -> Walk:
    """A campaign's batches; its open and its settled ones are each in order in the index."""
    walks = [walk_down(Batch.objects.filter(campaign_id=campaign_id, state=state)) for state in Batch.State]

    def walk(below: int | None, most: int) -> list[int]:
        return sorted((pk for one in walks for pk in one(below, most)), reverse=True)[:most]

    return walk


@admin.register(Batch)
class BatchAdmin(ReadOnly, BigTableAdmin):
    list_display = (
        "id",
        "campaign",
        "kind",
        "state",
        "size",
        "done",
        "announced",
        "lease_until",
        "not_before",
    )
    list_filter = ("state", "kind")
    list_select_related = ("campaign",)
    search_fields = ("campaign_id",)  # says that there is a search; `get_search_results` does it
    search_help_text = "Number of the campaign"
    search_is_indexed = False  # one campaign may have ten thousand batches: they are walked
    exclude = ("subscriber_ids", "token")

    def get_search_results(
        self, request: HttpRequest, queryset: "QuerySet[Any]", search_term: str
    ) -> tuple["QuerySet[Any]", bool]:
        if not search_term.strip():
            return queryset, False
        campaign_id = id_in(search_term)
        return (queryset.none() if campaign_id is None else queryset.filter(campaign_id=campaign_id)), False

    def walk(self, request: HttpRequest, listing: ChangeList) -> Walk:
        if not listing.query.strip():
            return super().walk(request, listing)
        campaign_id = id_in(listing.query)
        return walk_down(listing.queryset) if campaign_id is None else of_campaign(campaign_id)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return False  # reached from a campaign, not from the sidebar
