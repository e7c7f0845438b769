"""Reading a JSON body strictly: each function takes one field, checks its type, or says what is wrong.

listmonk refuses a wrong JSON type with 400 and ignores unknown keys; JSON null counts as absent.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from .errors import DomainError

LARGEST_ID = 2**63 - 1
MOST_IDS = 1_000_000

_NAMES = {str: "text", bool: "true or false", int: "a whole number", list: "an array", dict: "an object"}


def _kind(value: Any) -> str:
    return _NAMES.get(type(value), "a number")


def _wrong(key: str, expected: str, value: Any) -> DomainError:
    return DomainError(f"{key}: expected {expected}, got {_kind(value)}.", field=key)


def text(body: Mapping[str, Any], key: str, default: str = "", *, most: int = 2000) -> str:
    """A text of at most `most` characters.

    Raises:
        DomainError: another JSON type, or too long.
    """
    value = body.get(key)
    if value is None:
        return default
    if not isinstance(value, str):
        raise _wrong(key, "text", value)
    if len(value) > most:
        raise DomainError(f"{key}: at most {most} characters are allowed.", field=key)
    return value


def flag(body: Mapping[str, Any], key: str, default: bool = False) -> bool:
    """A boolean.

    Raises:
        DomainError: another JSON type.
    """
    value = body.get(key)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise _wrong(key, "true or false", value)
    return value


def choice(body: Mapping[str, Any], key: str, allowed: Iterable[str], default: str = "") -> str:
    """One of `allowed`; a blank text counts as absent.

    Raises:
        DomainError: something else; the message names what is allowed.
    """
    value = text(body, key)
    if not value:
        return default
    allowed = list(allowed)
    if value not in allowed:
        raise DomainError(f"Invalid {key}: use one of {', '.join(allowed)}.", field=key)
    return value


def ids(body: Mapping[str, Any], key: str) -> list[int] | None:
    """An array of positive whole numbers, without repetitions; None when absent.

    Raises:
        DomainError: another JSON type, a number out of range, or too many of them.
    """
    value = body.get(key)
    if value is None:
        return None
    if not isinstance(value, list):
        raise _wrong(key, "an array of numbers", value)
    for item in value:
        if isinstance(item, bool) or not isinstance(item, int):
            raise _wrong(key, "numbers in the array", item)
        if not 0 < item <= LARGEST_ID:
            raise DomainError(f"{key}: {item} is not a valid ID.", field=key)
    if len(value) > MOST_IDS:
        raise DomainError(f"{key}: at most {MOST_IDS} IDs at once.", field=key)
    return list(dict.fromkeys(value))


def id(body: Mapping[str, Any], key: str) -> int | None:
    """A positive whole number; None when absent.

    Raises:
        DomainError: another JSON type, or out of range.
    """
    value = body.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong(key, "a whole number", value)
    if not 0 < value <= LARGEST_ID:
        raise DomainError(f"{key}: {value} is not a valid ID.", field=key)
    return value


def texts(body: Mapping[str, Any], key: str) -> list[str] | None:
    """An array of texts; None when absent.

    Raises:
        DomainError: another JSON type.
    """
    value = body.get(key)
    if value is None:
        return None
    if not isinstance(value, list):
        raise _wrong(key, "an array of texts", value)
    for item in value:
        if not isinstance(item, str):
            raise _wrong(key, "texts in the array", item)
    return value


def mapping(body: Mapping[str, Any], key: str) -> dict[str, Any] | None:
    """A JSON object; None when absent.

    Raises:
        DomainError: another JSON type.
    """
    value = body.get(key)
    if value is None:
        return None
    if not isinstance(value, dict):
        raise _wrong(key, "an object", value)
    return value
