"""SMTP servers to send to, and messengers over them on the real Valkey."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from redis import Redis

from listmonk_py.mail.outgoing import Outgoing, Result
from listmonk_py.mail.smtp.settings import ServerSettings, Timeouts
from listmonk_py.mail.smtp_messenger import SmtpMessenger, SmtpServers
from tests.sinks import SmtpSink

QUICK = Timeouts(connect_s=2, greeting_s=2, command_s=2, data_s=2, dot_s=2)


@pytest.fixture
def sink() -> Iterator[SmtpSink]:
    with SmtpSink() as running:
        yield running


def server(sink: SmtpSink, **changes: Any) -> ServerSettings:
    """Settings that lead to `sink`."""
    number = f"{sink.port:012d}"
    plain = ServerSettings(
        uuid=f"00000000-0000-4000-8000-{number}", host="127.0.0.1", port=sink.port, timeouts=QUICK
    )
    return replace(plain, **changes)


@pytest.fixture
def connect(redis: Redis, redis_url: str) -> Callable[[], Redis]:
    return lambda: Redis.from_url(redis_url, socket_timeout=1)


@pytest.fixture
def make_messenger(connect: Callable[[], Redis]) -> Iterator[Callable[..., SmtpMessenger]]:
    """make_messenger(settings, ...): a messenger `email` over these servers."""
    made: list[SmtpServers] = []

    def make(*settings: ServerSettings) -> SmtpMessenger:
        servers = SmtpServers(connect)
        servers.update(settings)
        made.append(servers)
        return SmtpMessenger("email", servers)

    yield make
    for servers in made:
        servers.update([])


def letter(key: int, to: str | None = None, **changes: Any) -> Outgoing:
    """A small message number `key`."""
    address = to or f"{key}@example.com"
    data = f"Message-ID: <{key}@test>\r\nFrom: <from@example.com>\r\nTo: <{address}>\r\n\r\nHello {key}\r\n"
    message = Outgoing(key, b"from@example.com", (address.encode(),), data.encode())
    for name, value in changes.items():
        setattr(message, name, value)
    return message


def collect(transmission: Any, timeout_s: float = 20) -> dict[int, Result]:
    """Everything that is pending, by key; each message must come back exactly once."""
    import time

    until = time.monotonic() + timeout_s
    results: dict[int, Result] = {}
    while transmission.pending and time.monotonic() < until:
        for result in transmission.wait(0.5):
            assert result.key not in results, f"{result.key} came back twice"
            results[result.key] = result
    assert not transmission.pending, f"{transmission.pending} messages never came back"
    return results
