import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from listmonk_py.local import saved


def test_a_key_is_made_once_and_only_its_owner_reads_it(tmp_path):
    first = saved.keys(tmp_path / "data", "secret_key")

    assert saved.keys(tmp_path / "data", "secret_key") == first
    assert len(first[0]) >= 50
    mode = (tmp_path / "data" / "keys" / "secret_key").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_a_new_line_on_top_rotates_a_key_and_keeps_the_old_one(tmp_path):
    [old] = saved.keys(tmp_path, "settings_key")
    path = tmp_path / "keys" / "settings_key"
    new = Fernet.generate_key().decode()

    path.write_text(f"{new}\n{path.read_text()}")

    assert saved.keys(tmp_path, "settings_key") == [new, old]
    Fernet(old).decrypt(Fernet(old).encrypt(b"kept"))


def test_processes_that_start_together_agree_on_the_key(tmp_path):
    program = (
        "from pathlib import Path; from listmonk_py.local import saved;"
        f"print(saved.keys(Path({str(tmp_path)!r}), 'secret_key')[0])"
    )

    def run(_: int) -> str:
        return subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        ).stdout

    with ThreadPoolExecutor(4) as pool:
        keys = set(pool.map(run, range(8)))

    assert len(keys) == 1
    assert os.listdir(tmp_path / "keys") == ["secret_key"]


def test_an_empty_key_file_is_explained_and_not_replaced(tmp_path):
    path = tmp_path / "keys" / "settings_key"
    path.parent.mkdir()
    path.touch()

    with pytest.raises(SystemExit, match="must be entered"):
        saved.keys(tmp_path, "settings_key")
    assert path.read_text() == ""


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    blocked = tmp_path / "file"
    blocked.touch()

    with pytest.raises(SystemExit, match="SECRET_KEY"):
        saved.keys(blocked / "data", "secret_key")


def test_the_urls_follow_the_saved_servers(tmp_path):
    assert saved.database_url(tmp_path) == "postgres://listmonk:@127.0.0.1:54318/listmonk"

    saved.save_server(tmp_path, "postgresql", saved.Server(1234, "pw"))
    saved.save_server(tmp_path, "valkey", saved.Server(5678, "other"))

    assert saved.database_url(tmp_path) == "postgres://listmonk:pw@127.0.0.1:1234/listmonk"
    assert saved.redis_url(tmp_path) == "redis://:other@127.0.0.1:5678/0"


def test_a_damaged_servers_file_is_named(tmp_path: Path):
    (tmp_path / "servers.json").write_text("{")

    with pytest.raises(SystemExit, match="DATABASE_URL"):
        saved.database_url(tmp_path)
