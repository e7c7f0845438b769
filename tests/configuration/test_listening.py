"""Web processes hear of changed settings; and see them a second later when they do not."""

import time
from collections.abc import Callable, Iterator

import pytest
from django.db import connection

from listmonk_py.configuration import listening, runtime
from listmonk_py.configuration.models import Setting, SettingsVersion

pytestmark = pytest.mark.django_db(transaction=True)

SESSIONS = """
    SELECT pid FROM pg_stat_activity
     WHERE datname = current_database() AND query ILIKE 'LISTEN%' AND pid <> pg_backend_pid()
"""


@pytest.fixture
def listener(monkeypatch) -> Iterator[listening.SettingsListener]:
    # Nobody looks by themselves, so that what is seen was heard.
    monkeypatch.setattr(runtime, "LOOK_EVERY_S", 3600.0)
    monkeypatch.setattr(listening, "AGAIN_AFTER_S", 0.1)
    runtime.forget()
    started = listening.SettingsListener()
    started.start()
    until(lambda: sessions() != [])
    yield started
    started.stop()
    runtime.forget()


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def sessions() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(SESSIONS)
        return [pid for (pid,) in cursor.fetchall()]


def saved_elsewhere(name: str) -> None:
    """What `runtime.save` does in another process; this one is told nothing."""
    Setting.objects.update_or_create(key="app.site_name", defaults={"value": name})
    SettingsVersion.objects.update_or_create(pk=1, defaults={"version": time.monotonic_ns() // 1_000_000})
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, '')", [runtime.CHANNEL])


def test_a_change_elsewhere_is_heard(listener):
    runtime.save({"app.site_name": "Before"})
    assert runtime.get("app.site_name") == "Before"

    saved_elsewhere("After")

    until(lambda: runtime.get("app.site_name") == "After")


def test_saving_tells_the_listeners(listener, monkeypatch):
    heard = []
    monkeypatch.setattr(listening.runtime, "forget", lambda: heard.append(1))

    runtime.save({"app.site_name": "New"})

    until(lambda: len(heard) >= 2)  # our own, and the listener's


def test_a_listener_whose_session_is_ended_comes_back(listener):
    [before] = sessions()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [before])
    until(lambda: sessions() not in ([], [before]))

    saved_elsewhere("Again")

    until(lambda: runtime.get("app.site_name") == "Again")
