"""One connection to an SMTP server, in the event loop: bytes in, bytes out, and its clock."""

import asyncio
from typing import Protocol, cast

from ..outgoing import Outcome, Outgoing
from .opening import Line, ServerFault, connect, open_session, tls_context
from .pipeline import Closing, Pipeline
from .replies import ProtocolError, Reply
from .settings import ServerSettings

DOT = len(b".\r\n")


class Owner(Protocol):
    """What a connection asks of its pool. All of it is called in the event loop."""

    settings: ServerSettings

    def pull(self) -> Outgoing | None: ...

    def settle(self, message: Outgoing, outcome: Outcome, reply: Reply) -> None: ...

    def interrupted(self, sent: Outgoing, outcome: Outcome, reply: Reply, *, progress: bool) -> None: ...

    def opened(self, connection: "Connection") -> None: ...

    def rested(self, connection: "Connection") -> None:
        """Nothing is under way on `connection`: more work may be given, or it may be closed."""

    def closed(self, connection: "Connection", fault: ServerFault | None) -> None: ...


class Connection(Line):
    """Opens itself, then feeds its `Pipeline`; reports to its pool.

    deadline: loop time by which the server must have said something; the pool looks at it.
    """

    def __init__(self, pool: Owner) -> None:
        self.pool = pool
        self.settings = pool.settings
        self.transport: asyncio.Transport = cast(asyncio.Transport, None)
        self.deadline = float("inf")
        self.served = 0
        self.idle_since = 0.0
        self.leaving = False  # take no further message; close when nothing is under way
        self._connected = False
        self._loop = asyncio.get_running_loop()
        self._pipeline: Pipeline | None = None
        self._buffer = b""
        self._lines: list[bytes] = []
        self._waiter: asyncio.Future[list[bytes]] | None = None
        self._over = False
        self._unwritten = 0
        self._stalled_since = 0.0
        self._opening = self._loop.create_task(self._open())

    # --- opening -----------------------------------------------------------------------------------
    async def _open(self) -> None:
        settings = self.settings
        try:
            context = tls_context(settings) if settings.tls_type != "none" else None
            await connect(self, settings, context)
            extensions = await open_session(self, settings, context)
        except ServerFault as fault:
            self.end(fault)
        except ProtocolError as fault:
            self.end(ServerFault(str(fault)))
        except OSError as fault:
            self.end(ServerFault(f"The connection to {settings.label} broke: {fault}."))
        except Exception as fault:
            self.end(ServerFault(f"{settings.label}: {fault!r}"))
            raise
        else:
            if self._over:
                return
            self._pipeline = Pipeline(extensions, self._pull, self.pool.settle)
            self._buffer = b""
            self.idle_since = self._loop.time()
            self.pool.opened(self)

    def unread(self) -> bool:
        return bool(self._buffer or self._lines)

    async def reply(self, timeout_s: float) -> list[bytes]:
        lines = self._whole_reply()
        if lines is not None:
            return lines
        if self._over:
            raise ServerFault(f"{self.settings.label} closed the connection while it was being opened.")
        self._waiter = self._loop.create_future()
        try:
            async with asyncio.timeout(timeout_s):
                return await self._waiter
        except TimeoutError:
            raise ServerFault(f"{self.settings.label} said nothing for {timeout_s:g} seconds.") from None
        finally:
            self._waiter = None

    def _whole_reply(self) -> list[bytes] | None:
        while b"\n" in self._buffer:
            line, _, self._buffer = self._buffer.partition(b"\n")
            self._lines.append(line)
            if line[3:4] != b"-":
                lines, self._lines = self._lines, []
                return lines
        return None

    # --- asyncio.Protocol --------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._connected = True
        if self._over:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        pipeline = self._pipeline
        if pipeline is None:
            self._opening_data(data)
            return
        if self._over:
            return
        try:
            pieces = pipeline.feed(data)
        except Closing as closing:
            self.end(ServerFault(f"The mail server closes: {closing.reply}", code=421))
            return
        except ProtocolError as fault:
            self.end(ServerFault(str(fault)))
            return
        timeouts = self.settings.timeouts
        self.deadline = self._loop.time() + (timeouts.command_s if pipeline.dot is None else timeouts.dot_s)
        if pieces:
            self.transport.writelines(pieces)
        elif pipeline.idle:
            self._rest()

    def _opening_data(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > 65_536:
            self.end(ServerFault(f"{self.settings.label} sends a reply that does not end."))
        elif self._waiter is not None and not self._waiter.done():
            lines = self._whole_reply()
            if lines is not None:
                self._waiter.set_result(lines)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._over:
            reason = f": {exc}" if exc else ""
            self.end(ServerFault(f"{self.settings.label} closed the connection{reason}."))

    # --- asked by the pool -------------------------------------------------------------------------
    @property
    def ready(self) -> bool:
        return self._pipeline is not None and not self._over

    @property
    def busy(self) -> bool:
        """A message is under way."""
        return self._pipeline is not None and not self._pipeline.idle

    def under_way(self) -> list[Outgoing]:
        """The messages this connection carries now: none, one or two."""
        if self._pipeline is None:
            return []
        return [m for m in (self._pipeline.dot, self._pipeline.current) if m is not None]

    def start(self) -> None:
        """Take the first message after a pause, if the pool has one."""
        if self._pipeline is not None and not self._over:
            pieces = self._pipeline.start()
            if pieces:
                self.deadline = self._loop.time() + self.settings.timeouts.command_s
                self.transport.writelines(pieces)

    def leave(self) -> None:
        """Close as soon as nothing is under way."""
        self.leaving = True
        if self._pipeline is None:
            self.end(None)
        elif self._pipeline.idle:
            self._quit()

    def check(self, now: float) -> None:
        """Give up when the server has been silent, or has not read, for too long."""
        if self._over or self._pipeline is None or self._pipeline.idle:
            return
        unwritten = self.transport.get_write_buffer_size()
        if unwritten == 0 or unwritten != self._unwritten:
            self._unwritten, self._stalled_since = unwritten, now
        elif now - self._stalled_since > self.settings.timeouts.data_s:
            self.end(ServerFault(f"{self.settings.label} stopped reading in the middle of a message."))
            return
        if now > self.deadline and unwritten == 0:
            self.end(ServerFault(f"{self.settings.label} did not answer in time."))

    def end(self, fault: ServerFault | None) -> None:
        """Close at once and tell the pool what becomes of the messages that were under way.

        A message in doubt is UNKNOWN, unless its final dot is still in our own buffer.
        """
        if self._over:
            return
        self._over = True
        doubtful = untouched = None
        blame = fault
        if self._pipeline is not None:
            if self._pipeline.idle:
                blame = None  # a server may close what is not in use
            doubtful, untouched = self._pipeline.lost()
        text = fault.text if fault else "The connection was given up."
        reply = Reply(fault.code if fault else 0, "", text)
        certain = self._dot_not_sent(untouched)
        if self._connected:
            self.transport.abort()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(ServerFault(text))
        if not self._opening.done() and asyncio.current_task(self._loop) is not self._opening:
            self._opening.cancel()
        self.pool.closed(self, blame)
        progress = self.served - (doubtful is not None) - (untouched is not None) > 0
        if untouched is not None:
            self.pool.interrupted(untouched, Outcome.SERVER, reply, progress=progress)
        if doubtful is not None:
            outcome = Outcome.SERVER if certain else Outcome.UNKNOWN
            self.pool.interrupted(doubtful, outcome, reply, progress=progress)

    def _dot_not_sent(self, following: Outgoing | None) -> bool:
        """More is unwritten here than what was written behind the final dot's own line."""
        if not self._connected or self.transport.is_closing():
            return False
        behind = 0
        if following is not None:
            behind = 100 + len(following.sender) + sum(len(r) + 20 for r in following.recipients)
        return self.transport.get_write_buffer_size() > behind + DOT

    # --- inside ------------------------------------------------------------------------------------
    def _pull(self) -> Outgoing | None:
        if self.leaving:
            return None
        message = self.pool.pull()
        if message is not None:
            self.served += 1
            if self.served >= self.settings.renew_after:
                self.leaving = True
        return message

    def _rest(self) -> None:
        self.idle_since = self._loop.time()
        if self.leaving:
            self._quit()
        else:
            self.pool.rested(self)

    def _quit(self) -> None:
        """Take leave as RFC 5321 section 4.1.1.10 asks, but do not wait for the answer."""
        if self._over:
            return
        self._over = True
        self.transport.write(b"QUIT\r\n")
        self.transport.close()
        self.pool.closed(self, None)
