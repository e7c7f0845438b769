"""One pipelined connection to Redis for the event loop.

redis-py's asyncio client costs more per command than the whole rest of a pixel request; here a command
is one write, shared by all of a loop tick, and a callback. It reconnects by itself, for ever.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from typing import Any

import hiredis
from redis.connection import parse_url

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 2.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 1.0

# Called with the reply, a hiredis.ReplyError, or a ConnectionError when the connection went first.
Callback = Callable[[Any], None]


class RedisLink:
    """A connection that keeps coming back. Only for the loop that `open` was given."""

    def __init__(self, url: str) -> None:
        self.options = parse_url(url)
        self.up = False
        self.on_up: Callable[[], None] = lambda: None
        self._protocol: _Protocol | None = None
        self._task: asyncio.Task[None] | None = None

    def open(self, loop: asyncio.AbstractEventLoop) -> None:
        self._task = loop.create_task(self._keep_connected(loop))

    def send(self, command: tuple[Any, ...], callback: Callback) -> None:
        """Write one command; `callback` gets its reply. Replies come in the order of commands."""
        if self._protocol is None:
            callback(ConnectionError("Redis is away."))
        else:
            self._protocol.send(command, callback)

    async def ask(self, *command: Any, timeout_s: float = 1.0) -> Any:
        """The reply to one command.

        Raises:
            ConnectionError, TimeoutError: Redis does not answer.
            hiredis.ReplyError: it refuses.
        """
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def settle(reply: Any) -> None:
            if future.done():
                return
            if isinstance(reply, Exception):
                future.set_exception(reply)
            else:
                future.set_result(reply)

        self.send(command, settle)
        return await asyncio.wait_for(future, timeout_s)

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._protocol is not None:
            self._protocol.abort()

    async def _keep_connected(self, loop: asyncio.AbstractEventLoop) -> None:
        pause_s, told = FIRST_PAUSE_S, False
        while True:
            try:
                protocol = await asyncio.wait_for(self._connect(loop), CONNECT_TIMEOUT_S)
            except (OSError, TimeoutError, hiredis.HiredisError) as error:
                if not told:
                    logger.warning("Redis is away; opens and clicks wait in this process (%s).", error)
                    told = True
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
                continue
            pause_s, told = FIRST_PAUSE_S, False
            self._protocol, self.up = protocol, True
            self.on_up()
            await protocol.lost.wait()
            self._protocol, self.up = None, False

    async def _connect(self, loop: asyncio.AbstractEventLoop) -> "_Protocol":
        options = self.options
        if path := options.get("path"):
            _, protocol = await loop.create_unix_connection(_Protocol, path)
        else:
            tls = True if options.get("connection_class") else None
            host, port = options.get("host", "localhost"), int(options.get("port", 6379))
            _, protocol = await loop.create_connection(_Protocol, host, port, ssl=tls)
        try:
            if password := options.get("password"):
                user = [options["username"]] if options.get("username") else []
                await protocol.ask("AUTH", *user, password)
            if database := int(options.get("db", 0)):
                await protocol.ask("SELECT", database)
        except BaseException:
            protocol.abort()
            raise
        return protocol


class _Protocol(asyncio.Protocol):
    def __init__(self) -> None:
        self.lost = asyncio.Event()
        self._reader = hiredis.Reader()
        self._waiting: deque[Callback] = deque()
        self._out: list[bytes] = []
        self._transport: Any = None
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def send(self, command: tuple[Any, ...], callback: Callback) -> None:
        if self.lost.is_set():
            callback(ConnectionError("The connection to Redis is lost."))
            return
        if not self._out:
            self._loop.call_soon(self._write)
        self._out.append(hiredis.pack_command(command))
        self._waiting.append(callback)

    async def ask(self, *command: Any) -> Any:
        future: asyncio.Future[Any] = self._loop.create_future()
        self.send(command, lambda reply: None if future.done() else future.set_result(reply))
        reply = await future
        if isinstance(reply, Exception):
            raise reply
        return reply

    def _write(self) -> None:
        if self._out and not self.lost.is_set():
            self._transport.write(b"".join(self._out))
        self._out.clear()

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        while (reply := self._reader.gets()) is not False:
            self._waiting.popleft()(reply)

    def connection_lost(self, error: Exception | None) -> None:
        self.lost.set()
        while self._waiting:
            self._waiting.popleft()(ConnectionError(f"The connection to Redis is lost ({error})."))

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()
