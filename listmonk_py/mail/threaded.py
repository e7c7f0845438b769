"""Transmissions over HTTP: a bounded number of threads, each of which sends one message at a time.

The threads and their kept connections belong to the messenger and outlive transmissions. They are made
when the first message comes, so after the fork.
"""

import logging
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from .health import Breaker
from .outgoing import Outcome, Parts, Result, Route

logger = logging.getLogger(__name__)

# A thread that has had nothing to do for so long ends.
IDLE_S = 30.0

Deliver = Callable[[Parts], Result]


class Workers:
    """At most `count` threads that call `deliver`, and the health of what is behind it."""

    def __init__(self, name: str, count: int, deliver: Deliver) -> None:
        self.name = name
        self.count = count
        self.deliver = deliver
        self.breaker = Breaker()
        self._fresh()

    def _fresh(self) -> None:
        self._process = os.getpid()
        self._jobs: queue.SimpleQueue[tuple[Parts, ThreadedTransmission]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = self._free = 0

    def submit(self, jobs: Sequence[tuple[Parts, "ThreadedTransmission"]]) -> None:
        """Queue `jobs`; start threads when those that are free are not enough."""
        if self._process != os.getpid():
            self._fresh()
        for job in jobs:
            self._jobs.put(job)
        with self._lock:
            for _ in range(min(self.count - self._threads, self._jobs.qsize() - self._free)):
                self._threads += 1
                threading.Thread(target=self._run, name=f"mail-{self.name}", daemon=True).start()

    def _run(self) -> None:
        while True:
            with self._lock:
                self._free += 1
            try:
                parts, sender = self._jobs.get(timeout=IDLE_S)
            except queue.Empty:
                with self._lock:
                    self._free -= 1
                    # A job put in after the time-out found this thread counted as free: stay for it.
                    if self._jobs.empty():
                        self._threads -= 1
                        return
                continue
            with self._lock:
                self._free -= 1
            sender.deliver(parts)

    def carry(self, parts: Parts) -> Result:
        """Deliver one message, unless the provider rests."""
        reason = self.breaker.reason
        if reason is not None:
            return Result(parts.key, Outcome.SERVER, 0, "", reason, self.name)
        try:
            result = self.deliver(parts)
        except Exception as fault:
            logger.exception("Messenger %s failed in an unexpected way.", self.name)
            result = Result(parts.key, Outcome.UNKNOWN, 0, "", f"Unexpected: {fault!r}", self.name)
        with self._lock:
            if result.outcome is Outcome.SERVER:
                self.breaker.fault(result.text, lasting=result.code in (401, 403))
            elif result.outcome is not Outcome.UNKNOWN:
                self.breaker.works()
        return result


class ThreadedTransmission:
    """See `outgoing.Transmission`."""

    def __init__(self, workers: Workers, routes: Sequence[Route] = ()) -> None:
        self.route = ""
        self._workers = workers
        self._routes = routes
        self._changed = threading.Condition()
        self._results: deque[Result] = deque()
        self._out: set[int] = set()  # handed over and not settled
        self._begun: set[int] = set()  # a thread is at it
        self._taken = self._handed = 0
        self._closed = False

    @property
    def pending(self) -> int:
        return self._handed - self._taken

    @property
    def fault(self) -> str | None:
        return self._workers.breaker.reason

    def routes(self) -> Sequence[Route]:
        return self._routes

    def send(self, messages: Sequence[Parts]) -> None:
        with self._changed:
            self._handed += len(messages)
            self._out.update(message.key for message in messages)
        self._workers.submit([(message, self) for message in messages])

    def deliver(self, parts: Parts) -> None:
        """Called by a worker's thread: send one message and keep the result."""
        with self._changed:
            if self._closed or parts.key not in self._out:
                return
            self._begun.add(parts.key)
        result = self._workers.carry(parts)
        with self._changed:
            if parts.key in self._out:
                self._settle(result)

    def _settle(self, result: Result) -> None:
        self._out.discard(result.key)
        self._begun.discard(result.key)
        self._results.append(result)
        self._changed.notify_all()

    def wait(self, timeout_s: float) -> list[Result]:
        with self._changed:
            if self._out and not self._results:
                self._changed.wait(timeout_s)
            taken = list(self._results)
            self._results.clear()
            self._taken += len(taken)
        return taken

    def close(self, deadline_s: float) -> None:
        until = time.monotonic() + deadline_s
        with self._changed:
            while self._out and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)
            self._closed = True
            for key in list(self._out):
                begun = key in self._begun
                outcome = Outcome.UNKNOWN if begun else Outcome.SERVER
                text = "There was no answer before the end." if begun else "Not sent before the end."
                self._settle(Result(key, outcome, 0, "", text, self._workers.name))
