"""What every admin class shares: rows by permission, and pages that cost the same on ten million rows.

No COUNT over a table and no OFFSET: a page is "50 rows below this id", so the last page costs what the
first does. Columns are not sortable on big tables for the same reason; order is newest first.
"""

from typing import Any

from django.contrib.admin import ShowFacets
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin, TabularInline

BELOW = "below"  # query parameter: rows with an id under this one

__all__ = ["BigTableAdmin", "ReadOnly", "StaffAdmin", "StaffInline"]


class StaffAdmin(ModelAdmin):  # type: ignore[misc]
    """Base of every admin class. Shows the rows that `visible_to(user)` allows, and no others.

    Models without such a method (Celery beat's) are open to whom the permission table lets in.
    """

    list_per_page = 50
    show_full_result_count = False
    list_filter_submit = True
    warn_unsaved_form = True
    compressed_fields = True

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        rows = super().get_queryset(request)
        return rows.visible_to(request.user) if hasattr(rows, "visible_to") else rows


class StaffInline(TabularInline):  # type: ignore[misc]
    """Base of inlines, which follow their parent's permissions."""

    extra = 0
    tab = True


class ReadOnly:
    """Mixed in: staff see, nobody changes."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class _OnePage(Paginator):
    """The rows a keyset page needs: one more than shown, so that it knows whether there is a next."""

    template_name = "admin/keyset_pagination.html"

    @cached_property
    def count(self) -> int:
        return len(self.object_list)


class KeysetChangeList(ChangeList):
    """A change list that walks down the primary key."""

    next_below: int | None = None
    first_page = True

    def get_filters_params(self, params: Any = None) -> Any:
        found = super().get_filters_params(params)
        found.pop(BELOW, None)
        return found

    def get_ordering(self, request: HttpRequest, queryset: Any) -> list[str]:
        return ["-pk"]

    def get_results(self, request: HttpRequest) -> None:
        below = request.GET.get(BELOW, "")
        if below and not below.isdigit():
            raise IncorrectLookupParameters("`below` must be a number")
        rows: QuerySet[Model] = self.queryset
        if below:
            rows = rows.filter(pk__lt=int(below))
        found = list(rows[: self.list_per_page + 1])
        self.first_page = not below
        if len(found) > self.list_per_page:
            found = found[: self.list_per_page]
            self.next_below = found[-1].pk
        self.result_list = found  # type: ignore[assignment]
        self.result_count = len(found)
        self.full_result_count = None  # type: ignore[assignment]
        self.show_full_result_count = False
        self.show_admin_actions = bool(found)
        self.can_show_all = self.multi_page = False
        self.paginator = _OnePage(found, self.list_per_page)

    @property
    def next_query(self) -> str:
        return self.get_query_string({BELOW: self.next_below}) if self.next_below else ""

    @property
    def first_query(self) -> str:
        return self.get_query_string(remove=[BELOW])


class BigTableAdmin(StaffAdmin):
    """For tables that may hold ten million rows."""

    sortable_by = ()
    show_facets = ShowFacets.NEVER  # facets count rows

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return KeysetChangeList
