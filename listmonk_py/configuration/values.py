"""Checks for one value: each returns it in its stored form, or says in words what it should be.

A check is a function `(value, where) -> value` that raises `Invalid`; `where` is the name that a
person reads, such as `smtp[0].port`. `validation.py` and `entries.py` put them together.
"""

import re
from collections.abc import Callable, Collection
from typing import Any
from urllib.parse import urlsplit

from celery.schedules import ParseException, crontab_parser

from listmonk_py.api.errors import DomainError

from . import durations

MAX_TEXT = 2000
MAX_LONG_TEXT = 1_000_000

Check = Callable[[Any, str], Any]


class Invalid(DomainError):
    """A setting that cannot be stored; `key` is its name."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(f"{where}: {problem}", key=where)


def boolean(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise Invalid(where, "must be true or false.")
    return value


def integer(low: int | None = None, high: int | None = None) -> Check:
    """A whole number within inclusive bounds; digits in a string are accepted, as from a form."""

    def check(value: Any, where: str) -> int:
        if isinstance(value, str) and re.fullmatch(r"\s*-?\d{1,18}\s*", value):
            value = int(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        good = isinstance(value, int) and not isinstance(value, bool)
        if not good or (low is not None and value < low) or (high is not None and value > high):
            raise Invalid(where, f"must be a whole number{_bounds(low, high)}.")
        return int(value)

    return check


def _bounds(low: int | None, high: int | None) -> str:
    if low is not None and high is not None:
        return f" from {low} to {high}"
    return f" of at least {low}" if low is not None else ""


def text(*, longest: int = MAX_TEXT, blank: bool = True, one_line: bool = True) -> Check:
    def check(value: Any, where: str) -> str:
        if value is None:
            value = ""
        if not isinstance(value, str):
            raise Invalid(where, "must be text.")
        if len(value) > longest:
            raise Invalid(where, f"has {len(value)} characters; {longest} is the most.")
        if "\0" in value or (one_line and ("\n" in value or "\r" in value)):
            raise Invalid(where, "must be one line of text.")
        if not blank and not value.strip():
            raise Invalid(where, "must not be blank.")
        return value.strip() if one_line else value

    return check


def choice(*choices: str) -> Check:
    def check(value: Any, where: str) -> str:
        if value not in choices:
            raise Invalid(where, f"must be one of: {', '.join(choices)}.")
        return str(value)

    return check


def duration(value: Any, where: str) -> str:
    """Kept as it was written."""
    if not isinstance(value, str):
        raise Invalid(where, "must be a duration like 15s, 10m or 1h30m.")
    try:
        durations.parse_duration(value)
    except ValueError as error:
        raise Invalid(where, str(error)) from None
    return value.strip()


def at_least(check: Check, shortest: str) -> Check:
    """A duration of at least `shortest`."""

    def bounded(value: Any, where: str) -> str:
        kept: str = check(value, where)
        if durations.parse_duration(kept) < durations.parse_duration(shortest):
            raise Invalid(where, f"must be at least {shortest}.")
        return kept

    return bounded


def strings(item: Check = text()) -> Check:
    """A list; blank entries and repeats are dropped."""

    def check(value: Any, where: str) -> list[str]:
        if value is None:
            value = []
        if not isinstance(value, list):
            raise Invalid(where, "must be a list of texts.")
        kept = (item(one, f"{where}[{i}]") for i, one in enumerate(value))
        return list(dict.fromkeys(one for one in kept if one))

    return check


def web_url(*, blank: bool = True, only_origin_and_path: bool = False) -> Check:
    """An http or https URL with a host."""

    def check(value: Any, where: str) -> str:
        url: str = text(blank=blank)(value, where)
        if url and not is_web_url(url):
            raise Invalid(where, "must be a complete address that starts with http:// or https://.")
        if only_origin_and_path and (urlsplit(url).query or urlsplit(url).fragment):
            raise Invalid(where, "must not have a ? or # part.")
        return url

    return check


def is_web_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"\s", url)
    except ValueError:
        return False


# The five fields of a cron expression: how many values, and the first one.
CRON_FIELDS = (("minute", 60, 0), ("hour", 24, 0), ("day", 31, 1), ("month", 12, 1), ("weekday", 7, 0))


def cron(value: Any, where: str) -> str:
    expression: str = text()(value, where)
    fields = expression.split()
    if len(fields) != len(CRON_FIELDS):
        raise Invalid(where, "must be a cron expression of five fields, like 0 3 * * *.")
    for field, (name, size, first) in zip(fields, CRON_FIELDS, strict=True):
        try:
            # Sunday may be 0 or 7 in cron.
            crontab_parser(size, first).parse("0" if name == "weekday" and field == "7" else field)
        except (ParseException, ValueError):
            raise Invalid(where, f"{field!r} cannot be read as the {name} of a cron expression.") from None
    return " ".join(fields)


def one_of_ids(value: Any, where: str) -> int | None:
    """A row's id, or null."""
    return None if value in (None, "", 0) else integer(1, 2**31 - 1)(value, where)


def unique(names: Collection[str], where: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise Invalid(where, f"the name {name!r} is used twice. Give each entry a name of its own.")
        seen.add(name)
