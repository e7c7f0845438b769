"""Mailbox providers: which domains share a rate, and how fast they may be written to."""

from typing import Any

from django.contrib import admin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from listmonk_py.accounts.admin_base import StaffAdmin

from .models import DomainGroup


@admin.register(DomainGroup)
class DomainGroupAdmin(StaffAdmin):
    list_display = ("name", "limit", "shown_domains", "updated_at")
    search_fields = ("name", "domains")
    search_help_text = "Name or domain"
    fields = ("name", "domains", ("rate", "window_s"), "is_sliding")

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "domains":
            field.widget = UnfoldAdminTextareaWidget(attrs={"rows": 4})
            field.help_text = "Separated by commas. A recipient belongs to the provider of their domain."
        return field

    @display(description="Limit")
    def limit(self, group: DomainGroup) -> str:
        if group.rate is None:
            return "None of its own"
        return f"{group.rate:g} messages per {group.window_s:g} s"

    @display(description="Domains")
    def shown_domains(self, group: DomainGroup) -> str:
        shown = ", ".join(group.domains[:6])
        return f"{shown} and {len(group.domains) - 6} more" if len(group.domains) > 6 else shown
