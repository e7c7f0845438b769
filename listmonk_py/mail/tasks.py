"""Celery's entry to `system`: twice is harmless, and what a dead worker held is due again after its lease."""

from celery import shared_task

from . import system


@shared_task(ignore_result=True, queue="transactional")
def send_system_mails() -> None:
    system.send_due()


@shared_task(ignore_result=True)
def forget_old_system_mails() -> None:
    system.forget_old()
