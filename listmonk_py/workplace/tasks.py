"""Celery's entries to upkeep. Each is harmless when it runs twice, and simply runs again after a crash."""

from celery import shared_task
from django.core.management import call_command

from . import vacuum


@shared_task(ignore_result=True)
def vacuum_if_due() -> None:
    vacuum.run_if_due()


@shared_task(ignore_result=True)
def forget_expired_sessions() -> None:
    call_command("clearsessions")
