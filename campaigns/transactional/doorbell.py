"""Telling the sender that there is something to send. Losing the ring is harmless: the scan looks too."""

import logging

from kombu.exceptions import OperationalError

from listmonk_py.celery import app

logger = logging.getLogger(__name__)


def ring() -> None:
    """Queue one run of the sender; while Redis is away the next scan does it."""
    try:
        app.send_task("campaigns.transactional.tasks.send_transactional", ignore_result=True)
    except OperationalError as error:
        logger.warning("Transactional mail waits for the next scan: the queue does not answer (%s).", error)
