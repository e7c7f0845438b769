"""The connections of this process to one SMTP server in one lane. Lives in the event loop.

Messages wait in one queue; a connection that can take another pulls it. How many connections may be open
is told from outside (`permit`), because the limit is the whole deployment's. A server that keeps failing
rests; meanwhile its messages go to the other servers of their transmission, or back to the sender.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Protocol

from ..health import Breaker
from ..outgoing import Lane, Outcome, Outgoing, Result
from .connection import Connection
from .loop import LoopThread
from .opening import ServerFault
from .replies import Reply
from .settings import ServerSettings, return_path, wire_headers

CHECK_EVERY_S = 0.25
# A server that refused a further connection as one too many is not asked for more during this time.
CROWDED_FOR_S = 30.0
# For so long it stands that no connection was free. Only work makes a pool try again, and nobody hands any
# to a pool with a fault: this one has to pass by itself.
STARVING_FOR_S = 1.0


class Sender(Protocol):
    """Who handed a message over. Called in the event loop."""

    def settled(self, result: Result) -> None: ...

    def homeless(self, message: Outgoing, pool: "ServerPool", result: Result) -> None:
        """`pool` could not send `message`, by no fault of the message: find another way, or settle it."""


Job = tuple[Outgoing, Sender]


class ServerPool:
    """See the module. Public attributes are plain values that other threads may read.

    wanted: connections that would be of use now. held: connections that are open or being opened.
    on_rest, on_recovery: called when the server begins to rest (reason, seconds), and when it works again.
    on_change: called when more connections are wanted than before, or some could be given back.
    """

    def __init__(self, thread: LoopThread, settings: ServerSettings, lane: Lane) -> None:
        self.thread = thread
        self.settings = settings
        self.lane = lane
        self.wanted = self.held = 0
        self.permitted = 0
        self.accepted = 0
        self.breaker = Breaker()
        self.on_rest: Callable[[str, float], None] = lambda reason, seconds: None
        self.on_recovery: Callable[[], None] = lambda: None
        self.on_change: Callable[[], None] = lambda: None
        self._loop = thread.loop
        self._queue: deque[Job] = deque()
        self._under_way: dict[int, Job] = {}
        self._connections: set[Connection] = set()
        self._idle: list[Connection] = []
        self._starving: str | None = None
        self._starving_until = 0.0
        self._asked = 0
        self._crowded_until = 0.0
        self._crowded_limit = 0
        self._reopen_at = 0.0
        self._starved_since: float | None = None
        self._checking = self._retired = False
        self._take_settings(settings)

    # --- asked from any thread ---------------------------------------------------------------------
    @property
    def resting(self) -> bool:
        """Nothing is sent through this server now."""
        return self._retired or self.breaker.resting

    @property
    def fault(self) -> str | None:
        """Why the server cannot be used now, in words; None while it can."""
        if self._retired:
            return f"{self.settings.label} has been switched off."
        starving = self._starving if self._loop.time() < self._starving_until else None
        return self.breaker.reason or starving

    # --- asked from the event loop: work -----------------------------------------------------------
    def submit(self, jobs: Iterable[Job]) -> None:
        """Queue `jobs` and get going."""
        self._queue.extend(jobs)
        self._pump()
        if self._queue:
            for connection in list(self._connections):
                connection.start()  # those that wait for one reply only can send the next envelope behind it

    def resubmit(self, job: Job) -> None:
        """Queue a job that has been here before, ahead of the others."""
        self._queue.appendleft(job)
        self._pump()

    def forget(self, sender: Sender) -> None:
        """Give back every message of `sender` at once, closing the connections that carry one."""
        carried = {sent for sent, job in self._under_way.items() if job[1] is sender}
        for connection in list(self._connections):
            if not carried.isdisjoint(map(id, connection.under_way())):
                connection.end(ServerFault("The sender could not wait for the mail server any longer."))
        queue, self._queue = self._queue, deque()  # after the closing, which puts messages back
        for job in queue:
            if job[1] is sender:
                sender.settled(self._result(job[0], Outcome.SERVER, Reply(0, "", "Not sent before the end.")))
            else:
                self._queue.append(job)
        if not self._queue:
            self._starved_since = None

    # --- asked from the event loop: limits ---------------------------------------------------------
    def permit(self, count: int) -> None:
        """From now on `count` connections may be open; surplus ones leave, the idle ones first."""
        self.permitted = count
        surplus = len(self._connections) - count - sum(c.leaving for c in self._connections)
        for connection in [*self._idle, *self._connections]:
            if surplus <= 0:
                break
            if not connection.leaving:
                connection.leave()
                surplus -= 1
        self._pump()

    def rest(self, seconds: float, reason: str) -> None:
        """Use the server no sooner than in `seconds`: it failed in another process."""
        self.breaker.rest(seconds, reason)
        self._check_soon()

    def end_rest(self) -> None:
        """Another process found the server well: try it now."""
        self.breaker.end_rest()
        self._pump()

    def hold(self, reason: str) -> None:
        """Permits cannot be asked for now: keep what is open, open nothing new."""
        self.permitted = len(self._connections)
        self._starve(None if self._connections else reason)

    def _starve(self, reason: str | None) -> None:
        self._starving, self._starving_until = reason, self._loop.time() + STARVING_FOR_S

    def reconfigure(self, settings: ServerSettings) -> None:
        """Staff changed the server: use `settings` from the next connection on, losing nothing."""
        changed = not settings.same_session(self.settings)
        self._take_settings(settings)
        if changed:
            self.breaker.forget()
            self._reopen_at, self._starving = 0.0, None
            for connection in list(self._connections):
                connection.leave()
        self._pump()

    def retire(self) -> None:
        """The server is not to be used any more: the queue moves on, connections finish and close."""
        self._retired = True
        self._hand_back(self.fault or "")
        for connection in list(self._connections):
            connection.leave()

    def _take_settings(self, settings: ServerSettings) -> None:
        self.settings = settings
        self._headers = wire_headers(settings)
        self._return_path = return_path(settings).encode()

    # --- called by connections ---------------------------------------------------------------------
    def pull(self) -> Outgoing | None:
        if not self._queue or self.resting:
            return None
        job = self._queue.popleft()
        message = job[0]
        if self._headers or self._return_path:
            message = self._dress(message)
        self._under_way[id(message)] = job
        return message

    def settle(self, sent: Outgoing, outcome: Outcome, reply: Reply) -> None:
        message, sender = self._under_way.pop(id(sent))
        if outcome is Outcome.SERVER:
            if reply.code != 421:  # the connection goes on, so nothing else counts it
                self._count_fault(ServerFault(f"The mail server answered: {reply}", code=reply.code))
            sender.homeless(message, self, self._result(message, outcome, reply))
            return
        if self.breaker.troubled and self.breaker.works():
            self.on_recovery()
        self.accepted += outcome is Outcome.ACCEPTED
        sender.settled(Result(message.key, outcome, *reply, self.settings.label))

    def interrupted(self, sent: Outgoing, outcome: Outcome, reply: Reply, *, progress: bool) -> None:
        """The connection ended with `sent` under way: UNKNOWN, or SERVER when it is certainly not delivered.

        progress: the connection had finished other messages before. Then the message waits for the next
        connection and this does not count as a try of it: some servers end every connection this way.
        """
        message, sender = self._under_way.pop(id(sent))
        if outcome is Outcome.SERVER and progress:
            self._queue.appendleft((message, sender))
        elif outcome is Outcome.SERVER:
            sender.homeless(message, self, self._result(message, outcome, reply))
        else:
            sender.settled(self._result(message, outcome, reply))

    def opened(self, connection: Connection) -> None:
        self._starved_since = self._starving = None
        self._idle.append(connection)
        self._pump()

    def rested(self, connection: Connection) -> None:
        if connection not in self._idle:
            self._idle.append(connection)
        if self._queue:
            self._pump()

    def closed(self, connection: Connection, fault: ServerFault | None) -> None:
        self._connections.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self.held = len(self._connections)
        self.on_change()
        if fault is not None:
            self._connection_failed(connection, fault)
        self._loop.call_soon(self._pump)

    # --- faults ------------------------------------------------------------------------------------
    def _connection_failed(self, connection: Connection, fault: ServerFault) -> None:
        now = self._loop.time()
        if fault.crowded and self._connections:
            self._crowded_until, self._crowded_limit = now + CROWDED_FOR_S, len(self._connections)
            return
        if fault.code == 421 and connection.served > 1:
            return  # a server that limits messages per connection says so this way: no fault
        self._count_fault(fault)
        if not connection.served:
            self._reopen_at = now + 0.2 * self.breaker.faults_in_a_row

    def _count_fault(self, fault: ServerFault) -> None:
        seconds = self.breaker.fault(fault.text, lasting=fault.lasting)
        if seconds is not None:
            self.on_rest(fault.text, seconds)
            self._check_soon()

    def _hand_back(self, reason: str) -> None:
        """Give the whole queue back to its senders."""
        queue, self._queue = self._queue, deque()
        self._starved_since = None
        for message, sender in queue:
            sender.homeless(message, self, self._result(message, Outcome.SERVER, Reply(0, "", reason)))

    def _result(self, message: Outgoing, outcome: Outcome, reply: Reply) -> Result:
        return Result(message.key, outcome, *reply, self.settings.label)

    # --- inside ------------------------------------------------------------------------------------
    def _limit(self, now: float) -> int:
        limit = min(self.permitted, self.settings.max_conns)
        if self.breaker.probing:
            limit = min(limit, 1)
        if now < self._crowded_until:
            limit = min(limit, max(1, self._crowded_limit))
        return limit

    def _pump(self) -> None:
        """Give queued messages to idle connections; open more when that is not enough."""
        now = self._loop.time()
        if not self.resting:
            while self._queue and self._idle:
                connection = self._idle.pop()
                connection.start()
                if connection.ready and not connection.busy and not connection.leaving:
                    self._idle.append(connection)
                    break
            self._open_more(now)
        busy = len(self._connections) - len(self._idle)
        self.wanted = min(self.settings.max_conns, busy + len(self._queue))
        if self.wanted > self.permitted and self.wanted != self._asked:
            self._asked = self.wanted
            self.on_change()
        if self._queue or self._connections:
            self._check_soon()

    def _open_more(self, now: float) -> None:
        if not self._queue or now < self._reopen_at:
            return
        opening = sum(not c.ready for c in self._connections)
        room = self._limit(now) - len(self._connections)  # those that leave count until they are closed
        for _ in range(min(room, len(self._queue) - opening)):
            self._connections.add(Connection(self))
        self.held = len(self._connections)

    def _check_soon(self) -> None:
        if not self._checking:
            self._checking = True
            self._loop.call_later(CHECK_EVERY_S, self._check)

    def _check(self) -> None:
        """Look at every clock: silent servers, idle connections, messages that wait for a connection."""
        self._checking = False
        now = self._loop.time()
        for connection in list(self._connections):
            connection.check(now)
        for connection in list(self._idle):
            if now - connection.idle_since > self.settings.idle_timeout_s:
                connection.leave()
        self._check_waiting(now)
        self._pump()
        if self.breaker.resting and not self._retired:
            self._check_soon()

    def _check_waiting(self, now: float) -> None:
        patience = self.settings.wait_timeout_s
        if self._queue and self.breaker.rest_left_s > patience:
            self._hand_back(self.fault or "")
        if not self._queue or (not self.resting and any(c.ready for c in self._connections)):
            self._starved_since = None
            return
        if self._starved_since is None:
            self._starved_since = now
        elif now - self._starved_since > patience and (self.resting or not self._connections):
            if self.fault is None:
                self._starve(f"No connection to {self.settings.label} was free within {patience:g} s.")
            self._hand_back(self.fault or "")

    def _dress(self, message: Outgoing) -> Outgoing:
        """`message` with this server's own headers, where it has none of that name (contract 5.6)."""
        data = message.data
        head = b"\r\n" + data[: data.find(b"\r\n\r\n") + 2].lower()
        missing = b"".join(line for key, line in self._headers if key not in head)
        sender = message.sender
        if self._return_path and sender and self._is_from(sender, head):
            sender = self._return_path
        return replace(message, data=missing + data if missing else data, sender=sender)

    @staticmethod
    def _is_from(sender: bytes, head: bytes) -> bool:
        """The envelope sender is the From address, so the message asked for no Return-Path of its own."""
        start = head.find(b"\r\nfrom:")
        return start >= 0 and sender.lower() in head[start : head.find(b"\r\n", start + 2)]
