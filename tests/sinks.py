"""An SMTP server for tests: records every message, misbehaves on request.

    with SmtpSink() as sink:
        sink.script("rcpt", "550 5.1.1 No such user", address="gone@example.com")
        ...
        assert sink.wait_for(3, timeout=10)
        assert {m.message_id for m in sink.messages} == {...}

It runs an event loop in a thread of its own and may be asked anything from the test's thread.
"""

import asyncio
import base64
import email
import email.policy
import enum
import hashlib
import hmac
import re
import ssl
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Self

MESSAGE_ID = re.compile(rb"^message-id:\s*(\S+)", re.IGNORECASE | re.MULTILINE)


class Fault(enum.Enum):
    """What a script may do instead of answering."""

    DROP = "drop"  # close the connection without a word
    HANG = "hang"  # keep it open and never answer again


@dataclass(frozen=True)
class Received:
    """One message whose final dot came in. `reply` is what the sink answered; None after a fault."""

    sender: str
    recipients: tuple[str, ...]
    data: bytes
    message_id: str
    peer: tuple[str, int]
    connection: int
    tls: bool
    user: str | None
    reply: str | None
    parameters: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        return self.reply is not None and self.reply.startswith("2")

    @property
    def parsed(self) -> EmailMessage:
        return email.message_from_bytes(self.data, policy=email.policy.default)  # type: ignore[return-value]


@dataclass
class Script:
    """One rule: at `stage`, for `address` (or any), answer `reply`; `times` uses, None for ever."""

    stage: str
    reply: "str | Fault"
    address: str | None
    times: int | None
    after: int  # matching events to let pass first


STAGES = ("connect", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "dot", "rset")


@dataclass
class SmtpSink:
    """The server. Options are read at each use, so a test may change them while it runs.

    reply_delay_ms: each reply leaves that much later, in order (as on a long line).
    close_every: after that many messages on one connection, answer and then close it.
    max_connections: further ones are greeted with 421.
    auth: {user: password}; then MAIL without AUTH is answered 530.
    dummy_354: DATA is answered 354 even when no recipient was accepted (RFC 2920 allows it).
    chunk: replies are cut into writes of that many bytes.
    keep: store the messages' data; off for benchmarks.
    """

    host: str = "127.0.0.1"
    port: int = 0
    hostname: str = "sink.example.com"
    pipelining: bool = True
    eight_bit_mime: bool = True
    smtputf8: bool = True
    helo_only: bool = False
    starttls: ssl.SSLContext | None = None
    implicit_tls: ssl.SSLContext | None = None
    auth: dict[str, str] | None = None
    auth_mechanisms: tuple[str, ...] = ("PLAIN", "LOGIN", "CRAM-MD5")
    reply_delay_ms: float = 0
    close_every: int | None = None
    max_connections: int | None = None
    dummy_354: bool = False
    chunk: int | None = None
    keep: bool = True
    hook: "Callable[[Received], str | Fault | None] | None" = None

    messages: list[Received] = field(default_factory=list, init=False)
    violations: list[str] = field(default_factory=list, init=False)
    commands: Counter = field(default_factory=Counter, init=False)
    connections: int = field(default=0, init=False)
    open_connections: int = field(default=0, init=False)
    peak_connections: int = field(default=0, init=False)
    round_trips: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._scripts: list[Script] = []
        self._changed = threading.Condition()
        self._sessions: set[Session] = set()
        self._thread: threading.Thread | None = None

    # --- running -----------------------------------------------------------------------------------
    def start(self) -> Self:
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="smtp-sink", daemon=True)
        self._thread.start()
        if not ready.wait(10):
            raise RuntimeError("The SMTP sink did not start.")
        return self

    def _run(self, ready: threading.Event) -> None:
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()

        async def serve() -> None:
            server = await self._loop.create_server(
                lambda: Session(self), self.host, self.port, ssl=self.implicit_tls, reuse_address=True
            )
            self.port = server.sockets[0].getsockname()[1]
            ready.set()
            await self._stop.wait()
            server.close()
            for session in list(self._sessions):
                session.abort()
            await asyncio.sleep(0)

        self._loop.run_until_complete(serve())
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    def stop(self) -> None:
        """Close the port and every connection; the same object may be started again on the same port."""
        if self._thread is None:
            return
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    # --- asking ------------------------------------------------------------------------------------
    def script(
        self,
        stage: str,
        reply: "str | Fault",
        *,
        address: str | None = None,
        times: int | None = None,
        after: int = 0,
    ) -> None:
        """From now on, answer `reply` (or do the fault) at `stage`; the first script that fits wins.

        address: the recipient, at stages rcpt and dot. after: let that many fitting events pass first.
        A reply of 421 closes the connection after it.
        """
        assert stage in STAGES, stage
        address = address.lower() if address else None
        with self._changed:
            self._scripts.append(Script(stage, reply, address, times, after))

    def clear_scripts(self) -> None:
        with self._changed:
            self._scripts.clear()

    def drop_connections(self) -> None:
        """Cut every connection that is open now."""
        self._loop.call_soon_threadsafe(lambda: [session.abort() for session in list(self._sessions)])

    def wait_for(self, count: int, timeout: float = 10) -> bool:
        """True as soon as `count` messages were accepted; False when `timeout` seconds pass first."""
        return self.wait_until(lambda: sum(m.accepted for m in self.messages) >= count, timeout)

    def wait_until(self, condition: Callable[[], bool], timeout: float = 10) -> bool:
        """True as soon as `condition()` holds; it is asked again whenever something happens here."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while not condition():
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(min(left, 0.1))
        return True

    @property
    def accepted(self) -> list[Received]:
        return [m for m in self.messages if m.accepted]

    @property
    def recipients(self) -> list[str]:
        """Recipients of the accepted messages, in order of arrival."""
        return [address for m in self.messages if m.accepted for address in m.recipients]

    def _scripted(self, stage: str, addresses: tuple[str, ...] = ()) -> "str | Fault | None":
        if not self._scripts:
            return None
        lowered = {a.lower() for a in addresses}
        for script in self._scripts:
            if script.stage != stage or (script.address and script.address not in lowered):
                continue
            if script.after:
                script.after -= 1
                continue
            if script.times is not None:
                if not script.times:
                    continue
                script.times -= 1
            return script.reply
        return None

    def _note(self, message: Received) -> None:
        with self._changed:
            self.messages.append(message)
            self._changed.notify_all()


class Session(asyncio.Protocol):
    """One connection's server side."""

    def __init__(self, sink: SmtpSink) -> None:
        self.sink = sink
        self.buffer = bytearray()
        self.out: deque[tuple[float, bytes]] = deque()
        self.transport: asyncio.Transport | None = None
        self.number = 0
        self.tls = sink.implicit_tls is not None
        self.user: str | None = None
        self.in_data = self.hung = self.closing = self.upgrading = False
        self.dialogue: Callable[[bytes], None] | None = None
        self.count = 0
        self.reset()

    def reset(self) -> None:
        self.sender: str | None = None
        self.parameters: tuple[str, ...] = ()
        self.recipients: list[str] = []

    # --- transport ---------------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        first = self.transport is None
        self.transport = transport  # type: ignore[assignment]
        if not first:
            return
        sink = self.sink
        self.peer = transport.get_extra_info("peername")[:2]
        with sink._changed:
            sink.connections += 1
            sink.open_connections += 1
            sink.peak_connections = max(sink.peak_connections, sink.open_connections)
            self.number = sink.connections
            sink._changed.notify_all()
        sink._sessions.add(self)
        if sink.max_connections is not None and sink.open_connections > sink.max_connections:
            self.reply("421 4.7.0 Too many connections")
        else:
            self.answer("connect", (), f"220 {sink.hostname} ESMTP")

    def connection_lost(self, exc: Exception | None) -> None:
        self.hung = True
        sink = self.sink
        sink._sessions.discard(self)
        with sink._changed:
            sink.open_connections -= 1
            sink._changed.notify_all()

    def abort(self) -> None:
        self.hung = True
        if self.transport is not None:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        if self.hung or self.closing:
            return
        self.buffer += data
        while self.buffer and not (self.hung or self.closing or self.upgrading):
            if self.in_data:
                if not self.read_body():
                    return
                continue
            end = self.buffer.find(b"\n")
            if end < 0:
                return
            line = bytes(self.buffer[: end + 1])
            del self.buffer[: end + 1]
            if not line.endswith(b"\r\n"):
                self.sink.violations.append(f"bare LF: {line!r}")
            if self.buffer and not self.sink.pipelining:
                self.sink.violations.append(f"pipelined without leave after {line!r}")
            self.read_line(line.rstrip(b"\r\n"))

    # --- replies -----------------------------------------------------------------------------------
    def reply(self, text: str) -> None:
        lines = text.split("\n")
        wire = "".join(
            f"{line[:3]}{'-' if i < len(lines) - 1 else ' '}{line[4:]}\r\n" for i, line in enumerate(lines)
        ).encode()
        if text.startswith("421"):
            self.closing = True
        if not self.out:
            self.sink.round_trips += 1
        loop = self.sink._loop
        due = loop.time() + self.sink.reply_delay_ms / 1000
        self.out.append((due, wire))
        if len(self.out) == 1:
            if self.sink.reply_delay_ms:
                loop.call_at(due, self.flush)
            else:
                loop.call_soon(self.flush)

    def flush(self) -> None:
        loop = self.sink._loop
        pieces = []
        while self.out and self.out[0][0] <= loop.time() + 0.0005:
            pieces.append(self.out.popleft()[1])
        wire, chunk = b"".join(pieces), self.sink.chunk or max(1, sum(map(len, pieces)))
        if self.transport is not None and not self.transport.is_closing():
            for start in range(0, len(wire), chunk):
                self.transport.write(wire[start : start + chunk])
        if self.out:
            loop.call_at(self.out[0][0], self.flush)
        elif self.closing and self.transport is not None:
            self.transport.close()

    def answer(self, stage: str, addresses: tuple[str, ...], usual: str) -> str | None:
        """Send the scripted reply or `usual`; return what was sent, None after a fault."""
        given = self.sink._scripted(stage, addresses)
        if isinstance(given, Fault):
            self.misbehave(given)
            return None
        self.reply(given or usual)
        return given or usual

    def misbehave(self, fault: Fault) -> None:
        if fault is Fault.HANG:
            self.hung = True
        else:
            self.closing = True
            if not self.out and self.transport is not None:
                self.transport.close()

    # --- commands ----------------------------------------------------------------------------------
    def read_line(self, line: bytes) -> None:
        if self.dialogue is not None:
            self.dialogue(line)
            return
        text = line.decode("utf-8", "surrogateescape")
        verb, _, rest = text.partition(" ")
        self.sink.commands[verb.upper()] += 1
        handler = getattr(self, f"do_{verb.lower()}", None)
        if handler is None:
            self.sink.violations.append(f"unknown command {text!r}")
            self.reply("500 5.5.2 Command not recognised")
        else:
            handler(rest)

    def do_helo(self, rest: str) -> None:
        self.reply(f"250 {self.sink.hostname}")

    def do_ehlo(self, rest: str) -> None:
        sink = self.sink
        if sink.helo_only:
            self.reply("502 5.5.1 EHLO is not implemented")
            return
        lines = [sink.hostname]
        lines += ["PIPELINING"] * sink.pipelining + ["8BITMIME"] * sink.eight_bit_mime
        lines += ["SMTPUTF8"] * sink.smtputf8 + ["ENHANCEDSTATUSCODES"]
        if sink.starttls and not self.tls:
            lines.append("STARTTLS")
        if sink.auth is not None and (self.tls or not sink.starttls):
            lines.append("AUTH " + " ".join(sink.auth_mechanisms))
        self.answer("ehlo", (), "\n".join(f"250 {line}" for line in lines))

    def do_noop(self, rest: str) -> None:
        self.reply("250 2.0.0 Ok")

    def do_rset(self, rest: str) -> None:
        self.reset()
        self.answer("rset", (), "250 2.0.0 Ok")

    def do_quit(self, rest: str) -> None:
        self.reply("221 2.0.0 Bye")
        self.closing = True

    def do_starttls(self, rest: str) -> None:
        if self.sink.starttls is None or self.tls:
            self.reply("502 5.5.1 Not offered")
            return
        if self.answer("starttls", (), "220 2.0.0 Go ahead") == "220 2.0.0 Go ahead":
            if self.buffer:
                self.sink.violations.append("data behind STARTTLS")
            self.upgrading = True
            self.sink._loop.create_task(self.upgrade())

    async def upgrade(self) -> None:
        while self.out:
            await asyncio.sleep(0)
        try:
            transport = await self.sink._loop.start_tls(
                self.transport,
                self,
                self.sink.starttls,
                server_side=True,  # type: ignore[arg-type]
            )
        except (OSError, ssl.SSLError, ConnectionError):
            self.abort()
            return
        if transport is None:
            return
        self.transport, self.tls, self.upgrading = transport, True, False
        self.data_received(b"")

    def do_mail(self, rest: str) -> None:
        if self.sender is not None:
            self.sink.violations.append("nested MAIL")
            self.reply("503 5.5.1 Nested MAIL")
            return
        if self.sink.auth is not None and self.user is None:
            self.reply("530 5.7.0 Authentication required")
            return
        found = re.match(r"FROM:<([^>]*)>(.*)", rest, re.IGNORECASE)
        if not found:
            self.reply("501 5.5.4 Syntax")
            return
        sent = self.answer("mail", (found[1],), "250 2.1.0 Ok")
        if sent and sent.startswith("2"):
            self.sender, self.parameters = found[1], tuple(found[2].split())

    def do_rcpt(self, rest: str) -> None:
        if self.sender is None:
            self.reply("503 5.5.1 Need MAIL")
            return
        found = re.match(r"TO:<([^>]*)>", rest, re.IGNORECASE)
        if not found:
            self.reply("501 5.5.4 Syntax")
            return
        sent = self.answer("rcpt", (found[1],), "250 2.1.5 Ok")
        if sent and sent.startswith("2"):
            self.recipients.append(found[1])

    def do_data(self, rest: str) -> None:
        if not self.recipients and not (self.sink.dummy_354 and self.sender is not None):
            self.reply("503 5.5.1 No valid recipients")
            return
        sent = self.answer("data", tuple(self.recipients), "354 Go ahead")
        self.in_data = bool(sent) and sent.startswith("3")  # type: ignore[union-attr]

    def read_body(self) -> bool:
        """Take one message out of the buffer; False when its end has not come yet."""
        buffer = self.buffer
        if buffer.startswith(b".\r\n"):
            data, used = b"", 3
        else:
            end = buffer.find(b"\r\n.\r\n")
            if end < 0:
                return False
            data, used = bytes(buffer[: end + 2]), end + 5
        del buffer[:used]
        self.in_data = False
        if not self.recipients:
            if data:
                self.sink.violations.append("content sent although no recipient was accepted")
            self.reply("554 5.5.1 No valid recipients")
        else:
            self.take_message(data)
        self.reset()
        return True

    def take_message(self, data: bytes) -> None:
        sink = self.sink
        data = data.replace(b"\r\n..", b"\r\n.")
        data = data[1:] if data.startswith(b"..") else data
        found = MESSAGE_ID.search(data)
        message = Received(
            sender=self.sender or "",
            recipients=tuple(self.recipients),
            data=data if sink.keep else b"",
            message_id=found[1].decode() if found else "",
            peer=self.peer,
            connection=self.number,
            tls=self.tls,
            user=self.user,
            reply=None,
            parameters=self.parameters,
        )
        given = sink._scripted("dot", message.recipients)
        if given is None and sink.hook is not None:
            given = sink.hook(message)
        if isinstance(given, Fault):
            self.misbehave(given)
        else:
            given = given or f"250 2.0.0 Ok: queued as {len(sink.messages) + 1}"
            message = Received(**{**message.__dict__, "reply": given})
            self.reply(given)
        sink._note(message)
        self.count += 1
        if sink.close_every and self.count >= sink.close_every:
            self.closing = True

    # --- AUTH --------------------------------------------------------------------------------------
    def do_auth(self, rest: str) -> None:
        sink = self.sink
        mechanism, _, initial = rest.partition(" ")
        if sink.auth is None or mechanism.upper() not in sink.auth_mechanisms:
            self.reply("504 5.5.4 Mechanism not offered")
        elif mechanism.upper() == "PLAIN":
            self.auth_plain(initial)
        elif mechanism.upper() == "LOGIN":
            self.auth_login(initial)
        else:
            self.auth_cram()

    def finish_auth(self, user: str, good: bool) -> None:
        self.dialogue = None
        usual = "235 2.7.0 Authenticated" if good else "535 5.7.8 Wrong user or password"
        sent = self.answer("auth", (user,), usual)
        if sent and sent.startswith("235"):
            self.user = user

    def auth_plain(self, initial: str) -> None:
        def given(line: bytes) -> None:
            _, user, password = base64.b64decode(line).decode().split("\0")
            self.finish_auth(user, (self.sink.auth or {}).get(user) == password)

        if initial:
            given(initial.encode())
        else:
            self.dialogue = given
            self.reply("334 ")

    def auth_login(self, initial: str) -> None:
        def user_given(line: bytes) -> None:
            user = base64.b64decode(line).decode()

            def password_given(line: bytes) -> None:
                password = base64.b64decode(line).decode()
                self.finish_auth(user, (self.sink.auth or {}).get(user) == password)

            self.dialogue = password_given
            self.reply("334 UGFzc3dvcmQ6")

        if initial:
            user_given(initial.encode())
        else:
            self.dialogue = user_given
            self.reply("334 VXNlcm5hbWU6")

    def auth_cram(self) -> None:
        challenge = f"<{self.number}.{time.monotonic_ns()}@{self.sink.hostname}>".encode()

        def given(line: bytes) -> None:
            user, _, digest = base64.b64decode(line).decode().rpartition(" ")
            password = (self.sink.auth or {}).get(user)
            good = password is not None and hmac.compare_digest(
                hmac.new(password.encode(), challenge, hashlib.md5).hexdigest(), digest
            )
            self.finish_auth(user, good)

        self.dialogue = given
        self.reply("334 " + base64.b64encode(challenge).decode())
