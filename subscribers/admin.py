"""People and lists in the admin."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.contrib.admin.views.main import ChangeList
from django.db.models import Exists, OuterRef, Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import action, display

from listmonk_py.accounts.admin_base import BigTableAdmin, StaffAdmin, id_in, told
from listmonk_py.accounts.admin_paging import Walk

from . import admin_search, admin_walk, bulk, consent, counts, lists, people, timeline
from .admin_filters import ListFilter
from .admin_forms import ChangeListsForm, ListForm, SubscriberForm
from .admin_import import ImportPage
from .admin_segments import SegmentAdmin
from .models import ImportJob, List, Segment, Subscriber, Subscription

STATUS_COLOURS = {"enabled": "success", "disabled": "warning", "blocklisted": "danger"}


class OnListFilter(ListFilter):
    def on_list(self, request: HttpRequest, queryset: "QuerySet[Any]", list_id: int) -> "QuerySet[Any]":
        rows = Subscription.objects.visible_to(request.user).filter(list_id=list_id)  # type: ignore[arg-type]
        status = request.GET.get(SubscriptionFilter.parameter_name)
        if status in Subscription.Status.values:
            rows = rows.filter(status=status)
        return queryset.filter(Exists(rows.filter(subscriber=OuterRef("pk"))))


class SubscriptionFilter(DropdownFilter):
    """Only together with a list, whose subscriptions it is about; the other filter reads it."""

    title = "subscription to that list"
    parameter_name = "subscription_status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(status.value, status.label) for status in Subscription.Status]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        return queryset


@admin.register(Subscriber)
class SubscriberAdmin(BigTableAdmin):
    form = SubscriberForm
    list_display = ("person", "state", "on_lists", "joined")
    list_display_links = None
    list_filter = (("status", ChoicesDropdownFilter), OnListFilter, SubscriptionFilter)
    search_fields = ("email",)  # says that there is a search; `get_search_results` does it
    search_help_text = "The beginning of an address or a name"
    actions = ("change_lists", "blocklist", "enable")
    fieldsets = ((None, {"fields": (("email", "name"), "status", "lists", "preconfirm", "attribs")}),)

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Subscriber]":
        shown = Subscription.objects.visible_to(request.user).select_related("list")  # type: ignore[arg-type]
        return super().get_queryset(request).prefetch_related(Prefetch("subscriptions", queryset=shown))

    def get_search_results(
        self, request: HttpRequest, queryset: "QuerySet[Any]", search_term: str
    ) -> tuple["QuerySet[Any]", bool]:
        found, is_cut = admin_search.found_by(search_term)
        if is_cut:
            messages.info(
                request, f"Very many begin with “{search_term}”. Type more of it to see all of them."
            )
        return (queryset if found is None else queryset.filter(pk__in=found)), False

    def walk(self, request: HttpRequest, listing: ChangeList) -> Walk:
        if listing.query:
            return super().walk(request, listing)
        return admin_walk.people(
            request.user,  # type: ignore[arg-type]
            status=request.GET.get("status__exact", ""),
            list_id=id_in(request.GET.get(OnListFilter.parameter_name)),
            subscription=request.GET.get(SubscriptionFilter.parameter_name, ""),
        )

    def known_total(self, request: HttpRequest) -> int | None:
        return counts.people() if people.sees_everybody(request.user) else None  # type: ignore[arg-type]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        person = self.get_object(request, object_id)
        extra = dict(extra_context or {})
        if person is not None:
            extra["timeline"] = timeline.of(person, request.user)  # type: ignore[arg-type]
            rows = Subscription.objects.visible_to(request.user).filter(subscriber=person)  # type: ignore[arg-type]
            extra["subscriptions"] = rows.select_related("list").order_by("list__name")
        return super().change_view(request, object_id, form_url, extra)

    @display(description="Subscriber")
    def person(self, person: Subscriber) -> str:
        return format_html(
            '<div class="lm-cell"><a class="lm-title" href="{}">{}</a><span class="lm-under">{}</span></div>',
            reverse("admin:subscribers_subscriber_change", args=[person.pk]),
            person.email,
            person.name,
        )

    @display(description="Joined")
    def joined(self, person: Subscriber) -> str:
        return timezone.localtime(person.created_at).strftime("%-d %b %Y")

    @display(description="Status", label=STATUS_COLOURS)
    def state(self, person: Subscriber) -> str:
        return person.status

    @display(description="Lists")
    def on_lists(self, person: Subscriber) -> str:
        rows = list(person.subscriptions.all())  # type: ignore[attr-defined]
        words = ((row.list.name, "" if row.status == "confirmed" else f" ({row.status})") for row in rows[:4])
        shown = format_html_join(", ", '{}<span class="lm-quiet">{}</span>', words)
        more = f" and {len(rows) - 4} more" if len(rows) > 4 else ""
        return format_html("<div>{}{}</div>", shown, more) if rows else "-"

    @action(description="Change lists…", permissions=["change"])
    def change_lists(self, request: HttpRequest, queryset: "QuerySet[Subscriber]") -> HttpResponse | None:
        """Asks which lists first; comes back here with the answer."""
        ids = list(queryset.values_list("pk", flat=True))
        sent = request.POST if "apply" in request.POST else None
        form = ChangeListsForm(sent, user=request.user)
        if sent is not None and form.is_valid() and told(request, lambda: self._apply(request, ids, form)):
            return None
        context = {"form": form, "ids": ids, "selected": helpers.ACTION_CHECKBOX_NAME, "media": form.media}
        return self.page(request, "subscribers/admin/change_lists.html", "Change lists", context)

    def _apply(self, request: HttpRequest, ids: list[int], form: ChangeListsForm) -> str:
        people.check_manageable(ids, request.user)  # type: ignore[arg-type]
        values = form.cleaned_data
        chosen = people.permitted_lists([one.pk for one in values["lists"]], request.user)  # type: ignore[arg-type]
        status = Subscription.Status.CONFIRMED if values["confirmed"] else ""
        changed = bulk.change_lists(ids, bulk.parse_action(values["change"]), chosen, status=status)
        return f"{changed:,} subscriptions changed."

    @action(description="Blocklist", permissions=["change"])
    def blocklist(self, request: HttpRequest, queryset: "QuerySet[Subscriber]") -> None:
        ids = list(queryset.values_list("pk", flat=True))

        def run() -> str:
            people.check_manageable(ids, request.user)  # type: ignore[arg-type]
            return f"{bulk.blocklist(ids):,} are blocklisted now, and on no list any more."

        told(request, run)

    @action(description="Enable", permissions=["change"])
    def enable(self, request: HttpRequest, queryset: "QuerySet[Subscriber]") -> None:
        ids = list(queryset.values_list("pk", flat=True))

        def run() -> str:
            people.check_manageable(ids, request.user)  # type: ignore[arg-type]
            changed = consent.set_status(ids, Subscriber.Status.ENABLED)
            return f"{changed:,} are enabled now. Subscriptions that ended stay ended."

        told(request, run)

    def delete_model(self, request: HttpRequest, obj: Subscriber) -> None:
        bulk.delete([obj.pk])

    def delete_queryset(self, request: HttpRequest, queryset: "QuerySet[Subscriber]") -> None:
        bulk.delete(queryset.values_list("pk", flat=True))


@admin.register(List)
class ListAdmin(StaffAdmin):
    form = ListForm
    list_display = ("title", "kind", "opt", "members", "state", "updated_at")
    list_display_links = None
    list_filter = (
        ("type", ChoicesDropdownFilter),
        ("optin", ChoicesDropdownFilter),
        ("status", ChoicesDropdownFilter),
    )
    search_fields = ("name", "tags")
    ordering = ("name",)
    fieldsets = ((None, {"fields": ("name", "description", ("type", "optin"), ("tags", "status"))}),)

    def get_queryset(self, request: HttpRequest) -> "QuerySet[List]":
        return super().get_queryset(request).annotate(number=counts.subscriber_count())

    @display(description="List", ordering="name")
    def title(self, one: List) -> str:
        return format_html(
            '<div class="lm-cell"><a class="lm-title" href="{}">{}</a><span class="lm-under">{}</span></div>',
            reverse("admin:subscribers_list_change", args=[one.pk]),
            one.name,
            ", ".join(one.tags or []),
        )

    @display(description="Type", ordering="type", label={"public": "success", "private": ""})
    def kind(self, one: List) -> str:
        return one.type

    @display(description="Opt-in", ordering="optin", label={"double": "info", "single": ""})
    def opt(self, one: List) -> str:
        return one.optin

    @display(description="Status", ordering="status", label={"active": "", "archived": "warning"})
    def state(self, one: List) -> str:
        return one.status

    @display(description="Subscribers", ordering="number")
    def members(self, one: Any) -> str:
        page = reverse("admin:subscribers_subscriber_changelist")
        return format_html('<a class="lm-link" href="{}?list={}">{}</a>', page, one.pk, f"{one.number:,}")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        extra = dict(extra_context or {})
        if object_id.isdigit():
            extra["statuses"] = counts.of_lists([int(object_id)])[int(object_id)]
        return super().change_view(request, object_id, form_url, extra)

    def delete_model(self, request: HttpRequest, obj: List) -> None:
        lists.delete([obj.pk], request.user)  # type: ignore[arg-type]

    def delete_queryset(self, request: HttpRequest, queryset: "QuerySet[List]") -> None:
        lists.delete(list(queryset.values_list("pk", flat=True)), request.user)  # type: ignore[arg-type]


admin.site.register(ImportJob, ImportPage)
admin.site.register(Segment, SegmentAdmin)
