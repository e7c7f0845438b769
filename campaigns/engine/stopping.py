"""SIGTERM in a sender process: finish what is announced, checkpoint, release the lease, and go.

Celery resets the signal in its prefork children, after their initializer has run, so a signal to the whole
process group would kill them in the middle of a window. While a task is at work the signal is ours.
"""

import os
import signal
import threading
from types import FrameType
from typing import Any

# Celery has yet to note the end of the task when the signal is passed on.
PASSED_ON_AFTER_S = 0.5

_asked = threading.Event()


def asked() -> bool:
    """Whether this process has been asked to stop."""
    return _asked.is_set()


def _note(number: int, frame: FrameType | None) -> None:
    _asked.set()


class AtWork:
    """Within it SIGTERM waits for the work to come to its end; then it takes its usual course."""

    def __enter__(self) -> None:
        self._usual: Any = None
        self._is_ours = threading.current_thread() is threading.main_thread()
        if self._is_ours:
            self._usual = signal.signal(signal.SIGTERM, _note)

    def __exit__(self, *_: object) -> None:
        if not self._is_ours:
            return
        signal.signal(signal.SIGTERM, self._usual if self._usual is not None else signal.SIG_DFL)
        if _asked.is_set():
            again = threading.Timer(PASSED_ON_AFTER_S, os.kill, (os.getpid(), signal.SIGTERM))
            again.daemon = True
            again.start()
