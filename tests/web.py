"""The product's web server as it runs in production: granian with the root application, in a process.

It works on the test's own database and Valkey database; tests that use it need committed rows
(`@pytest.mark.django_db(transaction=True)`).
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests
from django.conf import settings
from django.db import connection

from listmonk_py.local import ports

ROOT = Path(__file__).resolve().parent.parent
START_TIMEOUT_S = 60.0
# Of xdist. granian's sockets share a port with another granian's, so two workers must not choose the same.
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


class Web:
    """A running server."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
        self.process = process
        self.port = port
        self.log = log
        self.url = f"http://127.0.0.1:{port}"
        self.client = requests.Session()

    def ask(self, method: str, path: str, **more: Any) -> requests.Response:
        """One request; redirects are not followed."""
        more = {"timeout": 30, "allow_redirects": False, **more}
        return self.client.request(method, self.url + path, **more)

    def get(self, path: str, **more: Any) -> requests.Response:
        return self.ask("GET", path, **more)

    def post(self, path: str, **more: Any) -> requests.Response:
        return self.ask("POST", path, **more)

    def worker_pids(self) -> list[int]:
        """granian's worker processes, the ones that answer."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in children.split()]

    def stop(self, *, timeout_s: float = 15.0) -> int:
        """SIGTERM, as the process runner does; the exit status."""
        self.client.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            # granian passes the signal on to its workers; one that was still starting has missed it.
            os.killpg(self.process.pid, signal.SIGTERM)
            return self.process.wait(timeout_s)


def database_url() -> str:
    one = connection.settings_dict
    return f"postgres://{one['USER']}:{quote(one['PASSWORD'])}@{one['HOST']}:{one['PORT']}/{one['NAME']}"


def environment(**more: str) -> dict[str, str]:
    """What a process of the product needs to work on this test's servers."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "COV"))}
    return {
        **env,
        "DATABASE_URL": database_url(),
        "REDIS_URL": settings.REDIS_URL,
        "SECRET_KEY": settings.SECRET_KEY,
        "TESTING": "1",  # static files from the source tree, without collectstatic
        "PYTHONUNBUFFERED": "1",
        **more,
    }


@contextmanager
def running(
    target: str = "listmonk_py.server:app", *, workers: int = 1, ready_path: str = "/health", **env: str
) -> Iterator[Web]:
    """Run a web server until the block ends. `env` adds environment variables."""
    port = ports.free_port(29000 + 100 * WORKER)
    with tempfile.NamedTemporaryFile(prefix="web-", suffix=".log", delete=False) as log:
        path = Path(log.name)
        arguments = [sys.executable, "-m", "granian", "--interface", "rsgi", "--host", "127.0.0.1"]
        arguments += ["--port", str(port), "--no-ws", "--workers", str(workers), "--log-level", "warning"]
        arguments += ["--backlog", "4096", "--backpressure", "8192", target]
        process = subprocess.Popen(
            arguments,
            cwd=ROOT,
            env=environment(**env),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    web = Web(process, port, path)
    try:
        _wait_until_it_answers(web, ready_path)
        yield web
    finally:
        try:
            web.stop()
        except subprocess.TimeoutExpired:
            raise AssertionError(f"The web server did not stop:\n{path.read_text()}") from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # no worker may outlive its test
            process.wait()
            path.unlink(missing_ok=True)


def _wait_until_it_answers(web: Web, path: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if web.process.poll() is not None:
            break
        try:
            web.get(path)
            return
        except requests.ConnectionError:
            time.sleep(0.05)
    raise AssertionError(f"The web server did not start:\n{web.log.read_text()}")
