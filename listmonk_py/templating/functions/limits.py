"""Bounds on what a template function may return, and the conversions that all functions share.

Arguments out of range raise ValueError with a sentence for the template's author.
"""

from collections.abc import Iterable, Mapping
from typing import Any

MAX_TEXT_CHARS = 1_000_000
MAX_ITEMS = 100_000
MAX_PATTERN_CHARS = 200
MAX_SEARCHED_CHARS = 10_000


def text(value: Any) -> str:
    """Return `value` as Go prints it: nothing for nil, true/false for booleans."""
    if isinstance(value, str):
        return value
    if value is None or callable(value):
        # A missing key named like a method of dictionaries (items, keys ...) arrives as that method.
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    if isinstance(value, Mapping):
        inside = " ".join(f"{key}:{text(value[key])}" for key in sorted(value, key=str))
        return bounded(f"map[{inside}]")
    if isinstance(value, (list, tuple)):
        return bounded("[" + " ".join(text(item) for item in value) + "]")
    return str(value)


def bounded(result: str) -> str:
    """Return `result` unless it is too long."""
    if len(result) > MAX_TEXT_CHARS:
        raise ValueError(f"A text grows longer than {MAX_TEXT_CHARS:,} characters.")
    return result


def room(chars: int) -> None:
    """Refuse a text of `chars` characters before it is made."""
    if chars > MAX_TEXT_CHARS:
        raise ValueError(f"A text grows longer than {MAX_TEXT_CHARS:,} characters.")


def items(value: Any) -> tuple[Any, ...]:
    """Return a list's items; of a mapping its values by key, of nil none."""
    if value is None or callable(value):
        return ()
    if isinstance(value, Mapping):
        return tuple(value[key] for key in sorted(value, key=str))
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ValueError(f"A list is needed, not {kind(value)}.")
    return counted(tuple(value))


def counted(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return `values` unless there are too many."""
    if len(values) > MAX_ITEMS:
        raise ValueError(f"A list grows longer than {MAX_ITEMS:,} items.")
    return values


def mapping(value: Any) -> dict[str, Any]:
    """Return a copy of a mapping; of nil an empty one."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ValueError(f"A dictionary is needed, not {kind(value)}.")
    return {str(key): item for key, item in value.items()}


def whole(value: Any) -> int:
    """Return a whole number, as Sprig's int64 reads it: text that is no number counts 0."""
    return int(number(value))


def number(value: Any) -> int | float:
    """Return a number; text that is none counts 0, as in Sprig."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, (int, float)):
        if value != value or value in (float("inf"), float("-inf")):
            raise ValueError("A number is too large.")
        return value
    if isinstance(value, str):
        try:
            return int(value[:100], 0) if value.strip() else 0
        except ValueError:
            try:
                return number(float(value[:100]))
            except ValueError:
                return 0
    return 0


def kind(value: Any) -> str:
    """Return the name that Go gives the kind of `value`."""
    if value is None:
        return "invalid"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int"
    if isinstance(value, float):
        return "float64"
    if isinstance(value, str):
        return "string"
    return "map" if isinstance(value, Mapping) else "slice"
