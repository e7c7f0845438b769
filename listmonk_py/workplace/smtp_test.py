"""Trying an SMTP server before it is saved: a mail over a connection of its own (contract 3.3)."""

import time
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import redis
from django.conf import settings

from listmonk_py.api.errors import DomainError
from listmonk_py.configuration import entries, runtime, secrets
from listmonk_py.configuration.registry import FIELDS
from listmonk_py.mail.addresses import InvalidEmail, normalise_email
from listmonk_py.mail.letter import LetterSpec, compile_letter
from listmonk_py.mail.outgoing import Outcome, Outgoing, Result
from listmonk_py.mail.smtp.settings import ServerSettings, server_from_entry
from listmonk_py.mail.smtp_messenger import SmtpMessenger, SmtpServers

WAIT_S = 20.0
BODY = (
    "This is a test of the SMTP server {{ test.server }}.\n\n"
    "It works: this message has arrived. Nothing needs to be done.\n"
)


def send(fields: Mapping[str, Any]) -> list[str]:
    """Send a test mail through the server described by `fields`, to the address in `email`.

    Args:
        fields: an entry of the `smtp` setting and `email`; a masked or blank password of a stored entry
            (same uuid) is taken from there.

    Returns:
        what happened, line by line.

    Raises:
        DomainError: a field is wrong, or the server did not take the mail; with the server's words.
    """
    address = _address(fields.get("email"))
    server = _server(fields)
    started = time.monotonic()
    result = _deliver(server, _written(server, address))
    where = f"{server.host}:{server.port}"
    if result.outcome != Outcome.ACCEPTED:
        raise DomainError(f"The test mail was not sent over {where}: {result.text or 'no answer in time'}")
    took_ms = (time.monotonic() - started) * 1000
    return [
        f"Connected to {where} (security: {server.tls_type}, sign-in: {server.auth_protocol}).",
        f"Sent a test mail from {runtime.get('app.from_email')} to {address} in {took_ms:.0f} ms.",
        f"{where} answered: {result.code} {result.text}",
    ]


def _address(text: Any) -> str:
    if not isinstance(text, str) or not text.strip():
        raise DomainError("Missing field(s): email. Say where the test mail should go.")
    try:
        return normalise_email(text)
    except InvalidEmail as error:
        raise DomainError(f"Invalid fields: email. {error.message}") from None


def _server(fields: Mapping[str, Any]) -> ServerSettings:
    checked = entries.smtp_server(dict(fields), "smtp")
    if not checked["host"]:
        raise DomainError("Invalid fields: host. Name the server.")
    entry = secrets.keep_unchanged(FIELDS["smtp"], [checked], runtime.get("smtp"))[0]
    server = server_from_entry(entry)
    # A key of its own: the deployment's connections to the stored server are not this test's to count.
    return replace(
        server, uuid=f"test-{uuid.uuid4()}", enabled=True, max_conns=1, max_msg_retries=1, weight=1
    )


def _written(server: ServerSettings, address: str) -> Outgoing:
    site = runtime.get("app.site_name")
    spec = LetterSpec(
        from_email=runtime.get("app.from_email"),
        subject="SMTP test of {{ test.site }}",
        body=BODY,
        content_type="plain",
        extra_names=("test",),
        auto_submitted="auto-generated",
    )
    recipient = {"uuid": "", "email": address, "name": "", "attribs": {}}
    extra = {"test": {"server": f"{server.host}:{server.port}", "site": site}}
    return compile_letter(spec).wire(1, recipient, extra, message_id=uuid.uuid4().hex)


def _deliver(server: ServerSettings, message: Outgoing) -> Result:
    servers = SmtpServers(lambda: redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2))
    servers.update([server])
    transmission = SmtpMessenger("test", servers).open("transactional", "")
    try:
        transmission.send([message])
        results = transmission.wait(WAIT_S)
    finally:
        transmission.close(1.0)
        servers.shutdown(1.0)
    return results[0] if results else Result(1, Outcome.SERVER, 0, "", "", "")
