"""The functions and filters of the template language.

`GO_FUNCTIONS` are Go's built-ins, listmonk's own and those of Sprig in use, by the names Go
templates call them by; arguments stand in Go's order, the piped value last. Translated templates
call them as `go_<name>`. Written in Jinja, each is also a filter, the piped value first:
`{{ subscriber.name|trunc(5) }}`. Names that Jinja has itself keep Jinja's meaning.

Keys, certificates, passwords and encryption, which Sprig has too, are no business of a mail.
"""

from collections.abc import Callable, Mapping
from typing import Any

import minijinja

from listmonk_py.templating.functions.collections import COLLECTIONS, go_each, go_field, go_pairs
from listmonk_py.templating.functions.dates import DATES
from listmonk_py.templating.functions.encoding import ENCODING
from listmonk_py.templating.functions.formatting import (
    from_json,
    go_print,
    go_printf,
    go_println,
    js,
    to_json,
    to_pretty_json,
    url_path,
    url_query,
    url_start,
    urlquery,
)
from listmonk_py.templating.functions.limits import MAX_ITEMS, MAX_TEXT_CHARS, items, text, whole
from listmonk_py.templating.functions.numbers import NUMBERS
from listmonk_py.templating.functions.strings import STRINGS, indent, join, replace

__all__ = ["FILTERS", "FUNCTIONS", "GO_FUNCTIONS", "MAX_ITEMS", "MAX_TEXT_CHARS", "NULLARY"]

Function = Callable[..., Any]

_FORMATTING: dict[str, Function] = {
    "print": go_print,
    "printf": go_printf,
    "println": go_println,
    "js": js,
    "urlquery": urlquery,
    "toJson": to_json,
    "toRawJson": to_json,
    "toPrettyJson": to_pretty_json,
    "fromJson": from_json,
}

GO_FUNCTIONS: Mapping[str, Function] = {
    **STRINGS,
    **NUMBERS,
    **COLLECTIONS,
    **DATES,
    **ENCODING,
    **_FORMATTING,
}

# The must forms raise where the others return a default; ours raise in both.
_MUST = [
    "append",
    "chunk",
    "compact",
    "dateModify",
    "deepCopy",
    "first",
    "fromJson",
    "has",
    "initial",
    "last",
    "merge",
    "mergeOverwrite",
    "prepend",
    "push",
    "regexFind",
    "regexFindAll",
    "regexMatch",
    "regexReplaceAll",
    "regexReplaceAllLiteral",
    "regexSplit",
    "rest",
    "reverse",
    "slice",
    "toDate",
    "toJson",
    "toPrettyJson",
    "toRawJson",
    "uniq",
    "without",
]
GO_FUNCTIONS = {**GO_FUNCTIONS, **{"must" + name[0].upper() + name[1:]: GO_FUNCTIONS[name] for name in _MUST}}

# What an action may consist of alone: {{ now }}.
NULLARY = frozenset(("Date", "now", "uuidv4", "hello", "list", "dict", "tuple"))


def _translated(key: Any, *parameters: Any) -> str:
    """Stands in for the application's translations, which the caller provides: the key itself."""
    return text(key)


FUNCTIONS: Mapping[str, Function] = {
    **{f"go_{name}": function for name, function in GO_FUNCTIONS.items()},
    "go_pairs": go_pairs,
    "go_each": go_each,
    "go_field": go_field,
    "L_T": _translated,
    "L_Ts": _translated,
    "L_Tc": _translated,
}

# Filters that minijinja has by these names and with the same meaning for the usual call.
_JINJAS_OWN = frozenset(
    [
        "abs",
        "attr",
        "batch",
        "bool",
        "capitalize",
        "chain",
        "count",
        "d",
        "default",
        "dictsort",
        "e",
        "escape",
        "first",
        "float",
        "format",
        "groupby",
        "indent",
        "int",
        "items",
        "join",
        "keys",
        "last",
        "length",
        "lines",
        "list",
        "lower",
        "map",
        "max",
        "min",
        "pprint",
        "reject",
        "rejectattr",
        "replace",
        "reverse",
        "round",
        "safe",
        "select",
        "selectattr",
        "slice",
        "sort",
        "split",
        "string",
        "sum",
        "title",
        "tojson",
        "trim",
        "truncate",
        "unique",
        "upper",
        "urlencode",
        "values",
        "zip",
        "wordcount",
        "striptags",
        "center",
        "random",
    ]
)


def _piped(function: Function) -> Function:
    def filtered(value: Any, *arguments: Any) -> Any:
        return function(*arguments, value)

    return filtered


def _chunks(value: Any, size: Any, fill: Any = None) -> tuple[tuple[Any, ...], ...]:
    """Jinja's batch."""
    values, length = items(value), max(whole(size), 1)
    rows = [values[at : at + length] for at in range(0, len(values), length)]
    if rows and fill is not None and length <= MAX_ITEMS:
        rows[-1] = (*rows[-1], *(fill,) * (length - len(rows[-1])))
    return tuple(rows)


def _columns(value: Any, count: Any, fill: Any = None) -> tuple[tuple[Any, ...], ...]:
    """Jinja's slice: `count` parts of nearly the same length."""
    values, parts = items(value), max(whole(count), 1)
    if parts > MAX_ITEMS:
        raise ValueError(f"slice makes at most {MAX_ITEMS:,} parts.")
    size, larger = divmod(len(values), parts)
    rows, at = [], 0
    for part in range(parts):
        end = at + size + (part < larger)
        row = values[at:end]
        rows.append((*row, fill) if fill is not None and larger and part >= larger else row)
        at = end
    return tuple(rows)


def _indented(value: Any, width: Any = 4, first: Any = False, blank: Any = False) -> str:
    """Jinja's indent."""
    shown = indent(width, value)
    return shown if first else shown[whole(width) :]


FILTERS: Mapping[str, Function] = {
    **{name: _piped(function) for name, function in GO_FUNCTIONS.items() if name not in _JINJAS_OWN},
    "html": minijinja.escape,
    "Safe": minijinja.safe,
    "url_query": url_query,
    "url_path": url_path,
    "url_start": url_start,
    # Jinja's own, bounded: theirs would fill the memory for a large argument.
    "format": go_printf,
    "replace": lambda value, old, new: replace(old, new, value),
    "indent": _indented,
    "batch": _chunks,
    "slice": _columns,
    "join": lambda values, separator="", *attribute: join(separator, values),
}
