"""The mail transactions of one connection, without the connection.

`Pipeline` is told what bytes came in and answers with the pieces to write. It follows RFC 2920: MAIL, RCPT
and DATA leave in one write, and the content of a message leaves together with the envelope of the next, so
at steady state a message costs one round trip:

    ->  MAIL RCPT DATA                       <-  250 250 354
    ->  content . MAIL RCPT DATA             <-  250(queued) 250 250 354
    ->  content . MAIL RCPT DATA             <-  ...

Replies come in the order of the commands. DATA is always the last of a group, and content is sent only
after its 354, so **at most one message is in doubt**: the one whose final dot has no reply yet.

A message to several recipients (Cc, Bcc) has one outcome. The first recipient, the one it was written for,
decides: refused, the message is refused and nobody gets it; accepted, it goes out, and refused copies are
named in the result's text. To be able to stop in time, its DATA waits for the replies to RCPT.
"""

import re
from collections import deque
from collections.abc import Callable

from ..outgoing import Outcome, Outgoing
from .extensions import Extensions
from .replies import ProtocolError, Reply, parse, refusal_outcome

MAIL, RCPT, DATA, DOT, RSET, DISCARD = range(6)
COMMANDS = ("MAIL", "RCPT", "DATA", "DOT", "RSET", "DOT")
LONGEST_REPLY = 65_536

_forbidden = re.compile(rb"[\x00-\x1f\x7f<>]").search

Pull = Callable[[], Outgoing | None]
Settle = Callable[[Outgoing, Outcome, Reply], None]


def _needs_utf8(message: Outgoing) -> bool:
    return (
        message.smtputf8
        or not message.sender.isascii()
        or not all(address.isascii() for address in message.recipients)
    )


class Closing(Exception):
    """The server ends the session with 421; `reply` has its reason."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(str(reply))
        self.reply = reply


class Pipeline:
    """The dialogue after sign-in. `feed` and `start` return pieces to write, in order, maybe none.

    pull: gives the next message, or None when there is none now.
    settle: takes a message's outcome; called at most once per message. What is not settled when the
        connection ends is told by `lost`.
    """

    __slots__ = (
        "_buffer",
        "_copies_refused",
        "_expect",
        "_extensions",
        "_lines",
        "_pull",
        "_rcpt_accepted",
        "_rcpt_seen",
        "_refusal",
        "_settle",
        "_unsent",
        "current",
        "dot",
    )

    def __init__(self, extensions: Extensions, pull: Pull, settle: Settle) -> None:
        self._extensions = extensions
        self._pull = pull
        self._settle = settle
        self._buffer = b""
        self._lines: list[bytes] = []
        self._expect: deque[int] = deque()
        self._unsent: deque[tuple[int, bytes]] = deque()
        self.current: Outgoing | None = None  # its envelope is under way
        self.dot: Outgoing | None = None  # its final dot is sent and not answered
        self._begin_envelope_state()

    def _begin_envelope_state(self) -> None:
        self._refusal: tuple[int, Reply] | None = None
        self._copies_refused: list[str] | None = None
        self._rcpt_seen = self._rcpt_accepted = 0

    # --- asked by the connection -------------------------------------------------------------------
    @property
    def idle(self) -> bool:
        """Nothing under way and no reply awaited."""
        return not self._expect and self.current is None and self.dot is None

    @property
    def hungry(self) -> bool:
        """`start` would be of use: another message could be taken."""
        if self.current is not None:
            return False
        return not self._expect or self._extensions.pipelining

    def start(self) -> list[bytes]:
        """Take the first message after a pause."""
        pieces: list[bytes] = []
        if self.hungry:
            self._next(pieces)
        return pieces

    def lost(self) -> tuple[Outgoing | None, Outgoing | None]:
        """The connection is gone: (message in doubt, message certainly not delivered)."""
        doubtful, untouched = self.dot, self.current
        self.dot = self.current = None
        self._expect.clear()
        self._unsent.clear()
        return doubtful, untouched

    def feed(self, data: bytes) -> list[bytes]:
        """Read replies; returns what to write.

        Raises:
            Closing: the server said 421. A message whose final dot it answered that way is settled.
            ProtocolError: what came is no SMTP, or nothing was asked.
        """
        buffer = self._buffer + data if self._buffer else data
        pieces: list[bytes] = []
        position = 0
        while True:
            end = buffer.find(b"\n", position)
            if end < 0:
                break
            if buffer[position + 3 : position + 4] == b"-":
                self._lines.append(buffer[position:end])
                if len(self._lines) > 200:
                    raise ProtocolError("The server sent a reply of more than 200 lines.")
            else:
                self._reply(buffer[position:end], pieces)
            position = end + 1
        self._buffer = buffer[position:]
        if len(self._buffer) > LONGEST_REPLY:
            raise ProtocolError("The server sent a reply line that does not end.")
        return pieces

    # --- replies -----------------------------------------------------------------------------------
    def _reply(self, line: bytes, pieces: list[bytes]) -> None:
        lines = self._lines
        if lines:
            self._lines = []
        expect = self._expect
        if line[:3] == b"421":
            self._closing(parse(line, lines))
        if not expect:
            raise ProtocolError(f"The server sent {line[:80]!r} although nothing was asked.")
        tag = expect.popleft()
        first = line[:1]
        if tag == DOT:
            self._dot_answered(parse(line, lines))
        elif tag == RCPT:
            self._rcpt_seen += 1
            if first == b"2" and line[:3].isdigit():
                self._rcpt_accepted += 1
            else:
                self._rcpt_refused(parse(line, lines))
        elif tag == MAIL:
            if first != b"2" or not line[:3].isdigit():
                self._refusal = (MAIL, parse(line, lines))
        elif tag == DATA:
            self._data_answered(line, lines, pieces)
            return
        if not expect:
            self._group_answered(pieces)

    def _closing(self, reply: Reply) -> None:
        if self._expect and self._expect.popleft() == DOT and self.dot is not None:
            message, self.dot = self.dot, None
            self._settle(message, Outcome.SERVER, reply)
        raise Closing(reply)

    def _dot_answered(self, reply: Reply) -> None:
        message, self.dot = self.dot, None
        assert message is not None
        if reply.code // 100 == 2:
            self._settle(message, Outcome.ACCEPTED, reply)
        else:
            self._settle(message, refusal_outcome("DOT", reply), reply)

    def _rcpt_refused(self, reply: Reply) -> None:
        if self._refusal is not None:
            return  # MAIL was refused already; 503 here says nothing new
        if self._rcpt_seen == 1:
            self._refusal = (RCPT, reply)
        else:
            assert self.current is not None
            copy = self.current.recipients[self._rcpt_seen - 1].decode("utf-8", "replace")
            if self._copies_refused is None:
                self._copies_refused = []
            self._copies_refused.append(f"{copy}: {reply}")

    def _data_answered(self, line: bytes, lines: list[bytes], pieces: list[bytes]) -> None:
        message = self.current
        assert message is not None
        if line[:3] == b"354":
            if self._refusal is None:
                self._send_content(message, pieces)
                return
            if self._rcpt_accepted:
                # MAIL refused, RCPT accepted: a lone dot would deliver an empty message.
                raise ProtocolError("The server asks for the content of a message it has refused.")
            # RFC 2920 section 3.1 allows 354 with no recipient accepted: a lone dot ends it.
            pieces.append(b".\r\n")
            self._expect.append(DISCARD)
        elif self._refusal is None:
            self._refusal = (DATA, parse(line, lines))
        self._refuse(pieces)

    def _group_answered(self, pieces: list[bytes]) -> None:
        """Every command that was sent is answered: go on with what was held back."""
        if self._unsent:
            if self._refusal is not None:
                self._unsent.clear()
                self._refuse(pieces)
                return
            tag, command = self._unsent.popleft()
            self._expect.append(tag)
            pieces.append(command)
        elif self.current is None:
            self._next(pieces)

    # --- sending -----------------------------------------------------------------------------------
    def _send_content(self, message: Outgoing, pieces: list[bytes]) -> None:
        self.dot, self.current = message, None
        pieces.append(message.data)
        self._expect.append(DOT)
        if self._copies_refused:
            self._settle_copies(message, "; ".join(self._copies_refused))
        pieces.append(b".\r\n")
        if self._extensions.pipelining:
            self._next(pieces)

    def _settle_copies(self, message: Outgoing, copies: str) -> None:
        """Let the coming outcome of `message` name the copies that were refused."""
        settle = self._settle

        def with_copies(done: Outgoing, outcome: Outcome, reply: Reply) -> None:
            if done is message:
                self._settle = settle
                reply = reply._replace(text=f"{reply.text} (copies refused: {copies})".strip())
            settle(done, outcome, reply)

        self._settle = with_copies

    def _refuse(self, pieces: list[bytes]) -> None:
        """Settle the current message by its refusal, reset the session, take the next."""
        message = self.current
        assert message is not None
        assert self._refusal is not None
        tag, reply = self._refusal
        self.current = None
        self._settle(message, refusal_outcome(COMMANDS[tag], reply), reply)
        pieces.append(b"RSET\r\n")
        self._expect.append(RSET)
        if self._extensions.pipelining:
            self._next(pieces)

    def _next(self, pieces: list[bytes]) -> None:
        """Begin the next message that this server can carry, if there is one."""
        while (message := self._pull()) is not None:
            problem = self._cannot_carry(message)
            if problem is None:
                self._begin(message, pieces)
                return
            self._settle(message, Outcome.FAILED, Reply(0, "", problem))

    def _cannot_carry(self, message: Outgoing) -> str | None:
        """Why this server cannot take `message` whatever its recipients; None when it can."""
        extensions = self._extensions
        recipients = message.recipients
        if _forbidden(message.sender) or any(map(_forbidden, recipients)):
            return "An envelope address has a character that SMTP does not allow."
        if not recipients or not message.data.endswith(b"\r\n"):
            return "The message has no recipient, or its content does not end in a line end."
        if not extensions.smtputf8 and _needs_utf8(message):
            return "The address needs SMTPUTF8 (RFC 6531), which the mail server does not offer."
        if message.eight_bit and not extensions.eight_bit_mime:
            return "The message needs 8BITMIME (RFC 6152), which the mail server does not offer."
        if 0 < extensions.size_bytes < len(message.data):
            return (
                f"The message has {len(message.data)} bytes; the mail server takes {extensions.size_bytes}."
            )
        return None

    def _begin(self, message: Outgoing, pieces: list[bytes]) -> None:
        parameters = b""
        if message.eight_bit:
            parameters = b" BODY=8BITMIME"
        if _needs_utf8(message):
            parameters += b" SMTPUTF8"
        self._begin_envelope_state()
        self.current = message
        recipients = message.recipients
        if not self._extensions.pipelining:
            pieces.append(b"MAIL FROM:<%b>%b\r\n" % (message.sender, parameters))
            self._expect.append(MAIL)
            self._unsent.extend((RCPT, b"RCPT TO:<%b>\r\n" % address) for address in recipients)
            self._unsent.append((DATA, b"DATA\r\n"))
        elif len(recipients) == 1:
            pieces.append(
                b"MAIL FROM:<%b>%b\r\nRCPT TO:<%b>\r\nDATA\r\n" % (message.sender, parameters, recipients[0])
            )
            self._expect.extend((MAIL, RCPT, DATA))
        else:
            pieces.append(b"MAIL FROM:<%b>%b\r\n" % (message.sender, parameters))
            pieces.extend(b"RCPT TO:<%b>\r\n" % address for address in recipients)
            self._expect.append(MAIL)
            self._expect.extend([RCPT] * len(recipients))
            self._unsent.append((DATA, b"DATA\r\n"))
