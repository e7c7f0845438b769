"""Puts events into the Redis stream, and holds them, within a bound, while Redis cannot take them.

All events of one loop tick share one stream entry. The caller may wait for Redis's acknowledgement, at
most ACK_TIMEOUT_S; after that, or while Redis is away, events stay here and are sent again, with the same
ids, so that a write which arrived all the same makes no second row. What is held here is at risk: it is
lost when the process is killed, and the number is on /metrics.
"""

import asyncio
import logging
import time
from collections import deque
from typing import Any

from . import events
from .resp import RedisLink

logger = logging.getLogger(__name__)

ACK_TIMEOUT_S = 0.075
LOOK_EVERY_S = 0.025
RETRY_EVERY_S = 0.1
CHECK_EVERY_S = 1.0
HELD_EVENTS = 100_000
EVENTS_PER_ENTRY = 500
# Entries sent again at a time, so that Redis coming back is not flooded.
ENTRIES_IN_FLIGHT = 64


class _Entry:
    """Lines of one tick on their way. `acknowledged` wakes the requests that wait for it."""

    __slots__ = ("acknowledged", "count", "data", "sent_at")

    def __init__(self, lines: list[bytes], acknowledged: "asyncio.Future[bool] | None") -> None:
        self.data = b"".join(lines)
        self.count = len(lines)
        self.sent_at = 0.0
        self.acknowledged = acknowledged

    def settle(self, result: bool) -> None:
        if self.acknowledged is not None and not self.acknowledged.done():
            self.acknowledged.set_result(result)


class Appender:
    """The event loop's end of the stream."""

    def __init__(
        self, link: RedisLink, *, stream: str = events.STREAM, held_events: int = HELD_EVENTS
    ) -> None:
        self.link = link
        self.stream = stream
        self.held_events = held_events
        # Events taken and not yet acknowledged by Redis.
        self.held = 0
        # Counted since the start of the process, sent to Redis as differences.
        self.accepted = self.late = self.dropped = self.shed = 0
        self.stream_is_full = False
        self._published = (0, 0, 0, 0)
        self._stalled = False
        self._tick: list[bytes] = []
        self._tick_acknowledged: asyncio.Future[bool] | None = None
        self._flying: deque[_Entry] = deque()
        self._backlog: deque[_Entry] = deque()
        self._watching = False
        self._tasks: list[asyncio.Task[None]] = []

    def open(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.link.on_up = self._send_backlog
        self._tasks = [loop.create_task(self._look_after())]

    def has_room(self) -> bool:
        return not self.stream_is_full and self.held < self.held_events

    def add(self, line: bytes) -> "asyncio.Future[bool] | None":
        """Take one event. The future ends with Redis's answer or the time-out; None: no use in waiting.

        Call it only while `has_room()`.
        """
        self.held += 1
        if not self._tick:
            self._loop.call_soon(self._flush_tick)
            self._tick_acknowledged = self._loop.create_future()
        self._tick.append(line)
        return self._tick_acknowledged if self.link.up and not self._stalled else None

    def _flush_tick(self) -> None:
        lines, future = self._tick, self._tick_acknowledged
        self._tick, self._tick_acknowledged = [], None
        if lines:
            entry = _Entry(lines, future)
            if self.link.up and not self._backlog:
                self._send(entry)
            else:
                self._keep(entry)

    def _send(self, entry: _Entry) -> None:
        entry.sent_at = time.monotonic()
        self._flying.append(entry)
        self._watch()
        self.link.send(("XADD", self.stream, "*", events.FIELD, entry.data), self._replied)

    def _replied(self, reply: Any) -> None:
        entry = self._flying.popleft()
        if isinstance(reply, Exception):
            self._keep(entry)
            return
        self._stalled = False
        self.held -= entry.count
        self.accepted += entry.count
        entry.settle(True)
        if self._backlog:
            self._send_backlog()

    def _keep(self, entry: _Entry) -> None:
        """Hold an entry for later. Small ones are merged, so that a long outage costs few objects."""
        entry.settle(False)
        self.late += entry.count
        last = self._backlog[-1] if self._backlog else None
        if last is not None and last.count + entry.count <= EVENTS_PER_ENTRY:
            last.data += entry.data
            last.count += entry.count
        else:
            self._backlog.append(entry)

    def _send_backlog(self) -> None:
        while self._backlog and self.link.up and len(self._flying) < ENTRIES_IN_FLIGHT:
            self._send(self._backlog.popleft())

    # -- time-outs ------------------------------------------------------------------------------

    def _watch(self) -> None:
        if not self._watching:
            self._watching = True
            self._loop.call_later(LOOK_EVERY_S, self._look)

    def _look(self) -> None:
        """Release requests that have waited too long; from then on nobody waits until Redis answers."""
        self._watching = bool(self._flying)
        if not self._flying:
            return
        too_old = time.monotonic() - ACK_TIMEOUT_S
        for entry in self._flying:
            if entry.sent_at > too_old:
                break
            self._stalled = True
            entry.settle(False)
        self._loop.call_later(LOOK_EVERY_S, self._look)

    async def _look_after(self) -> None:
        """Send again what was refused, watch the stream's size, publish the counters."""
        checked_at = 0.0
        while True:
            await asyncio.sleep(RETRY_EVERY_S)
            if not self._flying:
                self._send_backlog()
            if self.link.up and time.monotonic() - checked_at > CHECK_EVERY_S:
                checked_at = time.monotonic()
                self.link.send(("MEMORY", "USAGE", self.stream, "SAMPLES", 5), self._sized)
                self._publish()

    def _sized(self, reply: Any) -> None:
        if isinstance(reply, Exception):
            return
        full = (reply or 0) >= events.stream_limit_bytes()
        if full and not self.stream_is_full:
            logger.error(
                "The stream of opens and clicks is full: events are dropped until the tracker catches up."
            )
        self.stream_is_full = full

    def _publish(self) -> None:
        now = (self.accepted, self.late, self.dropped, self.shed)
        for name, new, old in zip(("accepted", "late", "dropped", "shed"), now, self._published, strict=True):
            if new != old:
                self.link.send(("HINCRBY", events.COUNTERS, name, new - old), lambda _: None)
        self._published = now

    async def close(self, *, timeout_s: float = 5.0) -> None:
        """Send what is held; what Redis does not take in time is lost, and said so."""
        deadline = time.monotonic() + timeout_s
        while self.held and time.monotonic() < deadline:
            if not self._flying:
                self._send_backlog()
            await asyncio.sleep(0.01)
        if self.held:
            logger.error("Stopped with %d opens and clicks that Redis did not take: lost.", self.held)
            self.dropped += self.held
        for task in self._tasks:
            task.cancel()
        if self.link.up:
            self._publish()
            await asyncio.sleep(0.05)
