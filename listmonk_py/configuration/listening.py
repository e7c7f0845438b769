"""Hearing of changed settings at once, in processes that many people talk to.

Every process looks at the settings' version once a second, and that is enough to be right. But whoever saves
a setting and is answered by another web process within that second would see the old value. So web processes
LISTEN for `runtime.save`, as a hint only: what is not heard is seen a second later.
"""

import asyncio
import logging
import threading
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection

from . import runtime

logger = logging.getLogger(__name__)

# How often the thread looks whether it is to end.
LOOK_EVERY_S = 1.0
AGAIN_AFTER_S = 5.0


class SettingsListener:
    """A handler of the root application that answers no request; see `listmonk_py.server`."""

    prefixes = ()

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="settings-listener", daemon=True)

    def open(self, loop: asyncio.AbstractEventLoop, bridge: Any) -> None:
        self.start()

    async def answer(self, scope: Any, proto: Any) -> bool:
        return False

    async def close(self) -> None:
        self._stop.set()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the thread and its session, within `LOOK_EVERY_S` or so."""
        self._stop.set()
        self._thread.join(10)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with _connect() as line:
                    line.execute(f"LISTEN {runtime.CHANNEL}")
                    runtime.forget()  # what changed while nobody listened
                    self._listen(line)
            except psycopg.Error as fault:
                logger.info("Changed settings are seen a second later: nothing to listen to (%s).", fault)
                self._stop.wait(AGAIN_AFTER_S)

    def _listen(self, line: "psycopg.Connection[Any]") -> None:
        while not self._stop.is_set():
            for _ in line.notifies(timeout=LOOK_EVERY_S, stop_after=1):
                runtime.forget()


def _connect() -> "psycopg.Connection[Any]":
    """A session of its own. A pooler in transaction mode has none to listen on, so past it."""
    if settings.DATABASE_DIRECT_URL != settings.DATABASE_URL:
        return psycopg.connect(settings.DATABASE_DIRECT_URL, autocommit=True)
    given = connection.get_connection_params()
    names = ("host", "port", "user", "password", "dbname", "sslmode", "options")
    return psycopg.connect(autocommit=True, **{name: given[name] for name in names if name in given})
