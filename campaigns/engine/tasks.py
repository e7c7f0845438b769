"""Celery's way in. A task is a doorbell: the work and its truth are in PostgreSQL."""

from celery import current_app, shared_task
from celery.signals import worker_process_init

from . import heartbeats, partitions, scan, stopping, working

QUEUE = "campaigns"


@shared_task(ignore_result=True, acks_late=False)
def send_batch(batch_id: int) -> None:
    """Send one batch. Twice, or for a batch long gone: it leaves at once. See `working.send_batch`."""
    with stopping.AtWork():
        working.send_batch(batch_id)


@shared_task(ignore_result=True)
def scan_campaigns() -> None:
    """Start, plan, offer, count and finish. Any number may run at once. See `scan.scan`."""
    scan.scan()


@shared_task(ignore_result=True)
def tend_ledger() -> None:
    """Make partitions ahead and drop old records. Twice is harmless. See `partitions`."""
    partitions.make_ahead()
    partitions.drop_old()


@worker_process_init.connect
def prepare_sender(**_: object) -> None:
    """In each child of a sender, after its fork: tell that there is one."""
    if QUEUE in current_app.amqp.queues.consume_from:
        heartbeats.start()
