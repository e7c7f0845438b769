"""`manage.py prepare`: what a deployment runs before its processes, in a process of its own."""

import os
import secrets
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def prepare():
    """Start `manage.py prepare` with a data folder and variables; what still runs is killed at the end."""
    started = []

    def start(data_dir: Path, **variables: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "prepare"],
            cwd=ROOT,
            env={**os.environ, "DATA_DIR": str(data_dir), **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def empty_database():
    """The URL of a new database on the tests' server."""
    url, name = os.environ["DATABASE_URL"], f"prepare_{secrets.token_hex(4)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.mark.parametrize(
    ("variable", "url", "words"),
    [
        (
            "DATABASE_URL",
            "postgres://me:secret@127.0.0.1:1/nothing",
            "PostgreSQL at 127.0.0.1:1 cannot be used",
        ),
        ("REDIS_URL", "redis://:secret@127.0.0.1:1/0", "The Redis of REDIS_URL cannot be used"),
    ],
)
def test_a_server_that_is_not_there_is_one_sentence(prepare, tmp_path, variable, url, words):
    process = prepare(tmp_path, **{variable: url})
    _, errors = process.communicate(timeout=60)

    assert process.returncode == 1
    assert errors.startswith(f"CommandError: {words}")
    assert "Traceback" not in errors
    assert "secret" not in errors


@pytest.mark.slow
def test_two_machines_may_prepare_at_once_and_again_later(prepare, tmp_path, empty_database):
    both = [prepare(tmp_path / str(number), DATABASE_URL=empty_database) for number in range(2)]
    for process in both:
        _, errors = process.communicate(timeout=110)
        assert process.returncode == 0, errors

    def contents() -> list[tuple[int, ...]]:
        tables = ("subscribers_list", "subscribers_subscriber", "campaigns_template", "campaigns_campaign")
        with psycopg.connect(empty_database) as connection:
            return [connection.execute(f"SELECT count(*) FROM {table}").fetchone() for table in tables]

    starter = contents()
    assert starter == [(2,), (2,), (4,), (1,)]  # two lists, two people, four templates, a draft
    again = prepare(tmp_path, DATABASE_URL=empty_database)
    _, errors = again.communicate(timeout=60)
    assert again.returncode == 0, errors
    assert contents() == starter
