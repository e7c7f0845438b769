"""The installation under the demonstration: `manage.py up` with a mail catcher, and who may sign in."""

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from listmonk_py.local import children, ports
from listmonk_py.workplace.demo.client import Api, DemoFault

START_TIMEOUT_S = 240.0
SENDERS = 2


@dataclass
class Installation:
    """A running `up`, started by `start` and ended by `stop`."""

    base_dir: Path
    data_dir: Path
    port: int
    smtp_port: int
    inbox_port: int
    rules: Path
    process: subprocess.Popen[bytes] | None = None
    last_lines: deque[str] = field(default_factory=lambda: deque(maxlen=30))
    _ready: threading.Event = field(default_factory=threading.Event)
    _reader: threading.Thread | None = None

    @classmethod
    def plan(cls, base_dir: Path, data_dir: Path, rules: Path, port: int) -> "Installation":
        """Choose ports: the usual ones, or others where those are taken."""
        return cls(
            base_dir, data_dir, ports.free_port(port), ports.free_port(1025), ports.free_port(8025), rules
        )

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def inbox_url(self) -> str:
        return f"http://localhost:{self.inbox_port}/"

    def start(self) -> None:
        """Start everything; return when all of it serves.

        Raises:
            DemoFault: it did not come up; with the last lines of its log.
        """
        arguments = [sys.executable, "manage.py", "up", "--port", str(self.port), "--workers", str(SENDERS)]
        arguments += ["--catcher", "--catcher-rules", str(self.rules)]
        arguments += ["--catcher-smtp-port", str(self.smtp_port), "--catcher-http-port", str(self.inbox_port)]
        environment = {**os.environ, "DATA_DIR": str(self.data_dir), "PYTHONUNBUFFERED": "1"}
        self.process = children.start(
            arguments,
            env=environment,
            cwd=self.base_dir,
            output=subprocess.PIPE,
            parent_death_signal=signal.SIGTERM,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if (
            not children.wait_until(self._is_up_or_gone, timeout_s=START_TIMEOUT_S)
            or not self._ready.is_set()
        ):
            self.stop()
            raise DemoFault(self._why_not())

    def _is_up_or_gone(self) -> bool:
        assert self.process is not None
        return self._ready.is_set() or self.process.poll() is not None

    def _read(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        for raw in self.process.stdout:
            line = raw.decode(errors="replace").rstrip()
            self.last_lines.append(line)
            if line == f"ready {self.url}":
                self._ready.set()

    def _why_not(self) -> str:
        said = [line for line in self.last_lines if line.startswith("CommandError: ")]
        if said:
            reason = said[-1].removeprefix("CommandError: ")
            return reason if "already runs" in reason else f"{reason}\n" + "\n".join(self.last_lines)
        return "The installation did not come up. Its last lines:\n" + "\n".join(self.last_lines)

    def has_ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def stop(self) -> None:
        """Stop everything and wait for it."""
        if self.process is not None:
            children.stop(self.process, with_signal=signal.SIGTERM, timeout_s=90)
        if self._reader is not None:
            self._reader.join(5)


@dataclass(frozen=True)
class Credentials:
    """Who the demonstration is to the API, and who a person signs in as."""

    api_user: str
    api_token: str
    username: str
    password: str


def credentials(installation: Installation) -> Credentials:
    """Return those of an earlier demonstration while they work, else make new ones.

    Raises:
        DemoFault: the users cannot be made.
    """
    path = installation.data_dir / "demo.json"
    with contextlib.suppress(OSError, ValueError, TypeError):
        known = Credentials(**json.loads(path.read_text()))
        with contextlib.suppress(DemoFault):
            Api(installation.url, known.api_user, known.api_token).get("/api/profile")
            return known
    made = _make_users(installation)
    path.touch(mode=0o600)
    path.write_text(json.dumps(vars(made), indent=2) + "\n")
    return made


def _make_users(installation: Installation) -> Credentials:
    api_user = f"demo-{secrets.token_hex(3)}"
    command = [sys.executable, "manage.py", "create_api_user", api_user, "--superadmin", "--skip-checks"]
    environment = {**os.environ, "DATA_DIR": str(installation.data_dir)}
    done = subprocess.run(command, cwd=installation.base_dir, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise DemoFault(f"The API user could not be made: {done.stderr.strip()[-500:]}")
    token = done.stdout.strip()
    api = Api(installation.url, api_user, token)
    taken = {user["username"] for user in api.get("/api/users")}
    username = "admin" if "admin" not in taken else f"admin-{secrets.token_hex(3)}"
    password = secrets.token_urlsafe(12)
    person = {
        "type": "user",
        "username": username,
        "name": "Demo Admin",
        "email": f"{username}@example.com",
        "status": "enabled",
        "password_login": True,
        "password": password,
        "user_role_id": 1,
    }
    api.post("/api/users", person)
    return Credentials(api_user, token, username, password)
