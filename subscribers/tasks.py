"""Celery's doorbells on the queue `jobs`; the work is elsewhere, and its truth in PostgreSQL."""

import logging

from celery import shared_task
from kombu.exceptions import OperationalError as BrokerAway
from redis.exceptions import RedisError

from . import counts
from .importing import files, jobs, running

logger = logging.getLogger(__name__)


@shared_task(ignore_result=True)
def run_import(job_id: int) -> None:
    """Run an import; see `running.run` for repeats and kills."""
    running.run(job_id)


@shared_task(ignore_result=True)
def scan_imports() -> None:
    """Take up imports that nobody works on: their worker was killed, or their doorbell was lost."""
    files.forget_strays(jobs.paths_in_use())
    for job_id in jobs.waiting():
        running.run(job_id)


@shared_task(ignore_result=True)
def compact_counts() -> None:
    """Keep counting quick; see `counts`. Harmless at any time."""
    counts.compact()


def ring(job_id: int) -> None:
    """Queue the import. While the broker is away the job waits for the next scan."""
    try:
        run_import.delay(job_id)
    except (BrokerAway, RedisError, OSError) as error:
        logger.warning("Import %s waits for the next scan: the broker does not answer (%s).", job_id, error)
