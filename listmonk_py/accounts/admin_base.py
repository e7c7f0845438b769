"""What every admin class shares: rows by permission, domain functions behind forms and buttons.

StaffAdmin is for tables that staff write row by row (lists, templates, users), which stay small and can be
sorted; BigTableAdmin for those that fill by themselves (see `admin_paging`).
"""

import uuid
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import ShowFacets
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from unfold.admin import ModelAdmin, TabularInline
from unfold.widgets import UnfoldAdminTextInputWidget

from listmonk_py.api.errors import DomainError

from .admin_paging import FirstMatches, KeysetChangeList, Walk, walk_down

__all__ = ["BigTableAdmin", "DomainForm", "ReadOnly", "StaffAdmin", "StaffInline", "id_in", "told", "uuid_in"]


class DomainForm(forms.ModelForm):  # type: ignore[type-arg]
    """A form whose rules and whose storing are a domain function's, not its own.

    Subclasses define `write`. It runs as the last step of validation, so that what the domain function
    refuses stands at its field, with everything that was typed still there. A form with errors of its own
    (a number that is none) is not written.
    """

    user: Any  # who is signed in; set by StaffAdmin
    # Words in a domain function's message -> the form's field where it is shown.
    error_fields: dict[str, str] = {}

    def write(self, values: dict[str, Any]) -> Model:
        """Store the cleaned `values` and return the row.

        Raises:
            DomainError: they cannot be stored. Nothing was written.
        """
        raise NotImplementedError

    def _post_clean(self) -> None:
        if self.errors:
            return
        try:
            with transaction.atomic():
                self.instance = self.write(dict(self.cleaned_data))
        except DomainError as error:
            self.add_error(self._field_of(error), error.message)

    def _field_of(self, error: DomainError) -> str | None:
        named = error.extra.get("field")
        if named in self.fields:
            return str(named)
        for words, field in self.error_fields.items():
            if words in error.message and field in self.fields:
                return field
        return None

    def save(self, commit: bool = True) -> Any:
        """`write` has stored it already."""
        self.save_m2m = lambda: None  # type: ignore[method-assign]
        return self.instance


def uuid_in(text: str) -> uuid.UUID | None:
    """The UUID that a search box holds, if it does."""
    try:
        return uuid.UUID(text.strip())
    except ValueError:
        return None


def id_in(text: str | None) -> int | None:
    """The id that a query parameter or a search box holds, if it does."""
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def told(request: HttpRequest, change: Callable[[], str]) -> bool:
    """Run `change` and show what it says as a message; a refusal as an error. Whether it worked."""
    try:
        text = change()
    except DomainError as error:
        messages.error(request, error.message)
        return False
    if text:
        messages.success(request, text)
    return True


class StaffAdmin(ModelAdmin):  # type: ignore[misc]
    """Base of every admin class. Shows the rows that `visible_to(user)` allows, and no others.

    Models without such a method (Celery beat's) are open to whom the permission table lets in.
    """

    list_per_page = 50
    show_full_result_count = False  # a second count, of all rows beside the found ones
    list_filter_submit = True
    warn_unsaved_form = True
    compressed_fields = False  # labels above their inputs: forms share the page with previews and timelines
    # Text fields that are short.
    one_line: tuple[str, ...] = ("name", "email", "username", "key")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        rows = super().get_queryset(request)
        return rows.visible_to(request.user) if hasattr(rows, "visible_to") else rows

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and self._manages(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and self._manages(request, obj)

    def _manages(self, request: HttpRequest, obj: Any) -> bool:
        """Whether the row is among those the user may change, where the model tells rows apart."""
        rows = self.model._default_manager.all()
        if obj is None or not hasattr(rows, "manageable_by"):
            return True
        return bool(rows.manageable_by(request.user).filter(pk=obj.pk).exists())

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], Any, Any]:
        """The rows themselves. What hangs on them may be millions of rows, so it is not collected."""
        rows = list(objs)
        denied = {self.opts.verbose_name for one in rows if not self.has_delete_permission(request, one)}
        return [str(one) for one in rows], {str(self.opts.verbose_name_plural): len(rows)}, denied, []

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._or_back(
            request, lambda: super(StaffAdmin, self).changeform_view(request, *args, **kwargs)
        )

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if any("\0" in value for value in request.GET.values()):
            messages.error(request, "A filter held a character that no text has.")
            return HttpResponseRedirect(request.path)
        return self._or_back(
            request, lambda: super(StaffAdmin, self).changelist_view(request, *args, **kwargs)
        )

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._or_back(request, lambda: super(StaffAdmin, self).delete_view(request, *args, **kwargs))

    def _or_back(self, request: HttpRequest, view: Callable[[], HttpResponse]) -> HttpResponse:
        """What a domain function refuses while a page's button is carried out becomes a message there."""
        try:
            return view()
        except DomainError as error:
            messages.error(request, error.message)
            return HttpResponseRedirect(request.get_full_path())

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """Autocompletes hand over whatever was asked for."""
        found: tuple[Any, bool] = super().get_search_results(request, queryset, search_term.replace("\0", ""))
        return found

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Names are TextFields in the database, and one line on a page."""
        if db_field.name in self.one_line:
            kwargs["widget"] = UnfoldAdminTextInputWidget
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        if issubclass(form, DomainForm):
            form.user = request.user
        return form

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not isinstance(form, DomainForm):
            super().save_model(request, obj, form, change)

    def one(self, request: HttpRequest, object_id: str, *, change: bool = False) -> Any:
        """The row of an address, when the user may see (or change) it.

        Raises:
            Http404, PermissionDenied
        """
        found = self.get_object(request, object_id)
        if found is None:
            raise Http404
        may = self.has_change_permission if change else self.has_view_permission
        if not may(request, found):
            raise PermissionDenied
        return found

    def page(
        self, request: HttpRequest, template: str, title: str, context: dict[str, Any], **more: Any
    ) -> HttpResponse:
        """A page of our own in the admin's frame."""
        shown = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "model_admin": self,
            "media": self.media,
            **context,
        }
        return TemplateResponse(request, template, shown, **more)


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


class BigTableAdmin(StaffAdmin):
    """For tables that may hold ten million rows: newest first, not sortable."""

    sortable_by = ()
    list_disable_select_all = True
    show_facets = ShowFacets.NEVER  # facets count rows
    # Fields with an index on (field, id), of which the first that is filtered by decides where a page walks.
    walked_fields: tuple[str, ...] = ()
    # Whether `get_search_results` leaves few rows, found by an index; else the walk looks for them.
    search_is_indexed = True

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return KeysetChangeList

    def known_total(self, request: HttpRequest) -> int | None:
        """How many rows there are in all, where that is kept somewhere; nothing is counted for it."""
        return None

    def walk(self, request: HttpRequest, listing: ChangeList) -> Walk:
        """Ids among which the listing's rows are, by an index; see `admin_paging.newest`."""
        if listing.query and self.search_is_indexed:
            return walk_down(listing.queryset)
        rows = self.model._base_manager.all()
        for field in self.walked_fields:
            if value := request.GET.get(f"{field}__exact"):
                return walk_down(rows.filter(**{field: value}))
        return walk_down(rows)

    def get_paginator(
        self, request: HttpRequest, queryset: "QuerySet[Any]", per_page: int, *args: Any, **kwargs: Any
    ) -> FirstMatches:
        """Only autocompletes ask for it; the listing pages by itself."""
        is_found = self.search_is_indexed and request.GET.get("term", "").strip()
        return FirstMatches(
            queryset, per_page, walk=walk_down(queryset if is_found else self.model._base_manager.all())
        )
