"""What goes out, and what became of it: the words that senders and messengers share.

A sender (the campaign engine, transactional mail) asks the registry in `messengers` for a messenger by
name, opens a `Transmission`, hands messages over in bulk and takes results back in bulk. Every message
handed over comes back in exactly one `Result`.
"""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from .pacing import Limit

Lane = Literal["campaign", "transactional"]


class Outcome(enum.StrEnum):
    """What happened to one message, and whose fault it was.

    ACCEPTED: the server took responsibility (final 250). It may still bounce later.
    DEFERRED: refused for now for this recipient (4yz, RFC 5321 section 4.2.1); counts as an attempt.
    FAILED: refused for good for this recipient (5yz), or the message cannot be carried at all.
    SERVER: the connection or the server is at fault (refused, 421, throttled, timed out before the final
        dot). The message was certainly not delivered and no attempt is used.
    UNKNOWN: the connection went away between the final dot and its reply. It may have been delivered.
    """

    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    FAILED = "failed"
    SERVER = "server"
    UNKNOWN = "unknown"


@dataclass(slots=True)
class Outgoing:
    """One message in the form that goes over an SMTP connection.

    key: the sender's own number for it, comes back in `Result.key`.
    sender: envelope sender without angle brackets; empty for the null reverse-path.
    recipients: envelope recipients without angle brackets: To, Cc and Bcc alike; at least one.
    data: CRLF lines, dot-stuffed (RFC 5321 section 4.5.2), ending in CRLF, without the final ".CRLF".
    smtputf8: an address or a header needs RFC 6531.
    eight_bit: a body part holds octets above 127 and needs 8BITMIME (RFC 6152).
    """

    key: int
    sender: bytes
    recipients: tuple[bytes, ...]
    data: bytes
    smtputf8: bool = False
    eight_bit: bool = False


class Attachment(NamedTuple):
    """One file of a message. `header` is listmonk's: MIME header names to lists of values."""

    name: str
    content: bytes
    content_type: str
    inline_id: str = ""
    header: Mapping[str, Sequence[str]] = {}


@dataclass(slots=True)
class Parts:
    """One message in pieces, for providers that assemble the mail themselves (HTTP APIs, postback).

    recipient: keys uuid, email, name, attribs, status.
    campaign: keys from_email, uuid, name, headers, tags; None for a transactional message.
    headers: what the message carries besides From, To, Subject, Reply-To and the MIME headers.
    """

    key: int
    subject: str
    from_email: str
    to: str
    html: str | None
    text: str | None
    content_type: str
    recipient: Mapping[str, Any]
    campaign: Mapping[str, Any] | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)
    attachments: tuple[Attachment, ...] = ()
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    reply_to: tuple[str, ...] = ()


class Result(NamedTuple):
    """The end of one message.

    code: SMTP reply code or HTTP status; 0 when there was no reply.
    enhanced: RFC 3463 status such as "5.1.1", or "".
    text: a sentence or the server's own words, at most a few hundred characters.
    server: name of the server or provider that gave the outcome, "" when none was reached.
    """

    key: int
    outcome: Outcome
    code: int
    enhanced: str
    text: str
    server: str


class Route(NamedTuple):
    """One server that messages may go through, by its uuid, and the limits of its own.

    rest_s: it rests for so long because it failed; 0 when it may be used now.
    """

    server: str
    limits: tuple[Limit, ...]
    rest_s: float = 0.0


class Transmission(Protocol):
    """An open way to hand messages over. One thread uses it; messages may come back in any order.

    route: the server that the next messages go through, by its uuid; "" for any, by weight.
    """

    route: str

    @property
    def pending(self) -> int:
        """Messages handed over whose result has not been taken with `wait` yet."""
        ...

    @property
    def fault(self) -> str | None:
        """Why nothing can be sent now, in words for staff; None while at least one server may be used."""

    def routes(self) -> Sequence[Route]:
        """Where the next messages may go, the server whose turn it is first; empty when none has a limit."""

    def send(self, messages: Sequence[Any], /) -> None:
        """Hand messages over; returns at once. `Outgoing` or `Parts`, as the messenger's `wants` says."""

    def wait(self, timeout_s: float) -> list[Result]:
        """Whatever results have come since the last call; blocks until at least one or the time-out."""

    def close(self, deadline_s: float) -> None:
        """Wait up to `deadline_s` for what is pending, then let go.

        After it returns, a last `wait(0)` gives the results of all that was still pending: what never
        reached its final dot is SERVER, what did is UNKNOWN.
        """


class Messenger(Protocol):
    """A named way of sending. Cheap to hold; settings changes reach it while it is in use."""

    @property
    def name(self) -> str: ...

    @property
    def wants(self) -> Literal["wire", "parts"]:
        """`wire`: hand over `Outgoing`. `parts`: hand over `Parts`."""

    def open(self, lane: Lane, from_email: str) -> Transmission:
        """A transmission for mail of `from_email` (a header value or an address); opens no connection yet."""
