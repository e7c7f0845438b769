"""SMTP replies: reading them, and what a refusal at each point of a transaction means."""

import re
from typing import NamedTuple

from ..outgoing import Outcome

# RFC 3463 section 2: class "." subject "." detail, right behind the reply code.
ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s|$)")
LONGEST_TEXT = 400


class Reply(NamedTuple):
    """One reply. `enhanced` is "" when the server gave none; `text` is without code and status."""

    code: int
    enhanced: str
    text: str

    def __str__(self) -> str:
        return " ".join(part for part in (str(self.code), self.enhanced, self.text) if part)


class ProtocolError(Exception):
    """The server said something that is not SMTP, or said it at the wrong time."""


def parse(line: bytes, before: list[bytes] | None = None) -> Reply:
    """Read the last line of a reply; `before` are its continuation lines, whole, in order.

    Raises:
        ProtocolError: the line does not begin with three digits.
    """
    digits = line[:3]
    if len(digits) < 3 or not digits.isdigit():
        raise ProtocolError(f"The server sent {line[:80]!r}, which is no SMTP reply.")
    pieces = []
    enhanced = ""
    for raw in (*(before or ()), line):
        text = raw[4:].decode("utf-8", "replace").strip()
        found = ENHANCED.match(text)
        if found:
            enhanced = found[1]
            text = text[found.end() :].strip()
        if text:
            pieces.append(text)
    return Reply(int(digits), enhanced, " ".join(pieces)[:LONGEST_TEXT])


# What a refusal means, by the command that was refused and the first digit of the code.
# MAIL is about the sender and the session, which is why a refusal there is the server's fault and not the
# recipient's: 452 "too many messages", 450/451 4.7.x throttling, 530 and 553 a wrong set-up.
_MEANING = {
    "MAIL": {4: Outcome.SERVER, 5: Outcome.SERVER},
    "RCPT": {4: Outcome.DEFERRED, 5: Outcome.FAILED},
    "DATA": {4: Outcome.DEFERRED, 5: Outcome.FAILED},
    "DOT": {4: Outcome.DEFERRED, 5: Outcome.FAILED},
}
# Whatever the command: the server closes (421), or wants a sign-in that it has not seen (RFC 4954 section 6).
_SERVERS_FAULT = frozenset({421, 530, 534, 535, 538})


def refusal_outcome(command: str, reply: Reply) -> Outcome:
    """Whose fault a refusing reply to `command` (MAIL, RCPT, DATA or DOT) is.

    A reply that is neither a refusal nor what the command asks for (a 2yz to DATA, a 3yz to MAIL) is
    the server's fault too: nothing was delivered and nothing is known about the recipient.
    """
    if reply.code in _SERVERS_FAULT:
        return Outcome.SERVER
    return _MEANING[command].get(reply.code // 100, Outcome.SERVER)
