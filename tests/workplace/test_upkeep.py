from datetime import datetime, timedelta

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from listmonk_py.configuration import runtime
from listmonk_py.workplace import apps, tasks, vacuum

VACUUM = "listmonk_py.workplace.tasks.vacuum_if_due"


@pytest.mark.parametrize(
    ("expression", "at", "due"),
    [
        ("0 2 * * *", datetime(2026, 1, 5, 2, 0), True),
        ("0 2 * * *", datetime(2026, 1, 5, 2, 1), False),
        ("*/15 * * * *", datetime(2026, 1, 5, 9, 45), True),
        ("0 2 * * 0", datetime(2026, 1, 4, 2, 0), True),  # a Sunday
        ("0 2 * * 7", datetime(2026, 1, 4, 2, 0), True),
        ("0 2 1 2-3 *", datetime(2026, 3, 1, 2, 0), True),
        ("0 2 1 2-3 *", datetime(2026, 4, 1, 2, 0), False),
    ],
)
def test_a_cron_expression_names_minutes(expression, at, due):
    assert vacuum.is_due(expression, at) is due


@pytest.mark.django_db(transaction=True)
def test_the_database_is_vacuumed_when_staff_want_it():
    at = datetime(2026, 1, 5, 2, 0)
    assert vacuum.run_if_due(at) is False

    runtime.save({"maintenance.db": {"vacuum": True, "vacuum_cron_interval": "0 2 * * *"}})

    assert vacuum.run_if_due(at) is True
    assert vacuum.run_if_due(at + timedelta(minutes=1)) is False


@pytest.mark.django_db
def test_expired_sessions_go():
    now = timezone.now()
    Session.objects.create(session_key="old", session_data="", expire_date=now - timedelta(days=1))
    Session.objects.create(session_key="new", session_data="", expire_date=now + timedelta(days=1))

    tasks.forget_expired_sessions()

    assert [one.session_key for one in Session.objects.all()] == ["new"]


@pytest.mark.django_db
def test_upkeep_is_planned_once_and_an_operators_change_stays():
    apps.make_periodic_tasks()
    PeriodicTask.objects.filter(task=VACUUM).update(enabled=False)
    apps.make_periodic_tasks()

    planned = PeriodicTask.objects.filter(task__startswith="listmonk_py.workplace.tasks.")

    assert planned.count() == 2
    assert planned.get(task=VACUUM).enabled is False
