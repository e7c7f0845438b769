"""Counts of chosen campaigns over time: opens, clicks, links, and what higher apps register (bounces)."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from django.utils.dateparse import parse_date, parse_datetime

from listmonk_py.api.errors import DomainError
from listmonk_py.api.times import in_utc
from listmonk_py.configuration import runtime
from tracking import analytics

# (campaign ids, from, until) -> rows
Source = Callable[[Sequence[int], datetime, datetime], list[dict[str, Any]]]


def _individual() -> bool:
    return bool(runtime.get("privacy.individual_tracking"))


_sources: dict[str, Source] = {
    "views": lambda ids, since, until: analytics.views(ids, since, until, individual=_individual()),
    "clicks": lambda ids, since, until: analytics.clicks(ids, since, until, individual=_individual()),
    "links": lambda ids, since, until: analytics.top_links(ids, since, until, individual=_individual()),
}


def register(kind: str, source: Source) -> None:
    """Called by apps above, in `AppConfig.ready()`."""
    _sources[kind] = source


def counts(kind: str, ids: Sequence[int], *, since: datetime, until: datetime) -> list[dict[str, Any]]:
    """Rows for the chart of `kind`.

    Raises:
        DomainError: there is no such kind.
    """
    if kind not in _sources:
        raise DomainError(f"Invalid data: the type is one of {', '.join(sorted(_sources))}.")
    return _sources[kind](ids, since, until) if ids else []


def moment(text: str) -> datetime:
    """A date or a time as clients send it (`2026-05-01`, `2026-05-01T10:00:00Z`); UTC when it names no zone.

    Raises:
        DomainError: it is none.
    """
    try:
        found = parse_datetime(text) if len(text) > 10 else None
        found = in_utc(found) if found is not None else None
        day = parse_date(text[:10]) if found is None and len(text) == 10 else None
    except ValueError:
        found = day = None
    if found is None and day is not None:
        found = datetime(day.year, day.month, day.day, tzinfo=UTC)
    if found is None or not 10 <= len(text) <= 30:
        raise DomainError("Invalid `from` or `to` dates. Write them like 2026-05-01 or 2026-05-01T10:00:00Z.")
    return found
