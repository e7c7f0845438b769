"""Runtime settings as the rest of the code reads them: live, typed, with defaults, secrets in clear.

Each process keeps one snapshot. `get` looks at the version number at most once a second and reloads
when it grew, so a change made anywhere acts everywhere within two seconds, with no restart and no
reliance on NOTIFY. While PostgreSQL is away the last snapshot stays in force.
"""

import logging
import threading
import time
from copy import deepcopy
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.db.models import F

from . import secrets
from .models import Setting, SettingsVersion
from .registry import FIELDS

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
# Where `save` tells those who listen (see `listening`).
CHANNEL = "listmonk_settings"

_lock = threading.Lock()
_values: dict[str, Any] = {}
_version = -1
_looked_at = float("-inf")


def get(key: str) -> Any:
    """The value of `key` now, secrets in clear. Treat it as read-only.

    Raises:
        KeyError: there is no such setting.
    """
    _refresh()
    if key in _values:
        return _values[key]
    return FIELDS[key].default


def all_values() -> dict[str, Any]:
    """Every setting by key, secrets in clear; a copy."""
    _refresh()
    return deepcopy({key: _values.get(key, field.default) for key, field in FIELDS.items()})


def version() -> int:
    """A number that grows with every change; compare it to know whether something cached is stale."""
    _refresh()
    return _version


def save(values: dict[str, Any], *, by: Any = None) -> None:
    """Store `values` (plain, validated; see `validation.py`) and make every process reload.

    Secrets that are blank or masked keep what is stored.
    """
    with transaction.atomic():
        SettingsVersion.objects.get_or_create(pk=1)
        SettingsVersion.objects.select_for_update().get(pk=1)
        stored = _load()
        for key, value in values.items():
            field = FIELDS[key]
            kept = secrets.keep_unchanged(field, value, stored.get(key, field.default))
            Setting.objects.update_or_create(
                key=key, defaults={"value": secrets.apply(field, kept, secrets.encrypt), "updated_by": by}
            )
        SettingsVersion.objects.update(version=F("version") + 1)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, '')", [CHANNEL])
    forget()


def forget() -> None:
    """Look at the database again at the next `get`."""
    global _looked_at
    _looked_at = float("-inf")


def _load() -> dict[str, Any]:
    rows = Setting.objects.filter(key__in=FIELDS).values_list("key", "value")
    return {key: secrets.apply(FIELDS[key], value, secrets.decrypt) for key, value in rows}


def _refresh() -> None:
    global _values, _version, _looked_at
    now = time.monotonic()
    if now - _looked_at < LOOK_EVERY_S:
        return
    with _lock:
        if now - _looked_at < LOOK_EVERY_S:
            return
        try:
            current = SettingsVersion.objects.filter(pk=1).values_list("version", flat=True).first() or 0
            if current != _version:
                _values, _version = _load(), current
        except DatabaseError as error:
            if _version < 0:
                raise
            logger.warning("Settings stay as they were: the database does not answer (%s).", error)
        _looked_at = now
