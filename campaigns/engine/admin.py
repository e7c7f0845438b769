"""Batches, for operators who want to see what the engine is doing."""

from django.contrib import admin
from django.http import HttpRequest

from listmonk_py.accounts.admin_base import BigTableAdmin, ReadOnly

from .models import Batch


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
    search_fields = ("=campaign__id",)
    search_help_text = "Number of the campaign"
    exclude = ("subscriber_ids", "token")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return False  # reached from a campaign, not from the sidebar
