"""The messengers that the runtime settings describe, by name.

    transmission = messengers.get("email").open("campaign", campaign.from_email)

The registry belongs to the process. It looks at the settings' version at each use (which costs nothing
more than once a second), so a change acts within two seconds, in open transmissions as well as new ones.
"""

import atexit
import os
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from celery.signals import worker_process_shutdown
from django.conf import settings
from redis import Redis

from listmonk_py.api.errors import DomainError
from listmonk_py.configuration import runtime

from .anymail_messenger import AnymailMessenger, AnymailSettings, anymail_from_entry
from .outgoing import Messenger
from .permits import Health, Permits
from .postback import PostbackMessenger, PostbackSettings, postback_from_entry
from .smtp.settings import ServerSettings, server_from_entry
from .smtp_messenger import SmtpMessenger, SmtpServers

DEFAULT = "email"


class UnknownMessenger(DomainError):
    """No messenger has this name now."""


def _connect() -> Redis:
    """A client of its own for the thread that holds permits; it must not wait long."""
    return Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)


class Registry:
    """Messengers by name, in listmonk's order; rebuilt in place when the settings change."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._version: object = None
        self.servers = SmtpServers(_connect, self.refresh)
        self._messengers: dict[str, Messenger] = {}
        self._http: dict[PostbackSettings | AnymailSettings, Messenger] = {}

    def refresh(self) -> None:
        """Put changed settings in force."""
        version = runtime.version()
        if version == self._version:
            return
        with self._lock:
            if version != self._version:
                self.load(runtime.get("smtp"), runtime.get("messengers"), runtime.get("anymail"))
                self._version = version

    def load(
        self,
        smtp: Sequence[Mapping[str, Any]],
        postbacks: Sequence[Mapping[str, Any]],
        providers: Sequence[Mapping[str, Any]],
    ) -> None:
        """Build the registry from entries with their secrets in clear. What has not changed is kept."""
        servers = [server_from_entry(entry) for entry in smtp if entry.get("enabled")]
        self.servers.update(servers)
        messengers: dict[str, Messenger] = {DEFAULT: SmtpMessenger(DEFAULT, self.servers)}
        for server in self._named(servers):
            messengers[server.name] = SmtpMessenger(server.name, self.servers, only=server.uuid)
        http: dict[PostbackSettings | AnymailSettings, Messenger] = {}
        for provider in (anymail_from_entry(e) for e in providers if e.get("enabled")):
            http[provider] = self._http.get(provider) or AnymailMessenger(provider)
        for postback in (postback_from_entry(e) for e in postbacks if e.get("enabled")):
            http[postback] = self._http.get(postback) or PostbackMessenger(postback)
        for messenger in http.values():
            messengers.setdefault(messenger.name, messenger)
        self._http, self._messengers = http, messengers

    @staticmethod
    def _named(servers: list[ServerSettings]) -> list[ServerSettings]:
        """Servers are messengers of their own only when there is a choice (contract 5.7)."""
        return [server for server in servers if server.name] if len(servers) > 1 else []

    def get(self, name: str) -> Messenger:
        self.refresh()
        try:
            return self._messengers[name]
        except KeyError:
            known = ", ".join(self._messengers)
            raise UnknownMessenger(f"There is no messenger {name!r}. There are: {known}.") from None

    def names(self) -> list[str]:
        self.refresh()
        return list(self._messengers)


_registry = Registry()


def get(name: str = DEFAULT) -> Messenger:
    """The messenger of this name.

    Raises:
        UnknownMessenger: there is none, or it has been switched off.
    """
    return _registry.get(name)


def names() -> list[str]:
    """Every name that `get` knows: email, named SMTP servers, providers, postbacks."""
    return _registry.names()


def refresh() -> None:
    """Put changed settings in force now. `get` does it, and so does each `send` over SMTP."""
    _registry.refresh()


def server_health() -> dict[str, Health]:
    """{label: health} of every enabled SMTP server, by what all processes said last; for staff.

    Raises:
        RedisError: Redis is away.
    """
    _registry.refresh()
    permits = Permits(_connect())
    return {server.label: permits.look(server.uuid) for server in _registry.servers.enabled}


def shutdown(deadline_s: float = 2.0) -> None:
    """Leave the servers politely and give the permits back; call it when the process ends."""
    _registry.servers.shutdown(deadline_s)


def _at_child_exit(**_: Any) -> None:
    shutdown()


atexit.register(shutdown)
# Celery's children leave without running atexit.
worker_process_shutdown.connect(_at_child_exit)


def _after_fork() -> None:
    global _registry
    _registry = Registry()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
