"""SMTP servers as messengers: `email` over all enabled servers, `email-<slug>` over one.

Pools of connections belong to the process and outlive transmissions, so a connection opened for one
batch serves the next. Messages are dealt among the servers by weight; what a server could not carry
goes to another one, and comes back as SERVER only when no server of the messenger could.
"""

import contextlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Literal

from redis import Redis
from redis.exceptions import RedisError

from .outgoing import Lane, Outcome, Outgoing, Result, Route
from .permits import Steward
from .routing import WeightedRotation, servers_for
from .smtp import loop
from .smtp.pool import ServerPool
from .smtp.settings import ServerSettings

# The waiting thread is woken for a batch of results, not for each: two threads that hand the interpreter
# to and fro for every message cost more than the messages.
RING_AT = 64
RING_AFTER_S = 0.004


class SmtpServers:
    """The servers as they are set up now, and this process's pools of connections to them."""

    def __init__(self, connect: Callable[[], Redis], refresh: Callable[[], None] = lambda: None) -> None:
        """connect: gives a Redis client. refresh: called before each use; may call `update`."""
        self._connect = connect
        self.refresh = refresh
        self._lock = threading.Lock()
        self._settings: dict[str, ServerSettings] = {}
        self._process = 0
        self._pools: dict[tuple[str, Lane], ServerPool] = {}
        self._steward: Steward | None = None
        self.generation = 0

    @property
    def enabled(self) -> list[ServerSettings]:
        return [s for s in self._settings.values() if s.enabled]

    def update(self, servers: Sequence[ServerSettings]) -> None:
        """Put `servers` in force, in open transmissions too. Messages in flight are not disturbed."""
        with self._lock:
            wanted = {s.uuid: s for s in servers}
            if wanted == self._settings:
                return
            self._settings = wanted
            self.generation += 1
            if self._process != os.getpid():
                return
            thread = loop.current()
            for (uuid, lane), pool in list(self._pools.items()):
                settings = wanted.get(uuid)
                if settings is None or not settings.enabled:
                    thread.call(pool.retire)
                    del self._pools[(uuid, lane)]
                elif settings != pool.settings:
                    thread.call(pool.reconfigure, settings)

    def pool(self, settings: ServerSettings, lane: Lane) -> ServerPool:
        """This process's pool for a server; made at the first use after the fork."""
        with self._lock:
            thread = loop.current()
            if self._process != os.getpid():
                self._process = os.getpid()
                self._pools = {}
                self._steward = Steward(thread, self._connect)
            key = (settings.uuid, lane)
            if key not in self._pools:
                self._pools[key] = ServerPool(thread, settings, lane)
                assert self._steward is not None
                self._steward.watch(self._pools[key])
            return self._pools[key]

    def shutdown(self, deadline_s: float) -> None:
        """Close this process's connections, those that are busy too, and give their permits back.

        For the end of a process whose transmissions are closed; without it the permits end with their lease.
        """
        if self._process != os.getpid() or self._steward is None:
            return
        pools, self._pools = list(self._pools.values()), {}
        thread = loop.current()
        for pool in pools:
            thread.call(pool.retire)
        until = time.monotonic() + deadline_s
        while any(pool.held for pool in pools) and time.monotonic() < until:
            time.sleep(0.01)
        with contextlib.suppress(RedisError):
            self._steward.release()


class SmtpMessenger:
    """A name, and the rule which servers it means."""

    wants: Literal["wire"] = "wire"

    def __init__(self, name: str, servers: SmtpServers, *, only: str | None = None) -> None:
        self.name = name
        self.servers = servers
        self._only = only

    def candidates(self, from_email: str) -> list[ServerSettings]:
        """The enabled servers that mail of `from_email` may use under this name, now."""
        enabled = self.servers.enabled
        if self._only is not None:
            return [s for s in enabled if s.uuid == self._only]
        return servers_for(from_email, enabled)

    def open(self, lane: Lane, from_email: str) -> "SmtpTransmission":
        return SmtpTransmission(self, lane, from_email)


class Choice:
    """A pool in the rotation."""

    def __init__(self, pool: ServerPool, weight: int) -> None:
        self.pool = pool
        self.weight = weight


class SmtpTransmission:
    """See `outgoing.Transmission`. Methods named with an underscore run in the event loop's thread."""

    def __init__(self, messenger: SmtpMessenger, lane: Lane, from_email: str) -> None:
        self._messenger = messenger
        self._lane = lane
        self._from_email = from_email
        self._thread = loop.current()
        self.route = ""
        self._generation = -1
        self._rotation: WeightedRotation[Choice] = WeightedRotation([])
        self._used: dict[int, ServerPool] = {}
        self._handed = 0  # counted by the sender's thread
        self._taken = 0
        self._settled = 0  # counted by the loop's thread
        self._results: deque[Result] = deque()
        self._bell = threading.Event()
        self._ring_due = False
        self._tries: dict[int, list[ServerPool]] = {}
        self._delayed: dict[int, tuple[Outgoing, ServerPool, Result]] = {}
        self._abandoned = False

    # --- the sender's side -------------------------------------------------------------------------
    @property
    def pending(self) -> int:
        return self._handed - self._taken

    @property
    def fault(self) -> str | None:
        choices = self._choices()
        if not choices:
            return "No SMTP server is enabled. Add or enable one in the settings."
        faults = [choice.pool.fault for choice in choices]
        if None in faults:
            return None
        return " ".join(dict.fromkeys(fault for fault in faults if fault))

    def _choices(self) -> list[Choice]:
        """The pools to deal among; looked up again when the settings have changed."""
        servers = self._messenger.servers
        servers.refresh()
        if self._generation != servers.generation:
            self._generation = servers.generation
            candidates = self._messenger.candidates(self._from_email)
            choices = [Choice(servers.pool(s, self._lane), s.weight) for s in candidates]
            self._rotation = WeightedRotation(choices)
        return self._rotation.choices

    def routes(self) -> Sequence[Route]:
        choices = self._choices()
        if not any(choice.pool.settings.allowance for choice in choices):
            return ()
        usable = self._usable(choices)
        first = self._rotation.next(usable)
        routes: list[Route] = []
        for choice, may in zip(choices, usable, strict=True):
            server = choice.pool.settings
            rest_s = 0.0 if may else choice.pool.breaker.rest_left_s
            route = Route(server.uuid, server.allowance.limits(server.uuid, self._lane), rest_s)
            routes.insert(0 if choice is first else len(routes), route)
        return routes

    def send(self, messages: Sequence[Outgoing]) -> None:
        choices = self._choices()
        if self.route:
            choices = [c for c in choices if c.pool.settings.uuid == self.route] or choices
        self._handed += len(messages)
        if not choices:
            reason = self.fault or ""
            refused = [Result(m.key, Outcome.SERVER, 0, "", reason, "") for m in messages]
            self._thread.call(self._settle_all, refused)
        elif len(choices) == 1:
            pool = choices[0].pool
            self._used[id(pool)] = pool
            self._thread.call(pool.submit, [(message, self) for message in messages])
        else:
            self._deal(messages, choices)

    def _deal(self, messages: Sequence[Outgoing], choices: list[Choice]) -> None:
        """By weight among the servers that are well."""
        usable = self._usable(choices)
        dealt: dict[int, list[tuple[Outgoing, SmtpTransmission]]] = {}
        for message in messages:
            choice = self._rotation.next(usable)
            assert choice is not None
            self._used[id(choice.pool)] = choice.pool
            dealt.setdefault(id(choice.pool), []).append((message, self))
        for pool_id, jobs in dealt.items():
            self._thread.call(self._used[pool_id].submit, jobs)

    @staticmethod
    def _usable(choices: list[Choice]) -> list[bool]:
        """Which servers are well; when none is, all: one may recover in time."""
        usable = [not choice.pool.resting for choice in choices]
        return usable if any(usable) else [True] * len(choices)

    def wait(self, timeout_s: float) -> list[Result]:
        results = self._results
        until = time.monotonic() + timeout_s
        while self._handed > self._taken + len(results):
            left = until - time.monotonic()
            self._bell.wait(max(0.0, left))
            self._bell.clear()
            if results or left <= 0:
                break
        taken = [results.popleft() for _ in range(len(results))]
        self._taken += len(taken)
        return taken

    def close(self, deadline_s: float) -> None:
        until = time.monotonic() + deadline_s
        while self._settled < self._handed and (left := until - time.monotonic()) > 0:
            self._bell.wait(left)
            self._bell.clear()
        if self._settled < self._handed:
            self._thread.call_and_wait(self._abandon, timeout_s=5.0)
        self._bell.set()

    # --- the loop's side ---------------------------------------------------------------------------
    def settled(self, result: Result) -> None:
        """One message is done. Called by pools."""
        self._results.append(result)
        self._settled += 1
        if self._tries:
            self._tries.pop(result.key, None)
        if self._settled == self._handed or len(self._results) >= RING_AT:
            if not self._bell.is_set():
                self._bell.set()
        elif not self._ring_due:
            self._ring_due = True
            self._thread.loop.call_later(RING_AFTER_S, self._ring)

    def _ring(self) -> None:
        self._ring_due = False
        if self._results:
            self._bell.set()

    def _settle_all(self, results: list[Result]) -> None:
        for result in results:
            self.settled(result)

    def homeless(self, message: Outgoing, pool: ServerPool, result: Result) -> None:
        """`pool` could not carry `message`: once more there, or elsewhere, or it is the sender's again."""
        if self._abandoned:
            self.settled(result)
            return
        tried = self._tries.setdefault(message.key, [])
        tried.append(pool)
        if not pool.resting and tried.count(pool) < pool.settings.max_msg_retries:
            self._delayed[message.key] = (message, pool, result)
            self._thread.loop.call_later(pool.settings.msg_retry_delay_s, self._again, message.key)
            return
        for choice in self._rotation.choices:
            other = choice.pool
            # A server with a limit takes only what a token was taken for.
            if other not in tried and not other.resting and not other.settings.allowance:
                self._used[id(other)] = other
                other.submit([(message, self)])
                return
        self.settled(result)

    def _again(self, key: int) -> None:
        waiting = self._delayed.pop(key, None)
        if waiting is not None:
            message, pool, _ = waiting
            pool.resubmit((message, self))

    def _abandon(self) -> None:
        """The sender waits no longer: settle everything that is still out, now."""
        self._abandoned = True
        delayed, self._delayed = self._delayed, {}
        for _, _, result in delayed.values():
            self.settled(result)
        for pool in list(self._used.values()):
            pool.forget(self)
