"""What every test may use: real PostgreSQL, real Valkey, one database of each per xdist worker.

Importing this module starts the servers and loads Django, in that order: settings read where the
servers are from the environment, and the other conftest.py files import models.
"""

import atexit
import itertools
import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
import redis as redis_client

from tests import servers

_started: servers.Servers | None = None

if servers.RUN_VARIABLE not in os.environ:  # the controller, or the only process with -n 0
    _started = servers.Servers()
    atexit.register(_started.stop)
    _started.start()
servers.use_own_redis_database()
os.environ["DJANGO_SETTINGS_MODULE"] = "listmonk_py.settings"

import django  # noqa: E402

django.setup()

from django.db.models.signals import pre_save  # noqa: E402

_versions = itertools.count(1000, 1000)


def never_the_same_version(sender: Any, instance: Any, **_: Any) -> None:
    """Settings start anew with each test's database; a running server must not take them for the last test's."""
    if sender.__name__ == "SettingsVersion" and instance._state.adding and not instance.version:
        instance.version = next(_versions)


pre_save.connect(never_the_same_version, weak=False)


def pytest_configure(config: pytest.Config) -> None:
    """Let each xdist worker load its settings in this module, not before it.

    pytest-django would load them early when the variable is inherited, with the first worker's Redis database.
    """
    if getattr(config.option, "numprocesses", None) and not hasattr(config, "workerinput"):
        del os.environ["DJANGO_SETTINGS_MODULE"]


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, django_db_blocker: Any
) -> None:
    """Clone each worker's database from the migrated template, which the first worker makes."""
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection

    run = servers.run_folder()
    with servers.locked(run / "template.lock"), django_db_blocker.unblock():
        if not (run / "template-is-migrated").exists():
            with connection.creation._nodb_cursor() as cursor:
                cursor.execute(f"DROP DATABASE IF EXISTS {servers.TEMPLATE}")
                cursor.execute(f"CREATE DATABASE {servers.TEMPLATE}")
            before = connection.settings_dict["NAME"]
            connection.close()
            connection.settings_dict["NAME"] = servers.TEMPLATE
            try:
                call_command("migrate", verbosity=0, interactive=False)
            finally:
                connection.close()
                connection.settings_dict["NAME"] = before
            (run / "template-is-migrated").touch()
            (run / "template-was-made").touch()
    settings.DATABASES["default"].setdefault("TEST", {})["TEMPLATE"] = servers.TEMPLATE
    connection.settings_dict.setdefault("TEST", {})["TEMPLATE"] = servers.TEMPLATE


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Before the database is dropped, end whatever sessions there are.

    One is of this very thread: while Playwright is in use its event loop counts as running, and Django then
    opens a second session for what it takes for an async context. Threads may have outlived their test, too.
    """
    yield
    from django.db import connection

    with django_db_blocker.unblock():
        name = connection.settings_dict["NAME"]
        connection.close()
        with connection.creation._nodb_cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            )


@pytest.fixture(scope="session")
def redis_url() -> str:
    """The URL of this worker's own Valkey database."""
    return os.environ["REDIS_URL"]


@pytest.fixture
def redis(redis_url: str) -> Iterator[Any]:
    """A client on this worker's Valkey database, which is empty before and after the test."""
    client = redis_client.Redis.from_url(redis_url)
    client.flushdb()
    yield client
    client.flushdb()
    client.close()


@pytest.fixture(autouse=True)
def fresh_runtime_settings() -> None:
    """Each test starts with the settings its own database holds, not with the last test's."""
    from listmonk_py.configuration import runtime
    from listmonk_py.mail import messengers

    runtime._values, runtime._version = {}, -1
    runtime.forget()
    messengers._registry._version = None


# Beside PATH, where Debian puts it: a shell for tests may have a short PATH.
CHROMIUM = next(
    (
        found
        for name in ("chromium", "chromium-browser", "google-chrome")
        if (found := shutil.which(name) or shutil.which(name, path="/usr/bin"))
    ),
    None,
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave browser tests out where there is no Chromium, unless LEAVE_NO_TEST_OUT asks for all."""
    if CHROMIUM is not None:
        return
    left_out = [item for item in items if item.get_closest_marker("browser")]
    if left_out and os.environ.get("LEAVE_NO_TEST_OUT"):
        raise pytest.UsageError("The browser tests need Chromium: apt install chromium")
    skip = pytest.mark.skip(reason="no Chromium here (apt install chromium)")
    for item in left_out:
        item.add_marker(skip)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Debian's Chromium under Playwright; for tests marked `browser`."""
    from playwright.sync_api import sync_playwright

    # Playwright runs an event loop in this thread, where Django would refuse its ORM.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    """A page in a browser context of its own. A script error fails the test."""
    context = chromium.new_context()
    opened = context.new_page()
    opened.set_default_timeout(15_000)
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    context.close()
    assert not errors, errors


# Django's flush knows managed tables only.
UNMANAGED = "tracking_view, tracking_click, engine_ledger, engine_ledger_text"


@pytest.fixture(autouse=True)
def partitioned_tables_are_empty_again(
    request: pytest.FixtureRequest, django_db_blocker: Any
) -> Iterator[None]:
    """After a test that commits, the partitioned tables are as empty as the flushed ones."""
    yield
    marker = request.node.get_closest_marker("django_db")
    commits = marker is not None and marker.kwargs.get("transaction")
    if commits or {"transactional_db", "live_server"} & set(request.fixturenames):
        from django.db import connection

        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {UNMANAGED}")
