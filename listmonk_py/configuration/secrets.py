"""Secrets inside settings: encrypted at rest, masked in answers, kept when the mask comes back.

The key lives outside the database (`SETTINGS_KEY` or DATA_DIR/keys/settings_key), so a stolen dump
holds no passwords. Fernet: AES-128-CBC with HMAC-SHA256; the first key encrypts, all decrypt.
"""

import logging
from collections.abc import Callable
from copy import deepcopy
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

from .registry import FIELDS, Field

logger = logging.getLogger(__name__)

PREFIX = "enc:"
BULLET = "•"  # listmonk's mask: one bullet per character


@lru_cache(maxsize=1)
def _box(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def encrypt(plain: str) -> str:
    """`plain` as `enc:<token>`; the empty string stays empty."""
    if not plain or plain.startswith(PREFIX):
        return plain
    return PREFIX + _box(tuple(settings.SETTINGS_KEYS)).encrypt(plain.encode()).decode()


def decrypt(stored: str) -> str:
    """What `encrypt` was given. A token of a lost key reads as empty, and the log says what to do."""
    if not stored.startswith(PREFIX):
        return stored
    try:
        return _box(tuple(settings.SETTINGS_KEYS)).decrypt(stored.removeprefix(PREFIX).encode()).decode()
    except InvalidToken:
        logger.error(
            "A stored secret cannot be decrypted: its key is gone. Enter the secret again in Settings."
        )
        return ""


def rotated(stored: str) -> str:
    """`stored` under the newest key."""
    return encrypt(decrypt(stored))


def is_mask(value: object) -> bool:
    """Whether `value` is what an answer showed in place of a secret: bullets and nothing else."""
    return isinstance(value, str) and bool(value) and not value.strip(BULLET)


def mask(plain: str) -> str:
    return BULLET * len(plain)


def apply(field: Field, value: Any, change: Callable[[str], str]) -> Any:
    """A copy of `value` with `change` applied to each secret string inside it."""
    if not field.secrets:
        return value
    result = deepcopy(value)
    for path in field.secrets:
        if path == "":
            return _changed(result, change)
        for entry in result if isinstance(result, list) else [result]:
            _apply_at(entry, path.split("."), change)
    return result


def _apply_at(holder: Any, path: list[str], change: Callable[[str], str]) -> None:
    *parents, last = path
    for name in parents:
        holder = holder.get(name) if isinstance(holder, dict) else None
    if isinstance(holder, dict) and last in holder:
        holder[last] = _changed(holder[last], change)


def _changed(value: Any, change: Callable[[str], str]) -> Any:
    """Strings change; an object of strings (a provider's options) changes value by value."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {name: _changed(inner, change) for name, inner in value.items()}
    return value


def masked(values: dict[str, Any]) -> dict[str, Any]:
    """`values` (key to plain value) as an answer may show them."""
    return {key: apply(FIELDS[key], value, mask) if key in FIELDS else value for key, value in values.items()}


def keep_unchanged(field: Field, new: Any, old: Any) -> Any:
    """`new` with each secret that is blank or a mask replaced by the stored one.

    Array entries are matched by `uuid`, as listmonk does; an entry without one is new.
    """
    if not field.secrets:
        return new
    result = deepcopy(new)
    if field.secrets == ("",):
        return old if (result == "" or is_mask(result)) else result
    pairs = _pairs(result, old)
    for entry, stored in pairs:
        for path in field.secrets:
            _keep_at(entry, stored, path.split("."))
    return result


def _pairs(new: Any, old: Any) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    if isinstance(new, list):
        by_uuid = {
            entry.get("uuid"): entry for entry in old or [] if isinstance(entry, dict) and entry.get("uuid")
        }
        return [(entry, by_uuid.get(entry.get("uuid"), {})) for entry in new if isinstance(entry, dict)]
    return [(new, old or {})] if isinstance(new, dict) else []


def _keep_at(entry: dict[str, Any], stored: dict[str, Any], path: list[str]) -> None:
    *parents, last = path
    for name in parents:
        entry, stored = entry.get(name) or {}, stored.get(name) or {}
    entry[last] = _kept(entry.get(last, ""), stored.get(last, ""))


def _kept(new: Any, old: Any) -> Any:
    if isinstance(new, dict):
        before = old if isinstance(old, dict) else {}
        return {name: _kept(value, before.get(name, "")) for name, value in new.items()}
    return old if new in ("", None) or is_mask(new) else new
