"""A mailbox as the settings describe it, and what can be done with one that is open."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from listmonk_py.api.errors import DomainError
from listmonk_py.configuration.durations import seconds

POP, IMAP = "pop", "imap"
# These ports never begin with TLS (RFC 1939, RFC 9051); with TLS wanted, the connection is raised to it.
STARTTLS_PORTS = frozenset({110, 143})
NAMES = {POP: "POP3", IMAP: "IMAP"}


class MailboxError(DomainError):
    """The mailbox cannot be reached, opened or read; the message says why."""


@dataclass(frozen=True, slots=True)
class Box:
    """One entry of the setting `bounce.mailboxes`; `key` tells it from the others for good."""

    key: uuid.UUID
    enabled: bool
    type: str
    host: str
    port: int
    signs_in: bool
    username: str
    password: str
    tls: bool
    starttls: bool
    verify: bool
    folder: str
    interval_s: float

    @property
    def where(self) -> str:
        return f"{self.host}:{self.port}"


def from_entry(entry: Mapping[str, Any]) -> Box:
    """The box of a checked entry."""
    folder = entry.get("folder") or "INBOX"
    address = f"{entry['type']}://{entry['username']}@{entry['host']}:{entry['port']}/{folder}"
    tls = bool(entry["tls_enabled"])
    return Box(
        key=uuid.UUID(entry["uuid"]) if entry.get("uuid") else uuid.uuid5(uuid.NAMESPACE_URL, address),
        enabled=bool(entry["enabled"]),
        type=entry["type"],
        host=entry["host"],
        port=int(entry["port"]),
        signs_in=entry["auth_protocol"] != "none",
        username=entry["username"],
        password=entry["password"],
        tls=tls,
        starttls=tls and int(entry["port"]) in STARTTLS_PORTS,
        verify=not entry["tls_skip_verify"],
        folder=folder,
        interval_s=max(60.0, seconds(entry["scan_interval"])),
    )


class Session(Protocol):
    """An open mailbox. Methods raise what their library does; `opening.opened` puts that into words."""

    def mails(self) -> list[str]:
        """What names each mail while this session lasts, oldest first."""

    def content(self, mail: str, limit: int) -> bytes | None:
        """The first `limit` bytes of a mail; None when the server does not give it out."""

    def delete(self, mails: Iterable[str]) -> None:
        """Delete them; with POP3 this happens at `close`."""

    def close(self) -> None:
        """End well: what was deleted is gone for good."""

    def abandon(self) -> None:
        """Drop the connection."""
