"""Reads the stream of opens and clicks in batches and hands them to the writer, for ever.

Any number of consumers share the stream through one consumer group. A batch is acknowledged and deleted
only after PostgreSQL has it; what a dead consumer left is claimed by the living. While either server is
away, the consumer waits and goes on where it was.
"""

import logging
import os
import secrets
import socket
import threading
import time
from typing import Any, NamedTuple

import redis
from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections, connection
from redis.exceptions import RedisError, ResponseError

from . import events, writer

logger = logging.getLogger(__name__)

# Aim of a batch; an entry holds the events of one tick at the door, at most 500.
EVENTS_PER_BATCH = 20_000
FEWEST_ENTRIES, MOST_ENTRIES = 20, 2_000
WAIT_MS = 500
CLAIM_EVERY_S = 5.0
# An entry that a consumer holds longer belongs to a dead one: a batch takes seconds, and its time-outs end
# before this.
ABANDONED_MS = 45_000
FORGET_CONSUMER_MS = 3_600_000
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0


class Batch(NamedTuple):
    """Stream entries: their ids, and what they hold."""

    ids: list[bytes]
    entries: list[bytes]


def connect() -> "redis.Redis":
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=10, socket_connect_timeout=5)


class Consumer:
    """One reader of the stream.

    Args:
        abandoned_ms: how long another may hold an entry before it is claimed.
    """

    def __init__(self, client: "redis.Redis | None" = None, *, abandoned_ms: int = ABANDONED_MS) -> None:
        self.client = client or connect()
        self.name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
        self.abandoned_ms = abandoned_ms
        self.stopping = threading.Event()
        self.stored = 0
        self._batch: Batch | None = None
        self._entries = FEWEST_ENTRIES
        self._claimed_at = float("-inf")

    def run(self) -> None:
        """Work until `stop`; the batch in hand is finished first."""
        pause_s = FIRST_PAUSE_S
        while not self.stopping.is_set():
            try:
                self.turn()
                pause_s = FIRST_PAUSE_S
            except ResponseError as error:
                if not str(error).startswith("NOGROUP"):
                    raise
                self.make_group()
            except (RedisError, DatabaseError, InterfaceError) as error:
                logger.warning("Opens and clicks wait in Redis: %s", str(error).strip())
                connection.close()
                self.stopping.wait(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
        self._leave()

    def stop(self, *_: object) -> None:
        self.stopping.set()

    def make_group(self) -> None:
        """Make the consumer group, and the stream, unless they are there."""
        try:
            self.client.xgroup_create(events.STREAM, events.GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise

    def turn(self) -> int:
        """Take one batch and store it; return how many events were new. Waits up to WAIT_MS for one.

        Dying anywhere in here loses nothing: entries stay pending until they are acknowledged. When
        PostgreSQL or Redis refuses, the batch is kept for the next turn.
        """
        if self._batch is None:
            self._batch = self._abandoned() or self._next()
        if self._batch is None:
            return 0
        close_old_connections()
        new = writer.store(self._batch.entries)
        self._acknowledge(self._batch.ids)
        self._aim(self._batch.entries)
        self._batch = None
        self.stored += new
        return new

    def _next(self) -> Batch | None:
        """New entries, in order of arrival."""
        found: Any = self.client.xreadgroup(
            events.GROUP, self.name, {events.STREAM: ">"}, count=self._entries, block=WAIT_MS
        )
        return _batch(found[0][1]) if found else None

    def _abandoned(self) -> Batch | None:
        """Entries that a dead consumer took and never acknowledged; looked for every CLAIM_EVERY_S."""
        if time.monotonic() - self._claimed_at < min(CLAIM_EVERY_S, self.abandoned_ms / 1000):
            return None
        found: Any = self.client.xautoclaim(
            events.STREAM, events.GROUP, self.name, self.abandoned_ms, count=self._entries
        )
        batch = _batch(found[1])
        if batch is None:
            self._claimed_at = time.monotonic()
            self._forget_the_dead()
        return batch

    def _acknowledge(self, ids: list[bytes]) -> None:
        pipe = self.client.pipeline(transaction=True)
        pipe.xack(events.STREAM, events.GROUP, *ids)
        pipe.xdel(events.STREAM, *ids)
        pipe.execute()

    def _aim(self, entries: list[bytes]) -> None:
        """Ask next time for as many entries as hold about EVENTS_PER_BATCH events."""
        per_entry = max(1, sum(entry.count(b"\n") for entry in entries) // max(1, len(entries)))
        self._entries = min(max(EVENTS_PER_BATCH // per_entry, FEWEST_ENTRIES), MOST_ENTRIES)

    def _forget_the_dead(self) -> None:
        """Remove consumers that hold nothing and have not been heard of for an hour."""
        known: Any = self.client.xinfo_consumers(events.STREAM, events.GROUP)
        for one in known:
            if not one["pending"] and one["idle"] > FORGET_CONSUMER_MS:
                self.client.xgroup_delconsumer(events.STREAM, events.GROUP, one["name"])

    def _leave(self) -> None:
        """Take our name off the group, unless entries are still ours: then others claim them."""
        try:
            mine = self.client.xpending_range(
                events.STREAM, events.GROUP, "-", "+", 1, consumername=self.name
            )
            if not mine:
                self.client.xgroup_delconsumer(events.STREAM, events.GROUP, self.name)
        except RedisError:
            pass


def _batch(found: Any) -> Batch | None:
    """Entries as XREADGROUP and XAUTOCLAIM give them; one that was deleted meanwhile has no fields."""
    if not found:
        return None
    ids = [entry_id for entry_id, _ in found]
    field = events.FIELD.encode()
    return Batch(ids, [fields[field] for _, fields in found if fields and field in fields])
