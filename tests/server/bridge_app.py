"""A small WSGI application behind the real bridge, for test_wsgi_bridge.py: `granian tests.server.bridge_app:app`."""

import hashlib
import json
import os
import tempfile
import threading
import time

from listmonk_py.wsgi_bridge import WsgiBridge

closed = threading.Event()
running = 0
most_running = 0
lock = threading.Lock()


class Pieces:
    """An endless answer that notices when nobody reads it any more."""

    def __iter__(self):
        while True:
            yield b"x" * 50_000

    def close(self):
        closed.set()


def application(environ, start_response):
    name = environ["PATH_INFO"].strip("/").split("/")[0]
    status, headers, body = HANDLERS[name](environ)
    start_response(status, headers)
    return body


def environment(environ):
    shown = {key: value for key, value in environ.items() if isinstance(value, str)}
    return (
        "200 OK",
        [("Content-Type", "application/json"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")],
        [json.dumps(shown).encode()],
    )


def digest(environ):
    """The length and SHA-256 of the body, read in pieces."""
    total, found = 0, hashlib.sha256()
    left = int(environ.get("CONTENT_LENGTH") or 0)
    while left > 0 and (piece := environ["wsgi.input"].read(min(left, 10_000))):
        total, left = total + len(piece), left - len(piece)
        found.update(piece)
    return "200 OK", [("Content-Type", "text/plain")], [f"{total} {found.hexdigest()}".encode()]


def stream(environ):
    """Many small pieces, together 20 MB."""
    return "200 OK", [("Content-Type", "text/plain")], (b"%06d\n" % (n % 10**6) for n in range(3_000_000))


def endless(environ):
    return "200 OK", [], Pieces()


def was_closed(environ):
    return "200 OK", [], [b"yes" if closed.wait(10) else b"no"]


def slow(environ):
    global running, most_running
    with lock:
        running += 1
        most_running = max(running, most_running)
    time.sleep(float(environ["QUERY_STRING"] or 0.3))
    with lock:
        running -= 1
    return "200 OK", [], [str(most_running).encode()]


def broken(environ):
    raise ZeroDivisionError


def nothing(environ):
    return "204 No Content", [], []


def file(environ):
    path = os.path.join(tempfile.gettempdir(), "bridge-app-file")
    with open(path, "wb") as out:
        out.write(b"file " * 100_000)
    headers = [("Content-Type", "text/plain"), ("Content-Length", "500000")]
    return "200 OK", headers, environ["wsgi.file_wrapper"](open(path, "rb"))


HANDLERS = {
    function.__name__: function
    for function in (environment, digest, stream, endless, was_closed, slow, broken, nothing, file)
}


class App:
    def __init__(self):
        self.bridge = WsgiBridge(
            application, threads=4, waiting=4, max_body_bytes=5_000_000, trusted_proxies=1
        )

    async def __rsgi__(self, scope, proto):
        await self.bridge.answer(scope, proto)

    def __rsgi_del__(self, loop):
        loop.run_until_complete(self.bridge.close())


app = App()
