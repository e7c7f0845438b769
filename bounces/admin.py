"""Bounces in the admin, and on the page of each person."""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import action, display

from listmonk_py.accounts.admin_base import BigTableAdmin, told
from subscribers import bulk, people, timeline
from subscribers.models import Subscriber
from subscribers.timeline import Event

from . import listing
from .models import AsideMail, Bounce

if TYPE_CHECKING:
    from listmonk_py.accounts.models import User

TYPE_COLOURS = {"hard": "danger", "soft": "warning", "complaint": "danger"}


class SourceFilter(DropdownFilter):
    title = "source"
    parameter_name = "source__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(source, source) for source in listing.sources() if source]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        return queryset.filter(source=self.value()) if self.value() else queryset


@admin.register(Bounce)
class BounceAdmin(BigTableAdmin):
    list_display = ("person", "kind", "source", "campaign", "reason", "created_at")
    list_display_links = None
    list_select_related = ("subscriber", "campaign")
    list_filter = (("type", ChoicesDropdownFilter), SourceFilter)
    walked_fields = ("type", "source")
    search_fields = ("subscriber__email",)  # says that there is a search; `get_search_results` does it
    search_help_text = "A complete address"
    actions = ("blocklist_people",)
    readonly_fields = ("subscriber", "campaign", "type", "source", "event_id", "details", "created_at")
    fields = readonly_fields

    def get_search_results(
        self, request: HttpRequest, queryset: "QuerySet[Any]", search_term: str
    ) -> tuple["QuerySet[Any]", bool]:
        if not search_term.strip():
            return queryset, False
        found = Subscriber.objects.with_email(search_term).values_list("pk", flat=True)
        return queryset.filter(subscriber_id__in=list(found)), False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # What was recorded is not edited; the permission still opens the actions of the listing.
        return super().has_change_permission(request, obj) and obj is None

    @display(description="Subscriber")
    def person(self, bounce: Bounce) -> str:
        page = reverse("admin:subscribers_subscriber_change", args=[bounce.subscriber_id])
        return format_html(
            '<div class="lm-cell"><a class="lm-title" href="{}">{}</a><span class="lm-under">{}</span></div>',
            page,
            bounce.subscriber.email,
            bounce.subscriber.status,
        )

    @display(description="Type", label=TYPE_COLOURS)
    def kind(self, bounce: Bounce) -> str:
        return bounce.type

    @display(description="Reason")
    def reason(self, bounce: Bounce) -> str:
        return _reason(bounce) or "-"

    @display(description="As it was received")
    def details(self, bounce: Bounce) -> str:
        return format_html(
            '<pre class="lm-log">{}</pre>', json.dumps(bounce.meta, indent=2, ensure_ascii=False)
        )

    @action(description="Blocklist these subscribers", permissions=["change"])
    def blocklist_people(self, request: HttpRequest, queryset: "QuerySet[Bounce]") -> None:
        ids = sorted(set(queryset.values_list("subscriber_id", flat=True)))

        def run() -> str:
            people.check_manageable(ids, request.user)  # type: ignore[arg-type]
            return f"{bulk.blocklist(ids):,} are blocklisted now."

        told(request, run)

    def delete_queryset(self, request: HttpRequest, queryset: "QuerySet[Bounce]") -> None:
        listing.delete(request.user, list(queryset.values_list("pk", flat=True)))  # type: ignore[arg-type]


def _reason(bounce: Bounce) -> str:
    """The one line of what the source sent that says why, if it has one."""
    meta = bounce.meta if isinstance(bounce.meta, dict) else {}
    for name in ("text", "reason", "diagnostic", "diagnostic_code", "description", "message"):
        if isinstance(meta.get(name), str):
            return str(meta[name])[:200]
    return ""


@timeline.register
def bounces_of(person: Subscriber, user: "User", most: int) -> Iterable[Event]:
    rows = Bounce.objects.visible_to(user).filter(subscriber=person).order_by("-created_at")
    for row in rows[:most]:
        text = " - ".join(part for part in (row.source, _reason(row)) if part)
        link = reverse("admin:bounces_bounce_change", args=[row.pk])
        yield Event(row.created_at, "undo", f"{row.type.capitalize()} bounce", text, link)


@admin.register(AsideMail)
class AsideMailAdmin(BigTableAdmin):
    """Mails of bounce mailboxes that were not understood; they go by themselves after a month."""

    list_display = ("title", "host", "reason", "created_at")
    list_display_links = ("title",)
    readonly_fields = ("host", "sender", "subject", "reason", "text", "created_at")
    fields = readonly_fields

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        return super().get_queryset(request).defer("content")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description="Mail")
    def title(self, mail: AsideMail) -> str:
        return format_html(
            '<div class="lm-cell"><span class="lm-title">{}</span><span class="lm-under">{}</span></div>',
            mail.subject or "Without a subject",
            mail.sender,
        )

    @display(description="As it was received")
    def text(self, mail: AsideMail) -> str:
        return format_html('<pre class="lm-log">{}</pre>', bytes(mail.content).decode("utf-8", "replace"))
