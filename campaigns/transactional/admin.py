"""Transactional messages: who got what, and what a server said."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from listmonk_py.accounts.admin_base import BigTableAdmin, ReadOnly, uuid_in
from listmonk_py.accounts.admin_paging import Walk, walk_down

from .models import TROUBLED, TxMessage

COLOURS = {
    "queued": "info",
    "sending": "info",
    "sent": "success",
    "deferred": "warning",
    "failed": "danger",
    "skipped": "warning",
    "unknown": "danger",
}


@admin.register(TxMessage)
class TxMessageAdmin(ReadOnly, BigTableAdmin):
    list_display = ("email", "state", "template", "messenger", "answer", "attempts", "created_at")
    list_filter = ("status",)
    list_select_related = ("template",)
    search_fields = ("email",)  # says that there is a search; `get_search_results` does it
    search_help_text = "A complete address, or the UUID of a message"
    readonly_fields = ("answer", "data")
    fields = (
        ("email", "status"),
        ("template", "messenger"),
        ("attempts", "possible_duplicate"),
        "answer",
        ("created_at", "updated_at", "next_at"),
        ("uuid", "request", "idempotency_key"),
        "data",
    )

    def get_search_results(
        self, request: HttpRequest, queryset: "QuerySet[Any]", search_term: str
    ) -> tuple["QuerySet[Any]", bool]:
        from_uuid = uuid_in(search_term)
        if from_uuid:
            return queryset.filter(uuid=from_uuid), False
        return (
            queryset.filter(email=search_term.strip().lower()) if search_term.strip() else queryset
        ), False

    def walk(self, request: HttpRequest, listing: ChangeList) -> Walk:
        status = request.GET.get("status__exact", "")
        if status in TROUBLED and not listing.query:
            return walk_down(TxMessage.objects.filter(status=status))
        return super().walk(request, listing)

    @display(description="Status", label=COLOURS)
    def state(self, message: TxMessage) -> str:
        return message.status

    @display(description="The server said")
    def answer(self, message: TxMessage) -> str:
        return f"{message.code or ''} {message.text}".strip() or "-"

    @display(description="Data of the template")
    def data(self, message: TxMessage) -> Any:
        return message.payload
