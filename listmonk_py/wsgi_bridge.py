"""Runs a WSGI application (PEP 3333) in a bounded set of threads behind granian's RSGI.

Why not granian's own WSGI mode, or asgiref: one port serves the hot paths on the event loop and
everything else here, and asgiref runs requests one after another. Requests and answers are streamed
both ways; no slow client holds more than one thread, for longer than a time-out; above the bound the
answer is 503, so overload never grows memory.
"""

import asyncio
import io
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

logger = logging.getLogger(__name__)

# Bodies up to this size are read before a thread is taken, so that slow uploads of forms hold none.
READ_AHEAD_BYTES = 256 * 1024
SPOOL_BYTES = 1024 * 1024
CHUNK_BYTES = 64 * 1024
BODY_TIMEOUT_S = 30.0
SEND_TIMEOUT_S = 60.0
# Who waited longer for a thread has most likely given up.
QUEUE_TIMEOUT_S = 15.0
STOP_TIMEOUT_S = 15.0
RETRY_AFTER_S = 2
HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "upgrade", "trailer", "te"})

Headers = list[tuple[str, str]]


class Answer(NamedTuple):
    """A whole response. `file` names a file to be sent instead of `body`."""

    status: int
    headers: Headers
    body: bytes = b""
    file: str = ""


class TooManyBytes(OSError):
    """The request body is longer than the server takes."""


class WsgiBridge:
    """Answers RSGI requests with a WSGI application.

    Args:
        threads: requests that run at the same time.
        waiting: requests that may wait for a thread; more are answered 503.
        max_body_bytes: no request body may be longer.
        trusted_proxies: how many entries of X-Forwarded-For, from its end, our own proxies wrote.
    """

    def __init__(
        self,
        application: Callable[..., Iterable[bytes]],
        *,
        threads: int,
        waiting: int,
        max_body_bytes: int,
        trusted_proxies: int = 0,
    ) -> None:
        self.application = application
        self.bound = threads + waiting
        self.max_body_bytes = max_body_bytes
        self.trusted_proxies = trusted_proxies
        self.active = 0
        self.refused = 0
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="django")

    async def answer(self, scope: Any, proto: Any) -> None:
        """Run the application for one request and send what it says."""
        result = await self.ask(scope, proto)
        if result is not None:
            respond(proto, result, head=scope.method == "HEAD")

    async def ask(self, scope: Any, proto: Any, *, environ: Mapping[str, Any] | None = None) -> Answer | None:
        """The application's answer; None when it was long and has been streamed already.

        Args:
            environ: what the environment holds beside what the request says.
        """
        if self.active >= self.bound:
            self.refused += 1
            return overloaded(scope.path)
        self.active += 1
        try:
            return await self._ask(scope, proto, environ or {})
        finally:
            self.active -= 1

    async def _ask(self, scope: Any, proto: Any, more: Mapping[str, Any]) -> Answer | None:
        headers = scope.headers
        length = headers.get("content-length", "")
        chunked = "transfer-encoding" in headers or (not length and scope.http_version == "2")
        loop = asyncio.get_running_loop()
        body: io.BytesIO | BodyReader = io.BytesIO()
        if length.isdigit() and int(length) > self.max_body_bytes:
            return Answer(413, [("content-type", "text/plain")], b"The request body is too large.\n")
        if length.isdigit() and int(length) <= READ_AHEAD_BYTES:
            if length != "0":
                try:
                    # A task of its own: granian's coroutines are none, and time-outs want one.
                    whole = asyncio.ensure_future(asyncio.wait_for(proto(), BODY_TIMEOUT_S))
                    body = io.BytesIO(await whole)
                except TimeoutError:
                    return Answer(408, [("content-type", "text/plain")], b"The request took too long.\n")
        elif length or (chunked and scope.method not in ("GET", "HEAD")):
            body = BodyReader(proto, loop, self.max_body_bytes)
        exchange = Exchange(self, scope, proto, loop, body, more)
        return await loop.run_in_executor(self._threads, exchange.run)

    async def close(self) -> None:
        """Let running requests end; those that still wait for a thread are dropped."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while self.active and time.monotonic() < deadline:
            await asyncio.sleep(0.02)


class BodyReader(io.RawIOBase):
    """A request body as a file, read chunk by chunk from the event loop by the application's thread."""

    def __init__(self, proto: Any, loop: asyncio.AbstractEventLoop, limit: int) -> None:
        self._chunks = aiter(proto)
        self._loop = loop
        self._left = limit
        self._rest = b""
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest and not self._ended:
            self._rest = self._next()
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def _next(self) -> bytes:
        try:
            chunk = asyncio.run_coroutine_threadsafe(self._ask(), self._loop).result(BODY_TIMEOUT_S)
        except TimeoutError:
            raise OSError("The client stopped sending the request.") from None
        if chunk is None:
            self._ended = True
            return b""
        self._left -= len(chunk)
        if self._left < 0:
            raise TooManyBytes("The request body is too large.")
        return chunk

    async def _ask(self) -> bytes | None:
        # Not `async for`: granian lets a body be iterated once, and that began above.
        try:
            return bytes(await anext(self._chunks))
        except StopAsyncIteration:
            return None


class FileWrapper:
    """wsgi.file_wrapper (PEP 3333): an iterable whose file the server may send by itself."""

    def __init__(self, file: Any, block_size: int = CHUNK_BYTES) -> None:
        self.file = file
        self.block_size = block_size

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self.file.read(self.block_size):
            yield chunk

    def close(self) -> None:
        if hasattr(self.file, "close"):
            self.file.close()

    def whole_file(self, length: str) -> str:
        """The path, when the rest of the file is exactly a regular file of `length` bytes; else ""."""
        if type(self.file) is not io.BufferedReader or self.file.tell() != 0:
            return ""
        try:
            opened, named = os.fstat(self.file.fileno()), os.stat(self.file.name)
        except (OSError, TypeError):
            return ""
        same = os.path.samestat(opened, named) and str(opened.st_size) == length
        return os.path.abspath(self.file.name) if same else ""


class Exchange:
    """One request in a thread: the environment, the application, its answer."""

    def __init__(
        self,
        bridge: WsgiBridge,
        scope: Any,
        proto: Any,
        loop: asyncio.AbstractEventLoop,
        body: io.BytesIO | BodyReader,
        more: Mapping[str, Any],
    ) -> None:
        self.bridge = bridge
        self.scope = scope
        self.proto = proto
        self.loop = loop
        self.body = body
        self.more = more
        self.asked_at = time.monotonic()
        self.status = 0
        self.headers: Headers = []
        self.written: list[bytes] = []

    def run(self) -> Answer | None:
        if time.monotonic() - self.asked_at > QUEUE_TIMEOUT_S:
            return overloaded(self.scope.path)
        environ = {**make_environ(self.scope, self.bridge.trusted_proxies), **self.more}
        environ["listmonk.bridge"] = self.bridge
        try:
            environ["wsgi.input"] = self._input(environ)
        except OSError as error:
            status = 413 if isinstance(error, TooManyBytes) else 400
            return Answer(status, [("content-type", "text/plain")], f"{error}\n".encode())
        try:
            parts = self.bridge.application(environ, self.start_response)
            try:
                return self._take(parts)
            finally:
                if hasattr(parts, "close"):
                    parts.close()
        except Exception:
            logger.exception("Unexpected error at %s", self.scope.path)
            return Answer(500, [("content-type", "text/plain")], b"Something went wrong on our side.\n")

    def start_response(self, status: str, headers: Headers, exc_info: Any = None) -> Callable[[bytes], None]:
        self.status = int(status[:3])
        self.headers = [(name, value) for name, value in headers if name.lower() not in HOP_BY_HOP]
        return self.written.append

    def _input(self, environ: dict[str, Any]) -> Any:
        """The body as a file of known length: WSGI has no other way to say where it ends."""
        if not isinstance(self.body, BodyReader):
            return self.body
        reader = io.BufferedReader(self.body, CHUNK_BYTES)
        if environ.get("CONTENT_LENGTH"):
            return reader
        spool = tempfile.SpooledTemporaryFile(SPOOL_BYTES)  # noqa: SIM115 - closed with the exchange
        while chunk := reader.read(CHUNK_BYTES):
            spool.write(chunk)
        environ["CONTENT_LENGTH"] = str(spool.tell())
        spool.seek(0)
        return spool

    def _take(self, parts: Iterable[bytes]) -> Answer | None:
        """Gather a short answer whole; stream a long one from here, a chunk at a time."""
        if isinstance(parts, FileWrapper):
            length = next((value for name, value in self.headers if name.lower() == "content-length"), "")
            if path := parts.whole_file(length):
                return Answer(self.status, self.headers, file=path)
        gathered, size = self.written, 0
        pieces = iter(parts)
        for piece in pieces:
            gathered.append(piece)
            size += len(piece)
            if size > CHUNK_BYTES and not isinstance(parts, (list, tuple)):
                self._stream(gathered, pieces)
                return None
        return Answer(self.status, self.headers, b"".join(gathered))

    def _stream(self, gathered: list[bytes], pieces: Iterator[bytes]) -> None:
        if self.scope.method == "HEAD":
            self.loop.call_soon_threadsafe(self.proto.response_empty, self.status, self.headers)
            return
        transport = self._on_loop(self._open())
        try:
            for chunk in _joined(gathered, pieces):
                self._on_loop(transport.send_bytes(chunk))
        except (TimeoutError, RuntimeError) as error:
            # RuntimeError covers granian's ProtocolClosed: the client has gone.
            logger.info("%s: the client left in mid-answer (%s)", self.scope.path, type(error).__name__)

    async def _open(self) -> Any:
        return self.proto.response_stream(self.status, self.headers)

    def _on_loop(self, coroutine: Any) -> Any:
        async def run() -> Any:
            return await coroutine

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(SEND_TIMEOUT_S)


def _joined(gathered: list[bytes], pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes in chunks of at least CHUNK_BYTES, the last one excepted."""
    held, size = list(gathered), sum(map(len, gathered))
    for piece in pieces:
        if size >= CHUNK_BYTES:
            yield b"".join(held)
            held, size = [], 0
        held.append(piece)
        size += len(piece)
    if held:
        yield b"".join(held)


def respond(proto: Any, answer: Answer, *, head: bool = False) -> None:
    """Send a whole answer."""
    if head or (not answer.body and not answer.file):
        proto.response_empty(answer.status, answer.headers)
    elif answer.file:
        proto.response_file(answer.status, answer.headers, answer.file)
    else:
        proto.response_bytes(answer.status, answer.headers, answer.body)


def overloaded(path: str) -> Answer:
    """503 with Retry-After (RFC 9110 section 15.6.4)."""
    headers = [("retry-after", str(RETRY_AFTER_S)), ("cache-control", "no-store")]
    if path.startswith("/api/"):
        body = b'{"message":"The server is busy. Try again in a moment."}'
        return Answer(503, [("content-type", "application/json"), *headers], body)
    return Answer(503, [("content-type", "text/plain"), *headers], b"The server is busy. Try again.\n")


def make_environ(scope: Any, trusted_proxies: int = 0) -> dict[str, Any]:
    """The WSGI environment of an RSGI request, without `wsgi.input`.

    Headers with an underscore are dropped: `X_Forwarded_For` would pass for `X-Forwarded-For`.
    """
    server, _, port = scope.server.rpartition(":")
    peer = scope.client.rpartition(":")[0].strip("[]")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": server,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": FileWrapper,
    }
    for name, value in scope.headers.items():
        if "_" in name:
            continue
        key = name.upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        if key in environ:
            value = environ[key] + ("; " if key == "HTTP_COOKIE" else ",") + value
        environ[key] = value
    if scope.authority and "HTTP_HOST" not in environ:
        environ["HTTP_HOST"] = scope.authority
    forwarded = environ.get("HTTP_X_FORWARDED_FOR", "")
    environ["REMOTE_ADDR"] = client_address(peer, forwarded, trusted_proxies)
    return environ


def client_address(peer: str, forwarded: str, trusted_proxies: int) -> str:
    """The client's address: `peer`, or the entry of X-Forwarded-For that our outermost proxy wrote."""
    entries = [entry.strip().strip("[]") for entry in forwarded.split(",") if entry.strip()]
    if not trusted_proxies or not entries:
        return peer
    return entries[-min(trusted_proxies, len(entries))]
