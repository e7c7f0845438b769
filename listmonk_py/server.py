"""The root application, one port for everything: `granian --interface rsgi listmonk_py.server:app`.

Knows processes and URLs, nothing of newsletters: paths that must stay fast, or that hold a connection
open, are answered on the event loop by handlers named in HANDLERS, as `urls.py` names its includes; all
else is Django's, in threads. A handler is a class with

    prefixes            the first segments of the paths it may answer
    open(loop, bridge)  called in the worker process before the first request
    answer(scope, proto) -> bool   a coroutine; False leaves the request to Django
    close()             a coroutine; called at shutdown, after the last request was taken
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from django.conf import settings

from listmonk_py.wsgi import application
from listmonk_py.wsgi_bridge import WsgiBridge

logger = logging.getLogger(__name__)

HANDLERS = (
    "tracking.door:Door",
    "listmonk_py.workplace.event_stream:EventStream",
    "listmonk_py.configuration.listening:SettingsListener",
)

HEALTH = b'{"data":true}'
JSON = [("content-type", "application/json"), ("cache-control", "no-store")]


class RootApplication:
    """Sends each request to the handler of its path, or to Django."""

    def __init__(self, handlers: Sequence[str] = HANDLERS) -> None:
        self.bridge = WsgiBridge(
            application,
            threads=settings.WEB_THREADS,
            waiting=settings.WEB_WAITING,
            max_body_bytes=settings.MAX_UPLOAD_MB * 1024 * 1024,
            trusted_proxies=settings.TRUSTED_PROXIES,
        )
        self.handlers = [_load(name) for name in handlers]
        self.by_segment = {segment: one for one in self.handlers for segment in one.prefixes}

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        for handler in self.handlers:
            handler.open(loop, self.bridge)

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        started = time.monotonic()
        for handler in self.handlers:
            loop.run_until_complete(handler.close())
        loop.run_until_complete(self.bridge.close())
        logger.info("Stopped in %.2f s", time.monotonic() - started)

    async def __rsgi__(self, scope: Any, proto: Any) -> None:
        path: str = scope.path
        end = path.find("/", 1)
        handler = self.by_segment.get(path[1:] if end < 0 else path[1:end])
        if handler is not None and await handler.answer(scope, proto):
            return
        if path == "/health" and scope.method in ("GET", "HEAD"):
            # This process is up; whether the servers behind it are, /ready tells.
            proto.response_bytes(200, JSON, HEALTH)
            return
        await self.bridge.answer(scope, proto)


def _load(name: str) -> Any:
    module, _, attribute = name.partition(":")
    return getattr(import_module(module), attribute)()


app = RootApplication()
