"""One SMTP server as staff have set it up: an entry of the `smtp` setting, typed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.header import Header
from typing import Any, Literal

from ..allowances import UNLIMITED, Allowance, allowance_from_entry

AuthProtocol = Literal["none", "plain", "login", "cram"]
TlsType = Literal["none", "STARTTLS", "TLS"]

_UNITS_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")


def seconds(text: str | float) -> float:
    """Go's duration notation ("15s", "10ms", "1h30m") in seconds; a plain number counts as seconds.

    Raises:
        ValueError: it is none.
    """
    if isinstance(text, int | float):
        return float(text)
    text = text.strip()
    try:
        return float(text)
    except ValueError:
        pass
    if not re.fullmatch(f"(?:{_DURATION.pattern})+", text):
        raise ValueError(f"{text!r} is no duration; write for example 15s, 10ms or 1h30m.")
    return sum(float(number) * _UNITS_S[unit] for number, unit in _DURATION.findall(text))


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long each phase may take [s]. Shorter than RFC 5321 section 4.5.3.2 asks for the commands.

    A lease on a batch ends before the RFC's ten minutes do; what times out is not lost but tried again.
    data_s: without any progress while the content is written. dot_s: from the final dot to its reply,
    the longest because the server may scan the message then.
    """

    connect_s: float = 10.0
    greeting_s: float = 30.0
    command_s: float = 60.0
    data_s: float = 60.0
    dot_s: float = 120.0


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What is needed to talk to one SMTP server, and how much of it may be used.

    name: "" or "email-<slug>". max_conns: for the whole deployment. wait_timeout_s: how long a message
    waits for a connection. max_msg_retries: attempts in total for faults of the connection.
    email_headers: added to messages that do not have them. from_addresses: addresses and domains whose
    mail goes through this server only. weight: share of the mail among the servers of one messenger.
    renew_after: messages per connection before it is replaced. allowance: what the provider allows.
    """

    uuid: str
    name: str = ""
    enabled: bool = True
    host: str = "localhost"
    port: int = 25
    auth_protocol: AuthProtocol = "none"
    username: str = ""
    password: str = field(default="", repr=False)
    tls_type: TlsType = "none"
    tls_skip_verify: bool = False
    hello_hostname: str = ""
    max_conns: int = 10
    idle_timeout_s: float = 15.0
    wait_timeout_s: float = 5.0
    max_msg_retries: int = 2
    msg_retry_delay_s: float = 0.01
    email_headers: tuple[tuple[str, str], ...] = ()
    from_addresses: tuple[str, ...] = ()
    weight: int = 1
    renew_after: int = 900
    allowance: Allowance = UNLIMITED
    timeouts: Timeouts = field(default_factory=Timeouts)

    @property
    def label(self) -> str:
        """How staff know it: its name, else host and port."""
        return self.name or f"{self.host}:{self.port}"

    def same_session(self, other: "ServerSettings") -> bool:
        """A connection opened with `other`'s settings may serve these."""
        return _session(self) == _session(other)


def _session(settings: ServerSettings) -> tuple[Any, ...]:
    return (
        settings.host,
        settings.port,
        settings.auth_protocol,
        settings.username,
        settings.password,
        settings.tls_type,
        settings.tls_skip_verify,
        settings.hello_hostname,
    )


def server_from_entry(entry: Mapping[str, Any]) -> ServerSettings:
    """The typed form of one entry of the runtime setting `smtp` (contract 9.6), secrets in clear.

    Raises:
        ValueError: a duration cannot be read.
    """
    headers = [pair for mapping in entry.get("email_headers") or () for pair in mapping.items()]
    tls_type: TlsType = entry.get("tls_type") or "none"
    return ServerSettings(
        uuid=str(entry["uuid"]),
        name=entry.get("name") or "",
        enabled=bool(entry.get("enabled", True)),
        host=str(entry.get("host") or "").strip(),
        port=int(entry.get("port") or 25),
        auth_protocol=entry.get("auth_protocol") or "none",
        username=entry.get("username") or "",
        password=entry.get("password") or "",
        tls_type=tls_type,
        tls_skip_verify=bool(entry.get("tls_skip_verify")),
        hello_hostname=entry.get("hello_hostname") or "",
        max_conns=max(1, int(entry.get("max_conns") or 10)),
        idle_timeout_s=seconds(entry.get("idle_timeout") or "15s"),
        wait_timeout_s=seconds(entry.get("wait_timeout") or "5s"),
        max_msg_retries=max(1, int(entry.get("max_msg_retries") or 1)),
        msg_retry_delay_s=seconds(entry.get("msg_retry_delay") or "10ms"),
        email_headers=tuple((str(name), str(value)) for name, value in headers),
        from_addresses=tuple(str(a).strip().lower() for a in entry.get("from_addresses") or ()),
        weight=max(1, int(entry.get("weight") or 1)),
        allowance=allowance_from_entry(entry),
    )


_HEADER_NAME = re.compile(r"[!-9;-~]+")
# Told by the message alone; a server's setting cannot speak for it.
_NOT_THE_SERVERS = frozenset({"bcc", "return-path", "content-type", "content-transfer-encoding"})


def wire_headers(settings: ServerSettings) -> tuple[tuple[bytes, bytes], ...]:
    """The server's own headers as (lower-case search key, whole line), ready to be put before a message.

    The key is b"\\r\\nname:", what the header looks like inside a message. Names that are no header names
    are left out; control characters in values become spaces, so nothing can be injected.
    """
    ready = []
    for name, value in settings.email_headers:
        if not _HEADER_NAME.fullmatch(name) or name.lower() in _NOT_THE_SERVERS:
            continue
        clean = re.sub(r"[\x00-\x1f\x7f\u0085\u2028\u2029]+", " ", value).strip()
        encoded = clean if clean.isascii() else Header(clean, "utf-8", maxlinelen=900).encode(linesep=" ")
        ready.append((f"\r\n{name.lower()}:".encode(), f"{name}: {encoded}\r\n".encode()))
    return tuple(ready)


def return_path(settings: ServerSettings) -> str:
    """The envelope sender that this server's `Return-Path` header asks for; "" for the message's own."""
    for name, value in settings.email_headers:
        if name.lower() == "return-path":
            return value.strip().strip("<>").strip()
    return ""
