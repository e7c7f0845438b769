"""The one event loop of this process, in a thread of its own. It owns sockets and nothing else.

It is made when it is first asked for, which must be after the fork: Celery's children inherit memory but
no threads. A child that was forked after the loop had started gets a loop of its own.
"""

import asyncio
import os
import threading
from collections.abc import Callable
from typing import Any

try:
    import uvloop

    _new_event_loop: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
except ImportError:  # Windows
    _new_event_loop = asyncio.new_event_loop


class LoopThread:
    """A running event loop. `call` is the only way in from other threads."""

    def __init__(self) -> None:
        self.loop = _new_event_loop()
        self._thread = threading.Thread(target=self._run, name="mail-sockets", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def call(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Have the loop call `function`; returns at once."""
        self.loop.call_soon_threadsafe(function, *arguments)

    def call_and_wait(self, function: Callable[..., Any], *arguments: Any, timeout_s: float) -> bool:
        """As `call`, and wait until it has been called; False when `timeout_s` passes first."""
        done = threading.Event()

        def run() -> None:
            try:
                function(*arguments)
            finally:
                done.set()

        self.call(run)
        return done.wait(timeout_s)


_lock = threading.Lock()
_current: LoopThread | None = None


def current() -> LoopThread:
    """The loop thread of this process, started now if need be."""
    global _current
    if _current is None:
        with _lock:
            if _current is None:
                _current = LoopThread()
    return _current


def _after_fork() -> None:
    global _current, _lock
    _current, _lock = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
