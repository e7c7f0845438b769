"""`GET /api/events` (contract 3.3): error lines of the log as server-sent events, on the event loop.

Django decides who may listen, in a thread, through `EventsView`; then the connection is held here and
costs no thread. Lines come from the Redis channel of the log ring, so every process is heard.
"""

import asyncio
import contextlib
import logging
from typing import Any

import orjson
import redis.asyncio
from django.conf import settings
from redis.exceptions import RedisError
from rest_framework.response import Response

from listmonk_py.api.errors import Unavailable
from listmonk_py.api.requests import Request
from listmonk_py.api.views import ApiView
from listmonk_py.wsgi_bridge import WsgiBridge, respond

from .log_ring import CHANNEL

logger = logging.getLogger(__name__)

# In EventsView's answer: may listen.
GRANTED = "x-event-stream"
RETRY_MS = 3000
PING_EVERY_S = 20.0
LISTENERS = 200
BUFFERED_LINES = 100

HEADERS = [
    ("content-type", "text/event-stream"),
    ("cache-control", "no-store"),
    ("x-accel-buffering", "no"),
]


class EventsView(ApiView):
    """Who may listen. Behind another server than ours there is nobody to hold the connection."""

    needs = {"GET": ("settings:get",)}

    def get(self, request: Request) -> Response:
        if request.META.get("listmonk.event_stream"):
            return Response(status=204, headers={GRANTED: "1"})
        raise Unavailable("Events are served by listmonk_py.server; this server cannot hold connections.")


class EventStream:
    """The root application's handler for /api/events; see `listmonk_py.server`."""

    prefixes = ("api",)

    def __init__(self) -> None:
        self.listeners: set[asyncio.Queue[str]] = set()
        self._reader: asyncio.Task[None] | None = None

    def open(self, loop: asyncio.AbstractEventLoop, bridge: WsgiBridge) -> None:
        self.loop = loop
        self.bridge = bridge

    async def close(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reader

    async def answer(self, scope: Any, proto: Any) -> bool:
        if scope.path != "/api/events" or scope.method != "GET":
            return False
        answer = await self.bridge.ask(scope, proto, environ={"listmonk.event_stream": True})
        if answer is None:
            return True
        if not any(name.lower() == GRANTED for name, _ in answer.headers):
            respond(proto, answer)
        elif len(self.listeners) >= LISTENERS:
            busy = b'{"message":"Too many listeners. Try again later."}'
            proto.response_bytes(503, [("content-type", "application/json"), ("retry-after", "30")], busy)
        else:
            # A task of its own: granian's coroutines are none, and time-outs want one.
            await self.loop.create_task(self._hold(proto))
        return True

    async def _hold(self, proto: Any) -> None:
        queue: asyncio.Queue[str] = asyncio.Queue(BUFFERED_LINES)
        self.listeners.add(queue)
        if self._reader is None or self._reader.done():
            self._reader = self.loop.create_task(self._read())
        transport = proto.response_stream(200, HEADERS)
        try:
            await transport.send_str(f"retry: {RETRY_MS}\n\n")
            while True:
                try:
                    line = await asyncio.wait_for(queue.get(), PING_EVERY_S)
                except TimeoutError:
                    await transport.send_str(": still here\n\n")
                    continue
                await transport.send_str(event(line))
        except RuntimeError:
            # granian's ProtocolClosed: the client has gone.
            pass
        finally:
            self.listeners.discard(queue)

    async def _read(self) -> None:
        """Pass lines on to every listener; one that does not keep up misses lines."""
        while self.listeners:
            client = redis.asyncio.Redis.from_url(settings.REDIS_URL)
            try:
                async with client, client.pubsub() as channel:
                    await channel.subscribe(CHANNEL)
                    while self.listeners:
                        message = await channel.get_message(ignore_subscribe_messages=True, timeout=1.0)
                        if message is not None:
                            self._tell(message["data"].decode(errors="replace"))
            except (RedisError, OSError):
                await asyncio.sleep(1.0)

    def _tell(self, line: str) -> None:
        for queue in self.listeners:
            with contextlib.suppress(asyncio.QueueFull):
                queue.put_nowait(line)


def event(line: str) -> str:
    """One event as it stands in the stream (HTML Living Standard, section 9.2.5)."""
    data = orjson.dumps({"id": "", "type": "error", "message": f"{line}\n", "data": None}).decode()
    return f"data: {data}\n\n"
