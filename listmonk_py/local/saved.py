"""What a data folder remembers: where its embedded servers listen, and its secret keys.

`settings.py` reads this before Django exists, in every process, so nothing here imports Django or
starts anything. `listmonk_py/local/cluster.py` writes the servers; keys are made on first use.

Layout of DATA_DIR that this module knows:

    servers.json        {"postgresql": {"port", "password"}, "valkey": {"port", "password"}}, mode 0600
    keys/secret_key     one key per line, newest first: the first signs, the others still verify
    keys/settings_key   one Fernet key per line, newest first: the first encrypts, all decrypt
"""

import base64
import json
import os
import secrets
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DEFAULT_POSTGRESQL_PORT = 54318
DEFAULT_VALKEY_PORT = 63818
DATABASE_NAME = "listmonk"
DATABASE_USER = "listmonk"

KEY_MAKERS: dict[str, Callable[[], str]] = {
    "secret_key": lambda: secrets.token_urlsafe(50),
    # The form that cryptography.fernet.Fernet takes: 32 random bytes in URL-safe base64.
    "settings_key": lambda: base64.urlsafe_b64encode(os.urandom(32)).decode(),
}


class DataFolderUnusable(SystemExit):
    """DATA_DIR cannot be read or written; the message says which file and what to do.

    A SystemExit, because it happens while settings load: the process ends with the sentence alone.
    """


@dataclass(frozen=True)
class Server:
    """Where one embedded server listens on 127.0.0.1, and the password it asks for."""

    port: int
    password: str


def database_url(data_dir: Path) -> str:
    """Return the URL of the embedded PostgreSQL of `data_dir`; never starts it.

    Before the first `up` it names the default port, so that settings load.
    """
    server = servers(data_dir).get("postgresql", Server(DEFAULT_POSTGRESQL_PORT, ""))
    return f"postgres://{DATABASE_USER}:{server.password}@127.0.0.1:{server.port}/{DATABASE_NAME}"


def redis_url(data_dir: Path) -> str:
    """Return the URL of the embedded Valkey of `data_dir`; never starts it."""
    server = servers(data_dir).get("valkey", Server(DEFAULT_VALKEY_PORT, ""))
    return f"redis://:{server.password}@127.0.0.1:{server.port}/0"


def servers(data_dir: Path) -> dict[str, Server]:
    """Return the saved servers of `data_dir` by name; empty before the first start.

    Raises:
        DataFolderUnusable: servers.json is there and cannot be read.
    """
    path = data_dir / "servers.json"
    try:
        saved: dict[str, dict[str, Any]] = json.loads(path.read_text())
        return {name: Server(int(one["port"]), str(one["password"])) for name, one in saved.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as fault:
        raise DataFolderUnusable(
            f"{path} cannot be read ({fault}). Set DATABASE_URL and REDIS_URL, or restore the file:"
            " it holds the ports and passwords of the embedded servers."
        ) from fault


def save_server(data_dir: Path, name: str, server: Server) -> None:
    """Write where `name` listens. The caller holds the lock on `data_dir`."""
    known = {key: vars(one) for key, one in servers(data_dir).items()}
    known[name] = vars(server)
    _write_whole(data_dir / "servers.json", json.dumps(known, indent=2) + "\n", replace=True)


def keys(data_dir: Path, name: str) -> list[str]:
    """Return the keys in `data_dir`/keys/`name`, newest first; make one on first use.

    Two processes that start together get the same key: the file appears whole or not at all, and
    who comes second reads what is there. Rotate by putting a new line on top.

    Raises:
        DataFolderUnusable: the file cannot be read or made.
        KeyError: `name` is none of KEY_MAKERS.
    """
    make = KEY_MAKERS[name]
    path = data_dir / "keys" / name
    try:
        if not path.exists():
            _write_whole(path, make() + "\n", replace=False)
        found = [line.strip() for line in path.read_text().splitlines() if line.strip()]
    except OSError as fault:
        raise DataFolderUnusable(
            f"The key file {path} cannot be used ({fault.strerror}). Let this user write to DATA_DIR, point"
            f" DATA_DIR at another folder, or set {name.upper()} in the environment."
        ) from fault
    if not found:
        raise DataFolderUnusable(
            f"The key file {path} is empty. Restore it from a backup. If it is lost, delete the file and a"
            " new key is made; then everyone signs in again, and passwords kept in Settings must be entered"
            " again."
        )
    return found


def _write_whole(path: Path, text: str, *, replace: bool) -> None:
    """Put `text` at `path`, mode 0600, never half-written; keep what is there unless `replace`."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            os.replace(draft, path)
            return
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        os.unlink(draft)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
