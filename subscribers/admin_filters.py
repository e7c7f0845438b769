"""Filters of admin listings that know about lists."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter

from listmonk_py.accounts.admin_base import id_in

from .models import List


class ListFilter(DropdownFilter):
    """One of the lists that the user may read; `on_list` says what a row has to do with it."""

    title = "list"
    parameter_name = "list"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        rows = List.objects.visible_to(request.user).order_by("name")  # type: ignore[arg-type]
        return [(str(pk), name) for pk, name in rows.values_list("pk", "name")]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        list_id = id_in(self.value())
        return queryset if list_id is None else self.on_list(request, queryset, list_id)

    def on_list(self, request: HttpRequest, queryset: "QuerySet[Any]", list_id: int) -> "QuerySet[Any]":
        raise NotImplementedError
