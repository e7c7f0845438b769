"""The product as it runs: granian with the root application, and a Celery worker for every queue."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from campaigns.engine import heartbeats
from campaigns.engine.redis_client import client as redis_client
from listmonk_py.local.children import wait_until
from tests import web
from tests.api import world
from tests.sinks import SmtpSink

QUEUES = "campaigns,scan,transactional,default,jobs"


@dataclass
class Product:
    """What a test needs to talk to the running product.

    Attributes:
        url: where it listens.
        tokens: of the API users, by user name.
        sink: the SMTP server that its mail goes to.
    """

    url: str
    tokens: dict[str, str]
    sink: SmtpSink
    session: requests.Session = field(default_factory=requests.Session)

    def ask(self, method: str, path: str, *, user: str | None = "api", **more: Any) -> requests.Response:
        """One request with a user's token; None is a stranger. Redirects are not followed."""
        login = (user, self.tokens[user]) if user else None
        more = {"timeout": 60, "allow_redirects": False, **more}
        return self.session.request(method, self.url + path, auth=login, **more)

    def sent_to(self, address: str) -> list[Any]:
        """What the SMTP server has accepted for `address` so far."""
        return [message for message in self.sink.messages if address in message.recipients]


@contextmanager
def running(sink: SmtpSink, *, workers: bool = True) -> Iterator[Product]:
    """The recorded installation, committed, with its web server and all other processes, or the web server
    alone; the database is empty afterwards.
    """
    redis_client().flushdb()
    try:
        tokens = world.build(sink)
        with ExitStack() as processes:
            server = processes.enter_context(web.running())
            if workers:
                processes.enter_context(_worker())
                processes.enter_context(_beat())
            yield Product(server.url, tokens, sink)
    finally:
        call_command("flush", verbosity=0, interactive=False)
        redis_client().flushdb()
        connection.close()


@contextmanager
def _worker() -> Iterator[None]:
    arguments = ["worker", "-Q", QUEUES, "-P", "prefork", "-c", "2", "--without-gossip", "--without-mingle"]
    with _celery(*arguments, "--without-heartbeat"):
        beats = heartbeats.PREFIX + "*"
        assert wait_until(lambda: any(redis_client().scan_iter(match=beats)), timeout_s=90)
        yield


@contextmanager
def _beat() -> Iterator[None]:
    with _celery("beat", "--pidfile="):
        yield


@contextmanager
def _celery(*arguments: str) -> Iterator[None]:
    command = [sys.executable, "-m", "celery", "-A", "listmonk_py", *arguments, "--loglevel", "WARNING"]
    environment = web.environment(DATA_DIR=str(settings.DATA_DIR))
    process = subprocess.Popen(
        command, cwd=Path(web.ROOT), env=environment, start_new_session=True, stdout=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
