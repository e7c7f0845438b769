"""Celery's doorbells for transactional mail; the rules live in `sending`."""

from celery import shared_task

from campaigns.engine import stopping

from . import sending


@shared_task(ignore_result=True, expires=60)
def send_transactional() -> None:
    """Send what is due. Harmless when it runs twice: rows are leased."""
    with stopping.AtWork():
        sending.send_due()
