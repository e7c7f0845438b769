"""Finding campaigns by words in their name or subject."""

from typing import TypeVar

from django.db.models import Model, Q, QuerySet

M = TypeVar("M", bound=Model)


def containing(rows: "QuerySet[M]", text: str, *, fields: tuple[str, ...]) -> "QuerySet[M]":
    """Rows in which every word of `text` occurs in one of `fields`, in any case, also as part of a word.

    listmonk searches word stems and fails on `:` or `(`; every character is only itself here.
    """
    for word in text.split():
        rows = rows.filter(_any(fields, word))
    return rows


def _any(fields: tuple[str, ...], word: str) -> Q:
    either = Q()
    for field in fields:
        either |= Q(**{f"{field}__icontains": word})
    return either
