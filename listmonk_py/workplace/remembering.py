"""Figures that are dear to compute on a large installation, kept in Redis for a while.

While they are cheap they are computed afresh, so a small installation always sees the truth.
"""

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

from django.core.cache import cache
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

Value = TypeVar("Value")
CHEAP_S = 0.2


def remembered(key: str, compute: Callable[[], Value], *, keep_s: int) -> Value:
    """`compute()`, or what it said at most `keep_s` seconds ago when that took longer than 0.2 seconds."""
    found = _get(key)
    if found is not None:
        return found[0]  # type: ignore[no-any-return]
    started = time.monotonic()
    value = compute()
    if time.monotonic() - started > CHEAP_S:
        _set(key, [value], keep_s)
    return value


def _get(key: str) -> Any:
    try:
        return cache.get(key)
    except RedisError as error:
        logger.warning("Figures are computed afresh: Redis does not answer (%s).", error)
        return None


def _set(key: str, value: Any, keep_s: int) -> None:
    try:
        cache.set(key, value, keep_s)
    except RedisError as error:
        logger.warning("Figures are not kept: Redis does not answer (%s).", error)
