"""The last 5,000 log lines of all processes, in Redis, for `GET /api/logs` and `GET /api/events`.

Logging must never block or fail its caller: lines go to a bounded queue, one daemon thread moves
them in groups, and while Redis is away they are dropped (the console has them all the same).
"""

import contextlib
import logging
import os
import queue
import threading

import redis
from redis.exceptions import RedisError

KEY = "logs:lines"
CHANNEL = "logs:errors"
KEEP_LINES = 5000
QUEUE_LINES = 2000
GROUP_LINES = 200


class RingHandler(logging.Handler):
    """Copies each record's line to the shared ring; lines of level ERROR also to the event channel."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: queue.Queue[tuple[str, bool]] = queue.Queue(QUEUE_LINES)
        self._owner = 0
        self._start_lock = threading.Lock()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception:
            self.handleError(record)
            return
        with contextlib.suppress(queue.Full):
            self._lines.put_nowait((line, record.levelno >= logging.ERROR))
        self._ensure_thread()

    def _ensure_thread(self) -> None:
        """One thread a process; threads do not survive a fork, hence the pid."""
        if self._owner == os.getpid():
            return
        with self._start_lock:
            if self._owner != os.getpid():
                self._owner = os.getpid()
                threading.Thread(target=self._run, name="log-ring", daemon=True).start()

    def _run(self) -> None:
        from django.conf import settings  # settings are being configured when this module is imported

        client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)
        while True:
            group = [self._lines.get()]
            with contextlib.suppress(queue.Empty):
                while len(group) < GROUP_LINES:
                    group.append(self._lines.get_nowait())
            with contextlib.suppress(RedisError):
                push(client, group)


def push(client: "redis.Redis", group: list[tuple[str, bool]]) -> None:
    """Append `(line, is_error)` pairs and trim the ring, in one round trip."""
    pipe = client.pipeline(transaction=False)
    pipe.rpush(KEY, *(line for line, _ in group))
    pipe.ltrim(KEY, -KEEP_LINES, -1)
    for line, is_error in group:
        if is_error:
            pipe.publish(CHANNEL, line)
    pipe.execute()


def lines(client: "redis.Redis") -> list[str]:
    """The ring, oldest first."""
    return [line.decode(errors="replace") for line in client.lrange(KEY, 0, -1)]  # type: ignore[union-attr]
