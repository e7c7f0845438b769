"""One machine's whole installation: the embedded servers, then every process of the Procfile.

`manage.py up` calls `run`. Nothing here imports Django: the processes load it, and so does the `prepare`
step, each after the servers' addresses are known.
"""

import http.client
import json
import os
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import redis

from listmonk_py.local import ports, postgres, saved, supervisor, valkey
from listmonk_py.local.children import LocalError
from listmonk_py.local.data_folder import DataFolder
from listmonk_py.local.supervisor import Log, Program, Supervisor

READY_TIMEOUT_S = 120.0
SERVER_TIMEOUT_S = 90.0
# Django's system checks would load every URL, form and admin page into every worker; CI runs them.
CELERY = [sys.executable, "-m", "celery", "--quiet", "--skip-checks", "-A", "listmonk_py"]
# No worker here asks another anything: PostgreSQL has the truth, so gossip only costs messages.
WORKER = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "INFO"]
WORKER_READY = r"@\S+ ready\.?$"


@dataclass(frozen=True)
class Options:
    """What `up` was asked for.

    Attributes:
        senders: number of processes that send campaigns.
        catcher: run a mail catcher too; None: as the last time on this data folder, so that mail which is
            set to go there still does.
        catcher_rules: what the catcher refuses, a JSON file.
    """

    base_dir: Path
    data_dir: Path
    host: str = "127.0.0.1"
    port: int = 9000
    senders: int = 2
    catcher: bool | None = None
    catcher_rules: Path | None = None
    catcher_smtp_port: int = 1025
    catcher_http_port: int = 8025

    @property
    def url(self) -> str:
        shown = "localhost" if self.host in {"127.0.0.1", "0.0.0.0", "::", "::1"} else self.host  # noqa: S104
        return f"http://{shown}:{self.port}"


def run(options: Options) -> None:
    """Run everything until SIGINT or SIGTERM; returns after everything is stopped.

    Raises:
        LocalError: something on this machine stands in the way; everything started is stopped.
    """
    folder = DataFolder(options.data_dir)
    folder.acquire()
    options = remember_catcher(options)
    log = Log(width=10, folder=options.data_dir / "logs")
    boss = Supervisor(log, on_change=folder.note_processes)
    boss.take_signals()
    try:
        _check_ports(options)
        _start_servers(boss, options)
        if not boss.stopping:
            _prepare(boss, options)
        if not boss.stopping:
            _start_programs(boss, options)
        boss.run()
    finally:
        folder.stopping()
        boss.stop_all()
        folder.release()
        log.close()


def remember_catcher(options: Options) -> Options:
    """Note what was said about the catcher for the next time, or fill in what was said the last time."""
    noted = options.data_dir / "catcher.json"
    names = ("catcher_smtp_port", "catcher_http_port", "catcher_rules")
    if options.catcher is None and noted.exists():
        known = json.loads(noted.read_text())
        rules = Path(known["catcher_rules"]) if known["catcher_rules"] else None
        return replace(options, catcher=True, **{**known, "catcher_rules": rules})
    if options.catcher:
        said = {name: getattr(options, name) for name in names}
        noted.write_text(json.dumps(said, default=str) + "\n")
    elif options.catcher is False:
        noted.unlink(missing_ok=True)
    return options


def _check_ports(options: Options) -> None:
    wanted = [("--port", options.port, options.host)]
    if options.catcher:
        wanted.append(("--catcher-smtp-port", options.catcher_smtp_port, "127.0.0.1"))
        wanted.append(("--catcher-http-port", options.catcher_http_port, "127.0.0.1"))
    for name, port, host in wanted:
        if not ports.is_free(port, host):
            raise LocalError(
                f"Port {port} of {host} is taken by another program. Stop it, or choose another with {name}."
            )


# -- embedded servers -----------------------------------------------------------------------------


def _start_servers(boss: Supervisor, options: Options) -> None:
    """Start those that no variable replaces, both at once, and wait for them."""
    waiting: list[Callable[[], bool]] = []
    if not os.environ.get("DATABASE_URL"):
        waiting.append(_start_postgres(boss, options.data_dir))
    if not os.environ.get("REDIS_URL"):
        waiting.append(_start_valkey(boss, options.data_dir))
    for answers in waiting:
        boss.wait_for(answers, timeout_s=SERVER_TIMEOUT_S, what="An embedded server did not start")


def _start_postgres(boss: Supervisor, data_dir: Path) -> Callable[[], bool]:
    server = postgres.Postgres(data_dir / "postgresql")
    known = saved.servers(data_dir).get("postgresql")
    address = known or saved.Server(saved.DEFAULT_POSTGRESQL_PORT, secrets.token_hex(16))
    if not server.exists:
        boss.log.line("up", f"making a PostgreSQL {server.binaries.major} cluster in {server.folder}")
        server.create(address.password)
    elif known is None:
        server.set_password(address.password)

    def launch(output: int) -> subprocess.Popen[bytes]:
        nonlocal address
        server.stop_leftover()  # before the port is looked at: it may be the one that holds it
        address = _settle_port(boss, data_dir, "postgresql", address)
        return server.launch(address, output=output)

    def answers() -> bool:
        if not boss.running["postgres"].ready:
            return False
        try:
            postgres.connect(address, "postgres").close()
        except psycopg.Error:
            return False
        server.make_database(address)
        return True

    says_so = re.compile("ready to accept connections")
    boss.start(Program("postgres", launch, 0, signal.SIGINT, stop_timeout_s=60, ready_line=says_so))
    return answers


def _start_valkey(boss: Supervisor, data_dir: Path) -> Callable[[], bool]:
    server = valkey.Valkey(data_dir / "valkey")
    address = saved.servers(data_dir).get("valkey") or saved.Server(
        saved.DEFAULT_VALKEY_PORT, secrets.token_hex(16)
    )

    def launch(output: int) -> subprocess.Popen[bytes]:
        nonlocal address
        server.stop_leftover()
        address = _settle_port(boss, data_dir, "valkey", address)
        return server.launch(address, output=output)

    def answers() -> bool:
        try:
            with redis.Redis(port=address.port, password=address.password, socket_timeout=2) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    boss.start(Program("valkey", launch, stage=0))
    return answers


def _settle_port(boss: Supervisor, data_dir: Path, name: str, address: saved.Server) -> saved.Server:
    """Keep the saved port, or choose another while nobody uses it yet; and save it."""
    if not boss.everything_ready:
        address = saved.Server(ports.free_port(address.port), address.password)
    saved.save_server(data_dir, name, address)
    return address


# -- the product's processes ----------------------------------------------------------------------


def _environment(options: Options) -> dict[str, str]:
    # Without PYTHONUNBUFFERED a line reaches the log when four kilobytes are full.
    own = {"PYTHONUNBUFFERED": "1", "DATA_DIR": str(options.data_dir)}
    if os.geteuid() == 0:  # the operator knows; ten lines from every worker tell nothing new
        own["PYTHONWARNINGS"] = "ignore:You're running the worker with superuser privileges"
    return {**os.environ, **own, "ROOT_URL": os.environ.get("ROOT_URL") or options.url}


def _prepare(boss: Supervisor, options: Options) -> None:
    arguments = [sys.executable, "manage.py", "prepare"]
    step = supervisor.command("prepare", arguments, env=_environment(options), cwd=options.base_dir)
    if boss.run_to_end(step) != 0 and not boss.stopping:
        raise LocalError("The database could not be prepared; the lines above say why.")


def programs(options: Options) -> list[Program]:
    """The processes of the Procfile, with what `up` knows filled in."""

    def process(
        name: str, *arguments: str, ready_line: str | None = None, stop_timeout_s: float = 20.0
    ) -> Program:
        return supervisor.command(
            name,
            arguments,
            env=_environment(options),
            cwd=options.base_dir,
            ready_line=ready_line if os.environ.get("LOG_LEVEL", "INFO") in {"INFO", "DEBUG"} else None,
            stop_timeout_s=stop_timeout_s,
        )

    def worker(name: str, queues: str, *more: str) -> Program:
        arguments = ["worker", "-Q", queues, "-n", f"{name}@%h", *WORKER, *more]
        return process(name, *CELERY, *arguments, ready_line=WORKER_READY, stop_timeout_s=30)

    granian = [sys.executable, "-m", "granian", "--interface", "rsgi", "--host", options.host]
    granian += [
        "--port",
        str(options.port),
        "--no-ws",
        "--respawn-failed-workers",
        "--backlog",
        "4096",
        "--backpressure",
        "8192",
        "--log-level",
        "warning",
    ]
    return [
        process("web", *granian, "listmonk_py.server:app"),
        process("tracker", sys.executable, "manage.py", "tracker"),
        worker("scan", "scan", "--pool", "solo"),
        worker("sender", "campaigns", "--pool", "prefork", "-c", str(options.senders)),
        worker("worker", "transactional,default", "--pool", "prefork", "-c", "2"),
        worker("jobs", "jobs", "--pool", "prefork", "-c", "1"),
        process("beat", *CELERY, "beat", "--pidfile", "", "--loglevel", "INFO"),
    ]


def _catcher(options: Options) -> Program:
    arguments = [
        sys.executable,
        "-m",
        "listmonk_py.local.catcher",
        "--folder",
        str(options.data_dir / "catcher"),
    ]
    arguments += [
        "--smtp-port",
        str(options.catcher_smtp_port),
        "--http-port",
        str(options.catcher_http_port),
    ]
    if options.catcher_rules is not None:
        arguments += ["--rules", str(options.catcher_rules)]
    return supervisor.command(
        "catcher", arguments, env=_environment(options), cwd=options.base_dir, ready_line="^catching mail on"
    )


def _start_programs(boss: Supervisor, options: Options) -> None:
    everything = ([_catcher(options)] if options.catcher else []) + programs(options)
    for program in everything:
        boss.start(program)
    what = f"The processes did not all get ready (see {options.url}/ready)"
    if boss.wait_for(lambda: boss.all_ready() and _serves(options), timeout_s=READY_TIMEOUT_S, what=what):
        boss.everything_ready = True
        boss.log.plain(f"ready {options.url}")


def _serves(options: Options) -> bool:
    host = "127.0.0.1" if options.host == "0.0.0.0" else options.host  # noqa: S104
    connection = http.client.HTTPConnection(host, options.port, timeout=5)
    try:
        connection.request("GET", "/ready")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
