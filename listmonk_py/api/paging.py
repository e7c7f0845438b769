"""Pages as listmonk answers them, and keyset cursors beside them (contract 3.1)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rest_framework.request import Request

DEFAULT_PER_PAGE = 20


@dataclass(frozen=True, slots=True)
class Page:
    """Which rows were asked for. `per_page` 0 means all rows."""

    page: int = 1
    per_page: int = DEFAULT_PER_PAGE

    @property
    def offset(self) -> int:
        return (self.page - 1) * self.per_page

    def of(self, rows: Any) -> Any:
        """The slice of a queryset or list."""
        return rows if self.per_page == 0 else rows[self.offset : self.offset + self.per_page]


def asked(request: Request) -> Page:
    """`page` and `per_page` of the query string.

    `per_page=all` and negative numbers mean everything, answered as `per_page: 0`; zero and
    non-numbers fall back to 20, and `page` below 1 to 1.
    """
    page = _number(request.query_params.get("page")) or 1
    text = request.query_params.get("per_page", "")
    number = _number(text)
    if text == "all" or (number is not None and number < 0):
        return Page(1, 0)
    return Page(max(page, 1), number or DEFAULT_PER_PAGE)


def _number(text: str | None) -> int | None:
    try:
        number = int(text or "")
    except ValueError:
        return None
    return number if abs(number) < 2**31 else None


def envelope(
    results: Sequence[Any], total: int, page: Page, *, query: str = "", search: str = ""
) -> dict[str, Any]:
    """The page envelope: all six keys, always."""
    return {
        "results": results,
        "search": search,
        "query": query,
        "total": total,
        "per_page": page.per_page,
        "page": page.page,
    }


def ordering(request: Request, columns: dict[str, str], *, default: str) -> list[str]:
    """ORM ordering from `order_by` and `order`; unknown values fall back silently, as in listmonk.

    Args:
        columns: API name to ORM field.
        default: API name used when `order_by` is absent or unknown.
    """
    field = columns.get(request.query_params.get("order_by", ""), columns[default])
    sign = "" if request.query_params.get("order") == "asc" else "-"
    return [f"{sign}{field}"] if field == "id" else [f"{sign}{field}", f"{sign}id"]


def ids(request: Request, name: str, *, fail: Callable[[str], Exception]) -> list[int]:
    """Repeated integer parameters (`id=1&id=2`).

    Raises:
        what `fail(message)` returns, when one of them is not a positive number.
    """
    numbers = []
    for text in request.query_params.getlist(name):
        number = _number(text)
        if number is None or number < 1:
            raise fail(f"invalid ID: {name} must be a positive number")
        numbers.append(number)
    return numbers
