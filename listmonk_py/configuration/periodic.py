"""Periodic tasks as rows that operators see and may change (django-celery-beat).

Apps call `ensure` from a `post_migrate` receiver. A row that exists is left as it is, so an operator's change
of the interval survives. `check_may_change` refuses to switch off what must never stop.
"""

from typing import Any

from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from listmonk_py.api.errors import DomainError

_protected: set[str] = set()


def ensure(
    name: str,
    task: str,
    *,
    every_s: int | None = None,
    cron: str | None = None,
    queue: str | None = None,
    expires_s: int | None = None,
    protected: bool = False,
) -> None:
    """Make the periodic task `name` unless there is one.

    Args:
        task: dotted path of the Celery task.
        every_s: seconds between runs; or else `cron`, five fields.
        queue: None for the one of the routes.
        expires_s: a run that has waited longer in the queue is dropped.
        protected: the product does not work without it, so it cannot be switched off.
    """
    if protected:
        protect(name)
    fields: dict[str, object] = {"task": task, "queue": queue, "expire_seconds": expires_s}
    if every_s is not None:
        fields["interval"] = IntervalSchedule.objects.get_or_create(
            every=every_s, period=IntervalSchedule.SECONDS
        )[0]
    else:
        minute, hour, day, month, weekday = (cron or "").split()
        fields["crontab"] = CrontabSchedule.objects.get_or_create(
            minute=minute, hour=hour, day_of_month=day, month_of_year=month, day_of_week=weekday
        )[0]
    PeriodicTask.objects.get_or_create(name=name, defaults=fields)


def protect(name: str) -> None:
    """Refuse to switch this task off; call it in `AppConfig.ready()`, so that every process knows."""
    _protected.add(name)


def change(pk: int, values: dict[str, Any]) -> PeriodicTask:
    """Change when a task runs, or switch it off.

    Args:
        values: `enabled`, `interval`, `crontab`, `description`.

    Raises:
        DomainError: it must go on running, or there is not exactly one schedule.
    """
    task = PeriodicTask.objects.select_for_update().get(pk=pk)
    check_may_change(task.name, enabled=values["enabled"])
    if (values["interval"] is None) == (values["crontab"] is None):
        raise DomainError("Choose either an interval or a crontab.", field="interval")
    for name in ("enabled", "interval", "crontab", "description"):
        setattr(task, name, values[name])
    task.solar = task.clocked = None
    task.save()
    return task


def is_protected(name: str) -> bool:
    return name in _protected


def check_may_change(name: str, *, enabled: bool) -> None:
    """
    Raises:
        DomainError: the task is one that must go on running.
    """
    if not enabled and is_protected(name):
        raise DomainError(f"{name} cannot be switched off: without it no mail is sent.")
