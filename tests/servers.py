"""PostgreSQL and Valkey for one run of the tests, started by the controller before Django's settings load.

Each run has servers of its own, in a temporary folder, so runs do not see each other. All xdist workers
share them: a database per worker (cloned from one migrated template) and a Valkey database per worker.
`TEST_DATABASE_URL` and `TEST_REDIS_URL` name servers to use instead (a superuser, and databases 0-15).

fsync is off here: nothing in these clusters outlives the run. A test about durability starts its own
cluster with `listmonk_py.local.postgres.Postgres`, whose defaults are durable.

The migrated template is kept between runs in the system's temporary folder under a hash of everything
it is made from, so that only the first run after a change of migrations pays for them.
"""

import contextlib
import fcntl
import hashlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from listmonk_py.local import ports, postgres, saved, valkey

ROOT = Path(__file__).resolve().parent.parent
APPS = ("listmonk_py", "subscribers", "tracking", "campaigns", "bounces")
TEMPLATE = "template_listmonk"
KEPT_TEMPLATES = 3
TEST_TUNING = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "128MB", "max_wal_size": "1GB"}
VALKEY_DATABASES = 16
RUN_VARIABLE = "LISTMONK_TEST_RUN"


class Servers:
    """The servers of this run; made by the controller, seen by its workers through the environment."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="listmonk-py-test-"))
        self.postgres: postgres.Postgres | None = None
        self.valkey: valkey.Valkey | None = None
        self.cached = _cache_folder() / _fingerprint()

    def start(self) -> None:
        """Start what no variable replaces, and tell this process and its children where it is."""
        os.environ[RUN_VARIABLE] = str(self.folder)
        os.environ["DATA_DIR"] = str(self.folder / "data")
        (self.folder / "data" / "static").mkdir(parents=True)  # whitenoise warns without it
        log = (self.folder / "servers.log").open("ab")
        password = secrets.token_hex(16)
        if given := os.environ.get("TEST_DATABASE_URL"):
            os.environ["DATABASE_URL"] = given
        else:
            self._start_postgres(password, log)
        if given := os.environ.get("TEST_REDIS_URL"):
            os.environ["REDIS_URL"] = given
        else:
            self.valkey = valkey.Valkey(self.folder / "valkey", databases=VALKEY_DATABASES, durable=False)
            server = saved.Server(ports.free_port(27000), password)
            self.valkey.start(server, output=log)
            os.environ["REDIS_URL"] = f"redis://:{password}@127.0.0.1:{server.port}/0"

    def _start_postgres(self, password: str, log: object) -> None:
        self.postgres = postgres.Postgres(self.folder / "postgresql", tuning=TEST_TUNING)
        with locked(self.cached.with_suffix(".lock")):
            if (self.cached / "password").exists():
                password = (self.cached / "password").read_text()
                shutil.copytree(self.cached / "cluster", self.postgres.folder)
                os.utime(self.cached)
                (self.folder / "template-is-migrated").touch()
            else:
                self.postgres.create(password)
        server = saved.Server(ports.free_port(28000), password)
        self.postgres.start(server, output=log)  # type: ignore[arg-type]
        os.environ["DATABASE_URL"] = f"postgres://listmonk:{password}@127.0.0.1:{server.port}/listmonk"

    def stop(self) -> None:
        """Stop both, keep the migrated template for later runs, remove the folder."""
        if self.valkey:
            self.valkey.stop()
        if self.postgres:
            self.postgres.stop()
            self._keep_template()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _keep_template(self) -> None:
        assert self.postgres is not None
        if not (self.folder / "template-was-made").exists() or self.postgres.who.home is not None:
            return
        with locked(self.cached.with_suffix(".lock")):
            if self.cached.exists():
                return
            draft = self.cached.with_name(f".{self.cached.name}-{os.getpid()}")
            draft.mkdir(parents=True)
            shutil.move(self.postgres.folder, draft / "cluster")
            (draft / "password").write_text(urlsplit(os.environ["DATABASE_URL"]).password or "")
            os.replace(draft, self.cached)
        kept = sorted(
            (one for one in self.cached.parent.iterdir() if one.is_dir()),
            key=lambda one: -one.stat().st_mtime,
        )
        for old in kept[KEPT_TEMPLATES:]:
            shutil.rmtree(old, ignore_errors=True)


def use_own_redis_database() -> None:
    """Point REDIS_URL of an xdist worker at a Valkey database of its own; gw0 takes 1, and so on."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    number = int(worker.removeprefix("gw")) + 1 if worker else 0
    if number >= VALKEY_DATABASES:
        raise RuntimeError(
            f"At most {VALKEY_DATABASES - 1} workers: each needs a Valkey database of its own."
        )
    os.environ["REDIS_URL"] = urlunsplit(urlsplit(os.environ["REDIS_URL"])._replace(path=f"/{number}"))


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold `path` against other processes; a holder that dies lets go."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def run_folder() -> Path:
    return Path(os.environ[RUN_VARIABLE])


def _cache_folder() -> Path:
    return Path(tempfile.gettempdir()) / f"listmonk-py-test-templates-{os.getuid()}"


def _fingerprint() -> str:
    """A hash of all that shapes the migrated template: migrations, settings, packages, the server."""
    digest = hashlib.sha256(str(postgres.find_binaries()).encode())
    sources = [ROOT / "requirements.txt", ROOT / "listmonk_py" / "settings.py", Path(__file__)]
    for app in APPS:
        sources += sorted((ROOT / app).rglob("migrations/*.py"))
        sources += sorted((ROOT / app).rglob("migrations/*.sql"))
    for path in sources:
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:20]
