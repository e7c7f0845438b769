"""Segments in the admin: the listing, and the form with its editor of rules."""

from typing import Any

import orjson
from django import forms
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count, QuerySet
from django.forms.widgets import Script
from django.http import HttpRequest, JsonResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.views.decorators.http import require_POST
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from listmonk_py.accounts.admin_base import DomainForm, StaffAdmin
from listmonk_py.api.errors import DomainError

from . import finding, people, raw_conditions
from .models import List, Segment, Subscriber
from .segments import counting, saved
from .segments.rules import Rule, parse

NEW_RULE = '{"op": "AND", "rules": []}'
EXAMPLES = 5
EXAMPLES_WITHIN_S = 2
# Attributes that are offered by name are those of the people who came last.
PEOPLE_LOOKED_AT = 200
MOST_NAMES = 100


class RuleEditor(UnfoldAdminTextareaWidget):
    """A text area with the rule as JSON, over which `segment.js` builds rows to choose from."""

    class Media:
        js = (Script("admin_extra/segment.js", defer=True),)
        css = {"all": ("admin_extra/segment.css",)}


class SegmentForm(DomainForm):
    error_fields = {"name": "name", "segment “": "name"}

    rule = forms.CharField(
        widget=RuleEditor(attrs={"rows": 12, "class": "lm-code", "spellcheck": "false"}),
        initial=NEW_RULE,
        label="Who is in it",
        help_text="Texts are compared without regard to upper and lower case. Dates begin at midnight, UTC.",
    )

    class Meta:
        model = Segment
        fields = ("name", "description")
        help_texts = {"description": "For your colleagues: what it is used for."}
        widgets = {
            "name": UnfoldAdminTextInputWidget,
            "description": UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "rule" not in self.fields:
            return  # shown to somebody who may not change it
        if self.instance.pk:
            self.initial["rule"] = _text(self.instance.rule)
        self.fields["rule"].widget.attrs |= {
            "data-lists": _text(_lists(self.user)),
            "data-names": _text(_attribute_names(self.user)),
            "data-count": reverse("admin:subscribers_segment_count"),
        }

    def clean_rule(self) -> Any:
        return _tree(self.cleaned_data["rule"])

    def _field_of(self, error: DomainError) -> str | None:
        if "place" not in error.extra:
            return super()._field_of(error)
        attrs = {"data-place": error.extra["place"], "data-error": error.message}
        self.fields["rule"].widget.attrs |= attrs
        return "rule"

    def write(self, values: dict[str, Any]) -> Segment:
        if self.instance.pk is None:
            return saved.create(values, self.user)
        return saved.update(saved.manageable(self.instance.pk, self.user), values)


class SegmentAdmin(StaffAdmin):
    form = SegmentForm
    list_display = ("title", "used", "changed")
    list_display_links = None
    search_fields = ("name", "description")
    ordering = ("name",)
    fieldsets = ((None, {"fields": ("name", "description", "rule")}),)

    def get_urls(self) -> list[URLPattern]:
        count = self.admin_site.admin_view(require_POST(self.count_view))
        return [path("count/", count, name="subscribers_segment_count"), *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Segment]":
        return super().get_queryset(request).annotate(number=Count("campaigns"))

    def count_view(self, request: HttpRequest) -> JsonResponse:
        """How many people the unsaved rule of the form finds, and some of them."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            tree = _tree(request.POST.get("rule", ""))
            rule = parse(saved.checked(tree))
            size = counting.count(rule, request.user)  # type: ignore[arg-type]
        except forms.ValidationError as error:
            return JsonResponse({"message": error.messages[0]}, status=400)
        except DomainError as error:
            return JsonResponse({"message": error.message, **error.extra}, status=error.status)
        found = {"number": size.number, "exact": size.is_exact, "people": _examples(rule, request.user)}
        return JsonResponse(found)

    @display(description="Segment", ordering="name")
    def title(self, one: Segment) -> str:
        return format_html(
            '<div class="lm-cell"><a class="lm-title" href="{}">{}</a><span class="lm-under">{}</span></div>',
            reverse("admin:subscribers_segment_change", args=[one.pk]),
            one.name,
            one.description,
        )

    @display(description="Campaigns", ordering="number")
    def used(self, one: Any) -> int:
        return int(one.number)

    @display(description="Changed", ordering="updated_at")
    def changed(self, one: Segment) -> str:
        return timezone.localtime(one.updated_at).strftime("%-d %b %Y")

    def delete_model(self, request: HttpRequest, obj: Segment) -> None:
        saved.delete(obj.pk, request.user)  # type: ignore[arg-type]

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: "QuerySet[Segment]") -> None:
        """All of them, or none when one is in use."""
        for pk in queryset.values_list("pk", flat=True):
            saved.delete(pk, request.user)  # type: ignore[arg-type]


def _tree(text: str) -> Any:
    """
    Raises:
        ValidationError: it is no JSON.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise forms.ValidationError(f"This is not valid JSON: {error}") from None


def _text(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


def _lists(user: Any) -> list[list[Any]]:
    """Id and name of the lists to choose from."""
    rows = List.objects.visible_to(user).order_by("name").values_list("pk", "name")
    return [list(row) for row in rows]


def _attribute_names(user: Any) -> list[str]:
    """To choose from while typing. Nobody's whose view is limited: that would be a search among all people."""
    if not people.sees_everybody(user):
        return []
    newest = Subscriber.objects.order_by("-pk").values_list("attribs", flat=True)[:PEOPLE_LOOKED_AT]
    return sorted({name for attribs in newest for name in attribs or ()})[:MOST_NAMES]


def _examples(rule: Rule, user: Any) -> list[dict[str, str]]:
    """Some who fit, the newest first; nobody when they are too rare to be found quickly."""
    try:
        with raw_conditions.reading(time_limit_s=EXAMPLES_WITHIN_S):
            found = list(finding.people(finding.Asked(segment=rule), user).order_by("-pk")[:EXAMPLES])
    except raw_conditions.TookTooLong:
        return []
    return [
        {"email": one.email, "page": reverse("admin:subscribers_subscriber_change", args=[one.pk])}
        for one in found
    ]
