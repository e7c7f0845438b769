"""Tracked links: each address once, whichever campaigns use it."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet, Value
from django.db.models.functions import MD5
from django.http import HttpRequest
from django.utils.html import format_html
from unfold.decorators import display

from listmonk_py.accounts.admin_base import BigTableAdmin, ReadOnly

from .models import Link


@admin.register(Link)
class LinkAdmin(ReadOnly, BigTableAdmin):
    list_display = ("address", "uuid", "created_at")
    list_display_links = None
    search_fields = ("url",)  # says that there is a search; `get_search_results` does it
    search_help_text = "The complete address of a page"

    def get_search_results(
        self, request: HttpRequest, queryset: "QuerySet[Any]", search_term: str
    ) -> tuple["QuerySet[Any]", bool]:
        """By digest, which is what the index holds."""
        if not search_term.strip():
            return queryset, False
        digest = MD5(Value(search_term.strip()))
        return queryset.alias(digest=MD5("url")).filter(digest=digest, url=search_term.strip()), False

    @display(description="Address", ordering="url")
    def address(self, link: Link) -> str:
        if not link.url.startswith(("http://", "https://")):
            return link.url
        return format_html(
            '<a class="lm-link" href="{}" rel="noreferrer noopener" target="_blank">{}</a>',
            link.url,
            link.url,
        )
