"""Periodic work of tracking; see `partitions`."""

import logging

from celery import shared_task

from . import partitions

logger = logging.getLogger(__name__)


@shared_task(ignore_result=True)
def make_partitions() -> None:
    """Make the next months' partitions. Twice is harmless; a missed day leaves months of room."""
    for name in partitions.make_ahead():
        logger.info("Made partition %s", name)
