"""A mail server that campaigns and transactional mail really go through."""

from collections.abc import Iterator

import pytest

from listmonk_py.configuration import runtime
from listmonk_py.configuration.registry import smtp_server
from listmonk_py.mail import messengers
from tests.sinks import SmtpSink


@pytest.fixture
def sink(db: None, redis: object) -> Iterator[SmtpSink]:
    """The only SMTP server in the settings."""
    with SmtpSink() as running:
        server = smtp_server(
            uuid="00000000-0000-4000-8000-000000000001",
            host="127.0.0.1",
            port=running.port,
            auth_protocol="none",
            tls_type="none",
        )
        runtime.save({"smtp": [server]})
        messengers.refresh()
        yield running
        runtime.save({"smtp": []})
        messengers.refresh()
