"""What the POP3 and IMAP servers of the tests share: mails, a password, a thread per connection, and faults."""

import contextlib
import socketserver
import ssl
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

USER, PASSWORD = "bounces", "s3cret"


class Line(socketserver.StreamRequestHandler):
    """One connection; subclasses speak a protocol in `talk`."""

    server: "_Tcp"

    def handle(self) -> None:
        self.box: MailServer = self.server.box
        with contextlib.suppress(OSError, ValueError):  # the client is gone, or was told to go
            if self.box.tls is not None:
                self.secure(self.box.tls)
            self.talk()

    def secure(self, context: ssl.SSLContext) -> None:
        self.request = context.wrap_socket(self.request, server_side=True)
        self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb", buffering=0)
        self.box.counts["tls"] += 1

    def finish(self) -> None:
        for part in (self.wfile, self.rfile, self.request):
            with contextlib.suppress(OSError, ValueError):
                part.close()

    def say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")

    def drop(self) -> None:
        """Close without a word."""
        raise ConnectionAbortedError

    def talk(self) -> None:
        raise NotImplementedError


class _Tcp(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    box: "MailServer"

    def handle_error(self, *_: Any) -> None:
        """Clients under test break connections on purpose."""


@dataclass
class MailServer:
    """A server with one mailbox. Options are read at each use, so a test may change them while it runs.

    Attributes:
        mails: by number; what is deleted for good is gone from here.
        drops_at: the connection breaks when one of these mails is asked for.
        withheld: these are not given out.
        tls: from the first byte on; `starttls`: when asked for.
        counts: how often what was done.
        asked_for: is set when as many mails as `wanted` have been asked for.
    """

    mails: dict[int, bytes] = field(default_factory=dict)
    drops_at: set[int] = field(default_factory=set)
    withheld: set[int] = field(default_factory=set)
    tls: ssl.SSLContext | None = None
    starttls: ssl.SSLContext | None = None
    counts: "Counter[str]" = field(default_factory=Counter)
    wanted: int = 0
    asked_for: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)
    lock: Any = field(default_factory=threading.RLock)

    handler: ClassVar[type[Line]]

    def __post_init__(self) -> None:
        self.go_on.set()

    def fill(self, contents: list[bytes]) -> None:
        with self.lock:
            self.mails = dict(enumerate(contents, start=1))

    def fetched(self, number: int, line: Line) -> bytes | None:
        """The mail, counted; None when it is withheld or gone. May break the connection, or wait for a test."""
        with self.lock:
            self.counts["fetched"] += 1
            if self.wanted and self.counts["fetched"] >= self.wanted:
                self.asked_for.set()
                self.go_on.clear()
        if number in self.drops_at:
            line.drop()
        self.go_on.wait(60)
        return None if number in self.withheld else self.mails.get(number)

    def delete(self, numbers: set[int]) -> None:
        with self.lock:
            self.mails = {number: mail for number, mail in self.mails.items() if number not in numbers}

    def __enter__(self) -> Self:
        self.tcp = _Tcp(("127.0.0.1", 0), self.handler)
        self.tcp.box = self
        self.port = self.tcp.server_address[1]
        threading.Thread(target=self.tcp.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.go_on.set()
        self.tcp.shutdown()
        self.tcp.server_close()
