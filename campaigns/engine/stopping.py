"""SIGTERM in a sender process: finish what is announced, checkpoint, release the lease, and go.

Celery resets the signal in its prefork children, so a signal to the whole process group would kill them in
the middle of a window. Installed by `worker_process_init`.
"""

import os
import signal
import threading
from types import FrameType

LEAVE_AFTER_S = 0.5

_asked = threading.Event()
_at_work = False


def install() -> None:
    """Take SIGTERM in this process from now on."""
    _asked.clear()
    signal.signal(signal.SIGTERM, _note)


def asked() -> bool:
    """Whether this process has been asked to stop."""
    return _asked.is_set()


def _note(number: int, frame: FrameType | None) -> None:
    _asked.set()
    if not _at_work:
        raise SystemExit(0)


class AtWork:
    """Within it SIGTERM waits for the work to come to its end; after it the process goes."""

    def __enter__(self) -> None:
        global _at_work
        _at_work = True

    def __exit__(self, *_: object) -> None:
        global _at_work
        _at_work = False
        if _asked.is_set():
            # Celery has yet to note the task's end. If its parent goes on, it replaces this child.
            threading.Timer(LEAVE_AFTER_S, os._exit, (0,)).start()
