"""Statements of the hot loop, sent to PostgreSQL without Django's cursors in between.

Django binds parameters in the client and so has every statement planned anew. The engine's few statements
run a hundred times a second; here they are bound by the server, and prepared where no transaction pooler
stands in between (design section 2: `DATABASE_DIRECT_URL` differs from `DATABASE_URL` when one does).
"""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import psycopg
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

logger = logging.getLogger(__name__)
Answer = TypeVar("Answer")

# Executions of one statement before the server is asked to keep its plan.
PREPARE_AFTER = 3
# PostgreSQL may be away for so long while a sender has outcomes to write.
AWAY_S = 120.0
ASK_AGAIN_S = 0.2


def run(statement: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Execute one statement and return its rows; without a transaction around it, it is one itself.

    Raises:
        django.db.Error: as from Django's own cursors.
    """
    connection.ensure_connection()
    raw = connection.connection
    with connection.wrap_database_errors:
        if raw.prepare_threshold is None and not _pooled():
            raw.prepare_threshold = PREPARE_AFTER
        with psycopg.Cursor(raw) as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []


def _pooled() -> bool:
    return bool(settings.DATABASE_DIRECT_URL != settings.DATABASE_URL)


def patiently(ask: Callable[[], Answer]) -> Answer:
    """Ask something that may be asked twice, waiting while PostgreSQL is away.

    Raises:
        OperationalError: it was away for longer than `AWAY_S`.
    """
    until = time.monotonic() + AWAY_S
    while True:
        try:
            return ask()
        except (OperationalError, InterfaceError) as fault:
            if time.monotonic() >= until:
                raise
            logger.warning("PostgreSQL does not answer: %s", fault)
            connection.close()
            time.sleep(ASK_AGAIN_S)
