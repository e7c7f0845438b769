"""Which sender processes there are, and which of them are free: keys in Redis that expire.

Celery's inspect asks every worker and waits for the slowest; these keys cost one read.
"""

import os
import socket
import threading

from redis.exceptions import RedisError

from .redis_client import client

PREFIX = "engine:sender:"
EVERY_S = 1.0
EXPIRES_S = 4
# Assumed while Redis tells nothing, so that a deployment whose heartbeats are late still sends.
ASSUMED_FREE = 2

_busy = threading.Event()


def start() -> None:
    """Beat from a thread of this process for as long as it lives."""
    threading.Thread(target=_beat, name="heartbeat", daemon=True).start()


def working() -> None:
    _busy.set()


def idle() -> None:
    _busy.clear()


def _beat() -> None:
    key = f"{PREFIX}{socket.gethostname()}:{os.getpid()}"
    pause = threading.Event()
    while True:
        try:
            client().set(key, "busy" if _busy.is_set() else "free", ex=EXPIRES_S)
        except RedisError:
            pass  # the next beat tries again
        pause.wait(EVERY_S)


def free_senders() -> int:
    """How many sender processes wait for work; `ASSUMED_FREE` when none has been heard of."""
    try:
        redis = client()
        keys = list(redis.scan_iter(match=f"{PREFIX}*", count=1000))
        states = redis.mget(keys) if keys else []
    except RedisError:
        return ASSUMED_FREE
    alive = [state for state in states if state]
    return alive.count(b"free") if alive else ASSUMED_FREE
