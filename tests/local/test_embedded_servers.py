"""Real servers in a folder of the test, started and killed the way a bad day does it."""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import psycopg
import pytest
import redis as redis_client

from listmonk_py.local import children, ports, postgres, saved, unprivileged, valkey
from listmonk_py.local.children import LocalError


@pytest.fixture
def address():
    return saved.Server(ports.free_port(30_500), secrets.token_hex(8))


@pytest.fixture
def log(tmp_path):
    with (tmp_path / "server.log").open("ab") as file:
        yield file


@pytest.fixture
def cluster(tmp_path, address):
    server = postgres.Postgres(tmp_path / "data" / "postgresql")
    server.create(address.password)
    yield server
    server.stop()


def test_a_new_cluster_speaks_utf8_and_is_durable(cluster, address, log):
    cluster.start(address, output=log)

    with postgres.connect(address, "listmonk") as connection:
        row = connection.execute(
            "SELECT current_setting('server_encoding'), current_setting('fsync'),"
            " current_setting('synchronous_commit'), lower('ÄÖ'), 'Z' < 'a'"
        ).fetchone()
    assert row == ("UTF8", "on", "on", "äö", True)


def test_a_wrong_password_is_refused(cluster, address, log):
    cluster.start(address, output=log)

    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        postgres.connect(saved.Server(address.port, "guess"), "postgres")


def test_a_lost_password_is_replaced(cluster, address, log):
    anew = saved.Server(address.port, secrets.token_hex(8))

    cluster.set_password(anew.password)
    cluster.start(anew, output=log)

    postgres.connect(anew, "listmonk").close()


def test_what_was_committed_survives_sigkill_and_the_leftover_pid_file_is_no_obstacle(cluster, address, log):
    cluster.start(address, output=log)
    with postgres.connect(address, "listmonk") as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
    assert cluster.child is not None
    cluster.child.kill()
    cluster.child.wait()
    assert (cluster.folder / "postmaster.pid").exists()

    cluster.start(address, output=log)

    with postgres.connect(address, "listmonk") as connection:
        assert connection.execute("SELECT one FROM kept").fetchone() == (1,)


def test_a_pid_file_of_a_foreign_process_is_not_trusted(cluster, address, log):
    """After a reboot the pid in the file may be anybody's; here it is this test's."""
    (cluster.folder / "postmaster.pid").write_text(f"{os.getpid()}\n")

    cluster.start(address, output=log)

    postgres.connect(address, "listmonk").close()


def test_servers_end_with_the_process_that_started_them(tmp_path, address):
    other = saved.Server(ports.free_port(30_000), address.password)
    program = f"""
        import os, signal, subprocess
        from pathlib import Path
        from listmonk_py.local import postgres, valkey, saved
        server = postgres.Postgres(Path({str(tmp_path)!r}) / "postgresql")
        server.create({address.password!r})
        server.start(saved.Server({address.port}, {address.password!r}), output=subprocess.DEVNULL)
        cache = valkey.Valkey(Path({str(tmp_path)!r}) / "valkey")
        cache.start(saved.Server({other.port}, {address.password!r}), output=subprocess.DEVNULL)
        print(server.child.pid, cache.child.pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True)

    assert done.returncode == -signal.SIGKILL, done.stderr
    for pid in map(int, done.stdout.split()):
        assert children.wait_until(lambda pid=pid: children.identity(pid) is None, timeout_s=20)
    assert ports.is_free(address.port)


def test_an_unfinished_cluster_is_made_anew(tmp_path, address, log):
    half = tmp_path / "postgresql.unfinished"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    server = postgres.Postgres(tmp_path / "postgresql")

    assert not server.exists
    server.create(address.password)
    server.start(address, output=log)
    server.stop()

    assert server.exists
    assert not half.exists()


def test_a_cluster_of_another_version_is_explained(tmp_path):
    (tmp_path / "postgresql").mkdir()
    (tmp_path / "postgresql" / "PG_VERSION").write_text("11\n")

    with pytest.raises(LocalError, match="made by PostgreSQL 11"):
        postgres.Postgres(tmp_path / "postgresql")


def test_valkey_keeps_its_data_over_a_restart(tmp_path, address, log):
    server = valkey.Valkey(tmp_path / "valkey")
    for expected in (None, b"kept"):
        server.start(address, output=log)
        with redis_client.Redis(port=address.port, password=address.password) as client:
            assert client.get("key") == expected
            client.set("key", "kept")
        server.stop()


def test_valkey_ends_what_a_killed_parent_left_on_the_folder(tmp_path, address, log):
    first, second = valkey.Valkey(tmp_path / "valkey"), valkey.Valkey(tmp_path / "valkey")
    first.start(address, output=log)

    second.start(address, output=log)

    assert first.child is not None and first.child.wait(5) is not None
    second.stop()


def test_a_taken_port_is_replaced():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        assert not ports.is_free(port)
        other = ports.free_port(port)

    assert other != port
    assert ports.is_free(other)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs a disguise")
def test_root_runs_the_server_as_somebody_else(cluster, address, log):
    assert unprivileged.disguise().before_exec is not None

    cluster.start(address, output=log)

    assert (cluster.folder / "postmaster.pid").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs a service account")
def test_without_user_namespaces_a_service_account_runs_its_own_copy(tmp_path, address, log, monkeypatch):
    """tmp_path cannot be entered by the account, so its data and its binaries must be elsewhere."""
    home = Path(tempfile.mkdtemp(prefix="listmonk-py-service-"))
    home.chmod(0o755)
    monkeypatch.setattr(unprivileged, "namespace_works", lambda: False)
    monkeypatch.setattr(unprivileged, "SERVICE_USER", "nobody")
    monkeypatch.setattr(unprivileged, "SERVICE_HOME", home)
    server = postgres.Postgres(tmp_path / "postgresql")
    try:
        server.create(address.password)
        server.start(address, output=log)
        with postgres.connect(address, "listmonk") as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
        assert server.child is not None
        owner = Path(f"/proc/{server.child.pid}").stat().st_uid
        assert owner == pwd.getpwnam("nobody").pw_uid
        server.stop()

        again = postgres.Postgres(tmp_path / "postgresql")
        again.start(address, output=log)
        with postgres.connect(address, "listmonk") as connection:
            assert connection.execute("SELECT one FROM kept").fetchone() == (1,)
        again.stop()
    finally:
        server.stop()
        shutil.rmtree(home)
