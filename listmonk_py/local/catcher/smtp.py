"""The SMTP side of the catcher: RFC 5321 with PIPELINING (RFC 2920), 8BITMIME and SMTPUTF8.

A protocol on one buffer rather than streams, so that a pipelined client is answered with one write per
packet: thousands of messages a second on one core.
"""

import asyncio
import re

from listmonk_py.local.catcher.store import Store

MAX_LINE_BYTES = 4096  # generous: RFC 5321 section 4.5.3.1 asks for 512
MAX_MESSAGE_BYTES = 64 * 1024 * 1024
PATH = re.compile(rb"^(?:FROM|TO):\s*<([^>]*)>", re.IGNORECASE)
EXTENSIONS = ("PIPELINING", f"SIZE {MAX_MESSAGE_BYTES}", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES")


class Session(asyncio.Protocol):
    """One connection."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.buffer = bytearray()
        self.replies: list[bytes] = []
        self.in_data = False
        self.closing = False
        self.searched = 0
        self._reset()

    def _reset(self) -> None:
        self.sender: str | None = None
        self.recipients: list[str] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._reply(220, "catcher ESMTP, delivers nothing")
        self._send()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while not self.closing and (self._take_body() if self.in_data else self._take_line()):
            pass
        self._send()

    def _send(self) -> None:
        self.store.flush()
        if self.replies:
            self.transport.write(b"".join(self.replies))
            self.replies.clear()
        if self.closing:
            self.transport.close()

    def _reply(self, code: int, text: str) -> None:
        self.replies.append(f"{code} {text}\r\n".encode())

    # -- commands -------------------------------------------------------------------------------

    def _take_line(self) -> bool:
        end = self.buffer.find(b"\n")
        if end < 0:
            if len(self.buffer) > MAX_LINE_BYTES:
                self._reply(500, "5.5.2 Line too long")
                self.closing = True
            return False
        line = bytes(self.buffer[:end]).rstrip(b"\r")
        del self.buffer[: end + 1]
        verb, _, rest = line.partition(b" ")
        handler = self.COMMANDS.get(verb.upper())
        if handler is None:
            self._reply(500, "5.5.1 Unknown command")
        else:
            handler(self, rest)
        return True

    def _ehlo(self, _: bytes) -> None:
        self._reset()
        lines = ("catcher", *EXTENSIONS)
        self.replies += [f"250-{line}\r\n".encode() for line in lines[:-1]]
        self._reply(250, lines[-1])

    def _helo(self, _: bytes) -> None:
        self._reset()
        self._reply(250, "catcher")

    def _mail(self, rest: bytes) -> None:
        found = PATH.match(rest)
        if found is None:
            self._reply(501, "5.5.4 MAIL FROM:<address>")
        elif self.sender is not None:
            self._reply(503, "5.5.1 One MAIL at a time")
        else:
            self.sender = found[1].decode(errors="replace")
            self._reply(250, "2.1.0 Ok")

    def _rcpt(self, rest: bytes) -> None:
        found = PATH.match(rest)
        if self.sender is None:
            self._reply(503, "5.5.1 MAIL first")
        elif found is None or not found[1]:
            self._reply(501, "5.5.4 RCPT TO:<address>")
        else:
            recipient = found[1].decode(errors="replace")
            code, text = self.store.judge(self.sender, recipient)
            if code == 250:
                self.recipients.append(recipient)
            self._reply(code, text)

    def _data(self, _: bytes) -> None:
        if not self.recipients:
            self._reply(503 if self.sender is None else 554, "5.5.1 No valid recipients")
            return
        self.in_data, self.searched = True, 0
        self._reply(354, "End with a line that is a dot")

    def _rset(self, _: bytes) -> None:
        self._reset()
        self._reply(250, "2.0.0 Ok")

    def _noop(self, _: bytes) -> None:
        self._reply(250, "2.0.0 Ok")

    def _vrfy(self, _: bytes) -> None:
        self._reply(252, "2.1.5 Send some mail, it is caught")

    def _quit(self, _: bytes) -> None:
        self._reply(221, "2.0.0 Bye")
        self.closing = True

    COMMANDS = {
        b"EHLO": _ehlo,
        b"HELO": _helo,
        b"MAIL": _mail,
        b"RCPT": _rcpt,
        b"DATA": _data,
        b"RSET": _rset,
        b"NOOP": _noop,
        b"VRFY": _vrfy,
        b"QUIT": _quit,
    }

    # -- the message ----------------------------------------------------------------------------

    def _take_body(self) -> bool:
        """Take the message once its final dot is there; `searched` spares looking at bytes twice."""
        if self.buffer.startswith(b".\r\n"):  # an empty message
            self._finish(b"", 3)
            return True
        end = self.buffer.find(b"\r\n.\r\n", max(0, self.searched - 4))
        if end < 0:
            self.searched = len(self.buffer)
            if len(self.buffer) > MAX_MESSAGE_BYTES:
                self._reply(552, "5.3.4 Message too big")
                self.closing = True
            return False
        self._finish(bytes(self.buffer[: end + 2]), end + 5)
        return True

    def _finish(self, stuffed: bytes, used: int) -> None:
        del self.buffer[:used]
        raw = stuffed.replace(b"\r\n..", b"\r\n.")  # RFC 5321 section 4.5.2
        if raw.startswith(b".."):
            raw = raw[1:]
        assert self.sender is not None
        self._reply(250, self.store.take(self.sender, self.recipients, raw))
        self.in_data = False
        self._reset()
