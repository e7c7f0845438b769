"""Pages of tables that may hold ten million rows: newest first, at a cost that does not grow.

No COUNT over a table and no OFFSET: a page is "50 rows below this id", so the last page costs what the
first does. What a filter leaves may be rare, and then "the newest 50 that fit" would read the whole table
in search of them. So a page walks down ids that an index gives in order, looks at a bounded number of rows,
and offers to look further where that was not enough.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Page as OnePage
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

BELOW = "below"  # query parameter: rows with an id under this one
# How many rows a page looks at, growing while it is not full. Nearly always the first step fills it.
LOOKS = (500, 5_000)

# (below or None, how many) -> that many ids under `below`, descending; fewer at the end.
Walk = Callable[[int | None, int], list[int]]

__all__ = [
    "BELOW",
    "LOOKS",
    "FirstMatches",
    "KeysetChangeList",
    "Page",
    "Walk",
    "below_in",
    "newest",
    "walk_down",
]


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of one page.

    Attributes:
        rows: newest first.
        next_below: where the next page starts; None at the end.
        looked_at: how many rows were looked at when that was not enough to fill the page, else 0.
    """

    rows: list[Any]
    next_below: int | None
    looked_at: int = 0


def newest(rows: "QuerySet[Any]", walk: Walk, *, below: int | None, most: int) -> Page:
    """The newest `most` of `rows` under `below`, searched for among the ids that `walk` gives.

    `walk` gives every id of `rows`, and perhaps others. Twenty matching rows in ten million: 5,551 rows
    are looked at, not all of them.
    """
    found: list[Any] = []
    looked_at = 0
    for step in (most + 1, *LOOKS):
        ids = walk(below, step)
        looked_at += len(ids)
        if ids:
            found += rows.filter(pk__in=ids).order_by("-pk")[: most + 1 - len(found)]
        if len(found) > most:
            return Page(found[:most], found[most - 1].pk)
        if len(ids) < step:
            return Page(found, None)
        below = ids[-1]
    return Page(found, below, looked_at)


def walk_down(rows: "QuerySet[Any]", key: str = "pk") -> Walk:
    """Walks the ids of `rows`, which an index on (what filters them, `key`) gives in order."""

    def walk(below: int | None, most: int) -> list[int]:
        under = rows if below is None else rows.filter(**{f"{key}__lt": below})
        return list(under.order_by(f"-{key}").values_list(key, flat=True)[:most])

    return walk


def below_in(text: str) -> int | None:
    """The id that the query parameter holds; None when it is not given.

    Raises:
        ValueError: it is no id.
    """
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise ValueError(f"`{BELOW}` must be a number")
    return int(text)


class _OnePage(Paginator):
    """The rows of a page, for the template that expects a paginator; nothing is counted."""

    template_name = "admin/keyset_pagination.html"

    @cached_property
    def count(self) -> int:
        return len(self.object_list)


class FirstMatches(Paginator):
    """What an autocomplete offers: the newest that match. Who misses one types more of it."""

    num_pages = 1  # type: ignore[assignment]

    def __init__(self, rows: "QuerySet[Any]", per_page: int, *, walk: Walk) -> None:
        super().__init__(rows, per_page)
        self.walk = walk

    def page(self, number: int | str) -> Any:
        self.validate_number(number)
        found = newest(self.object_list, self.walk, below=None, most=self.per_page)  # type: ignore[arg-type]
        return OnePage(found.rows, 1, self)


class KeysetChangeList(ChangeList):
    """A change list that walks down the primary key."""

    next_below: int | None = None
    looked_at = 0
    known_total: int | None = None
    first_page = True

    def get_filters_params(self, params: Any = None) -> Any:
        found = super().get_filters_params(params)
        found.pop(BELOW, None)
        return found

    def get_ordering(self, request: HttpRequest, queryset: Any) -> list[Any]:
        return ["-pk"]

    def get_results(self, request: HttpRequest) -> None:
        try:
            below = below_in(request.GET.get(BELOW, ""))
        except ValueError as error:
            raise IncorrectLookupParameters(str(error)) from None
        admin: Any = self.model_admin
        page = newest(self.queryset, admin.walk(request, self), below=below, most=self.list_per_page)
        self.first_page = below is None
        self.known_total = admin.known_total(request)
        self.next_below, self.looked_at = page.next_below, page.looked_at
        self.result_list = page.rows  # type: ignore[assignment]
        self.result_count = len(page.rows)
        self.full_result_count = len(page.rows)  # nothing is counted; equal, so that no total is shown
        self.show_full_result_count = False
        self.show_admin_actions = bool(page.rows)
        self.can_show_all = self.multi_page = False
        self.paginator = _OnePage(page.rows, self.list_per_page)

    @property
    def next_query(self) -> str:
        return self.get_query_string({BELOW: self.next_below}) if self.next_below else ""

    @property
    def first_query(self) -> str:
        return self.get_query_string(remove=[BELOW])
