"""What was caught: the newest messages in memory, and a line of JSON about every recipient in a file.

A line of the log: {"at", "number", "from", "to", "code", "reply", "message_id", "campaign", "bytes"}; times
are UTC. `code` is 250 for an accepted message, whose page in the inbox is `number`; otherwise it is the
refusal, and there is no number and no Message-ID.
"""

import json
import os
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

KEPT_BYTES = 128 * 1024 * 1024
LOGGED_HEADERS = (b"message-id", b"x-listmonk-campaign", b"subject")


@dataclass(frozen=True)
class Rules:
    """Which recipients are not taken: `refuse` always with 550, `defer_once` the first time with 451."""

    refuse: frozenset[str] = frozenset()
    defer_once: frozenset[str] = frozenset()

    @classmethod
    def read(cls, path: Path) -> "Rules":
        """Read {"refuse": [...], "defer_once": [...]}; addresses compare without case."""
        given = json.loads(path.read_text())
        return cls(
            *(frozenset(one.lower() for one in given.get(name, [])) for name in ("refuse", "defer_once"))
        )


@dataclass(frozen=True)
class Caught:
    """One accepted message: its envelope and its bytes as sent, dots unstuffed."""

    number: int
    at: datetime
    sender: str
    recipients: tuple[str, ...]
    raw: bytes
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def subject(self) -> str:
        return str(self.parsed()["subject"] or "(no subject)")

    def parsed(self) -> EmailMessage:
        return message_from_bytes(self.raw, policy=policy.default)


class Store:
    """Keeps what the SMTP side catches, for the inbox; single-threaded, on one event loop."""

    def __init__(self, folder: Path, rules: Rules) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.rules = rules
        self.log_path = folder / "log.jsonl"
        self._log = os.open(self.log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._lines: list[str] = []
        self._messages: OrderedDict[int, Caught] = OrderedDict()
        self._kept_bytes = 0
        self._deferred: set[tuple[str, str]] = set()
        self.caught = 0
        self.refused = 0

    def judge(self, sender: str, recipient: str) -> tuple[int, str]:
        """Return the SMTP reply to RCPT TO, and log a refusal.

        Who is deferred once is deferred once by sender, which is per campaign where those differ, and
        again after the catcher has started anew.
        """
        address = recipient.lower()
        if address in self.rules.refuse:
            code, reply = 550, "5.1.1 There is nobody of that name here"
        elif address in self.rules.defer_once and (sender, address) not in self._deferred:
            self._deferred.add((sender, address))
            code, reply = 451, "4.2.1 The mailbox is busy, try again"
        else:
            return 250, "2.1.5 Ok"
        self.refused += 1
        self._note(sender, recipient, code, reply)
        return code, reply

    def take(self, sender: str, recipients: list[str], raw: bytes) -> str:
        """Keep an accepted message; return the text of the reply."""
        self.caught += 1
        headers = _some_headers(raw)
        message = Caught(self.caught, datetime.now(UTC), sender, tuple(recipients), raw, headers)
        self._messages[message.number] = message
        self._kept_bytes += len(raw)
        while self._kept_bytes > KEPT_BYTES and len(self._messages) > 1:
            self._kept_bytes -= len(self._messages.popitem(last=False)[1].raw)
        reply = f"2.0.0 Ok: caught as {message.number}"
        for recipient in recipients:
            self._note(sender, recipient, 250, reply, message)
        return reply

    def _note(self, sender: str, to: str, code: int, reply: str, message: Caught | None = None) -> None:
        headers = message.headers if message else {}
        line = {
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "number": message.number if message else None,
            "from": sender,
            "to": to,
            "code": code,
            "reply": reply,
            "message_id": headers.get("message-id"),
            "campaign": headers.get("x-listmonk-campaign"),
            "bytes": len(message.raw) if message else 0,
        }
        self._lines.append(json.dumps(line))

    def flush(self) -> None:
        """Write the log lines so far; called before the replies they are about leave."""
        if self._lines:
            os.write(self._log, ("\n".join(self._lines) + "\n").encode())
            self._lines.clear()

    def newest(self, *, containing: str = "", limit: int = 200) -> Iterator[Caught]:
        """Messages, newest first, whose envelope or subject contains a text."""
        wanted = containing.lower()
        for message in reversed(self._messages.values()):
            if limit <= 0:
                return
            seen = (message.sender, *message.recipients, message.headers.get("subject", ""))
            if wanted in " ".join(seen).lower():
                limit -= 1
                yield message

    def message(self, number: int) -> Caught | None:
        return self._messages.get(number)


def _some_headers(raw: bytes) -> dict[str, str]:
    """The logged headers, unfolded, without the cost of parsing the whole message."""
    found: dict[str, str] = {}
    head = raw.partition(b"\r\n\r\n")[0].replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ")
    for line in head.split(b"\r\n"):
        name, colon, value = line.partition(b":")
        name = name.lower()
        if colon and name in LOGGED_HEADERS:
            found[name.decode()] = value.strip().decode(errors="replace")
    return found
