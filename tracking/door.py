"""Takes opens and clicks in, on the event loop of the root application (design.md section 4).

Validates the path, appends one line to the Redis stream, answers. Link targets come from this process,
then Redis, then PostgreSQL once; unknown links are remembered for a moment too. Nothing here waits for
PostgreSQL except the first click on a link that nobody knows yet, and the number of those is bounded.
"""

import asyncio
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import hiredis
from django.conf import settings
from django.db import Error, close_old_connections

from listmonk_py.configuration import runtime

from . import events, links
from .appender import Appender
from .lru import Lru
from .machines import LONGEST_AGENT, by_user_agent
from .resp import RedisLink

logger = logging.getLogger(__name__)

REDIRECT_HEADERS = [("x-robots-tag", "noindex"), ("cache-control", "no-store"), ("referrer-policy", "origin")]
BUSY_HEADERS = [("retry-after", "5"), ("cache-control", "no-store"), ("x-robots-tag", "noindex")]

IN_FLIGHT = 10_000
TARGETS_BYTES = 32 * 1024 * 1024
UNKNOWN_FOR_S = 10.0
UNKNOWN_LINKS = 10_000
LOOKUPS = 256
LOOKUP_THREADS = 2
LOOKUP_TIMEOUT_S = 3.0
PRIVACY_EVERY_S = 1.0


class Privacy:
    """The two tracking switches, kept fresh by a thread of their own."""

    def __init__(self) -> None:
        self.disabled = False
        # Off until the settings are read: nobody is tracked as a person by mistake.
        self.individual = False

    def refresh(self) -> None:
        self.disabled = bool(runtime.get("privacy.disable_tracking"))
        self.individual = bool(runtime.get("privacy.individual_tracking"))

    def watch(self) -> None:
        threading.Thread(target=self._run, name="tracking-privacy", daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                close_old_connections()
                self.refresh()
            except Exception as error:  # this thread must outlive whatever PostgreSQL does
                logger.warning("The tracking settings stay as they were (%s).", error)
            time.sleep(PRIVACY_EVERY_S)


class Targets:
    """Where links lead, from the nearest place that knows."""

    def __init__(self, link: RedisLink) -> None:
        self.link = link
        self._known = Lru(limit_bytes=TARGETS_BYTES)
        self._unknown: dict[str, float] = {}
        self._asking: dict[str, asyncio.Future[str | None]] = {}
        self._threads = ThreadPoolExecutor(LOOKUP_THREADS, thread_name_prefix="link-lookup")

    def known(self, uuid: str) -> str | None:
        return self._known.get(uuid)

    async def find(self, uuid: str) -> str | None:
        """The Location for a link; None when there is no such link.

        Raises:
            ConnectionError: it is neither here nor in Redis, and PostgreSQL does not answer.
        """
        if self._unknown.get(uuid, 0.0) > time.monotonic():
            return None
        if uuid not in self._asking:
            if len(self._asking) >= LOOKUPS:
                raise ConnectionError("Too many links are being looked up.")
            self._asking[uuid] = asyncio.ensure_future(self._ask(uuid))
        # A task of its own: granian's coroutines are none, and time-outs want one (Python 3.12).
        wait = asyncio.wait_for(asyncio.shield(self._asking[uuid]), LOOKUP_TIMEOUT_S)
        try:
            return await asyncio.ensure_future(wait)
        except TimeoutError:
            raise ConnectionError("PostgreSQL takes too long.") from None

    async def _ask(self, uuid: str) -> str | None:
        try:
            url = await self._from_redis(uuid)
            if url is None:
                loop = asyncio.get_running_loop()
                url = await loop.run_in_executor(self._threads, _from_postgresql, uuid)
                if url is not None:
                    key = links.TARGET_KEY + uuid
                    self.link.send(("SET", key, url, "EX", links.TARGET_TTL_S), lambda _: None)
            if url is None:
                self._forget_oldest()
                self._unknown[uuid] = time.monotonic() + UNKNOWN_FOR_S
                return None
            location = links.location(url)
            self._known.put(uuid, location)
            return location
        finally:
            del self._asking[uuid]

    async def _from_redis(self, uuid: str) -> str | None:
        try:
            found = await self.link.ask("GET", links.TARGET_KEY + uuid, timeout_s=0.25)
        except (ConnectionError, TimeoutError, hiredis.ReplyError):
            return None
        return found.decode() if found else None

    def _forget_oldest(self) -> None:
        while len(self._unknown) >= UNKNOWN_LINKS:
            del self._unknown[next(iter(self._unknown))]

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def _from_postgresql(uuid: str) -> str | None:
    close_old_connections()
    try:
        return links.target(uuid)
    except Error as error:
        raise ConnectionError(str(error)) from error


class Door:
    """The root application's handler for pixels and clicks; see `listmonk_py.server`."""

    prefixes = ("campaign", "link")

    def __init__(self) -> None:
        self.link = RedisLink(settings.REDIS_URL)
        self.appender = Appender(self.link)
        self.privacy = Privacy()
        self.targets = Targets(self.link)
        self.in_flight = 0

    def open(self, loop: asyncio.AbstractEventLoop, _bridge: object = None) -> None:
        self.link.open(loop)
        self.appender.open(loop)
        self.privacy.watch()
        opened.append(self)

    async def close(self) -> None:
        await self.appender.close()
        await self.link.close()
        self.targets.close()

    async def answer(self, scope: Any, proto: Any) -> bool:
        """Answer a pixel or a click; False when the path is neither, or the link is unknown."""
        match = events.PATH.fullmatch(scope.path)
        if match is None or scope.method not in ("GET", "HEAD"):
            return False
        link, campaign, subscriber, seen, viewer = match.groups()
        counts = scope.method == "GET" and not self.privacy.disabled
        if link is None:
            took = not counts or await self._record(scope, seen.lower(), viewer.lower())
            if took:
                proto.response_bytes(200, events.PIXEL_HEADERS, events.PIXEL)
            else:
                proto.response_empty(503, BUSY_HEADERS)
            return True
        return await self._click(scope, proto, link.lower(), campaign.lower(), subscriber.lower(), counts)

    async def _click(
        self, scope: Any, proto: Any, link: str, campaign: str, subscriber: str, counts: bool
    ) -> bool:
        location = self.targets.known(link)
        if location is None:
            try:
                location = await self.targets.find(link)
            except ConnectionError:
                proto.response_str(503, BUSY_HEADERS, "This link cannot be looked up now. Try again soon.\n")
                return True
            if location is None:
                return False
        if counts:
            await self._record(scope, campaign, subscriber, link)
        proto.response_empty(307, [("location", location), *REDIRECT_HEADERS])
        return True

    async def _record(self, scope: Any, campaign: str, subscriber: str, link: str = "") -> bool:
        """Append the event; False when there is no room for it. Previews (no campaign) leave none."""
        if campaign == events.NOBODY:
            return True
        if self.in_flight >= IN_FLIGHT:
            self.appender.shed += 1
            return False
        if not self.appender.has_room():
            self.appender.dropped += 1
            return False
        machine = by_user_agent((scope.headers.get("user-agent") or "")[:LONGEST_AGENT])
        acknowledged = self.appender.add(
            events.line(campaign, subscriber, link, machine=machine, individual=self.privacy.individual)
        )
        if acknowledged is not None:
            self.in_flight += 1
            try:
                await acknowledged
            finally:
                self.in_flight -= 1
        return True


# The doors of this process (one), for /metrics: what they hold is known nowhere else while Redis is away.
opened: list[Door] = []
