"""Celery's doorbells on the queue `jobs`; the work is elsewhere, and its truth in PostgreSQL and the mailboxes."""

from celery import shared_task

from .mailboxes import scanning


@shared_task(ignore_result=True)
def scan_mailboxes() -> None:
    """Read the bounce mailboxes that are due; see `scanning` for repeats and kills."""
    scanning.scan_due()
