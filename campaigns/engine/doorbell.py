"""Waking the scan without waiting for its tick. A ring may be lost: the next tick comes within a second."""

import logging

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from listmonk_py.celery import app

from .redis_client import client

logger = logging.getLogger(__name__)

SCAN = "campaigns.engine.tasks.scan_campaigns"
SEND = "campaigns.engine.tasks.send_batch"
# While this key stands a scan is on its way; the scan removes it when it begins.
RUNG = "engine:rung"
RUNG_MS = 1_000
# A scan or an offer that waited longer than this says nothing any more.
SCAN_EXPIRES_S = 5
OFFER_EXPIRES_S = 10


def ring() -> None:
    """Ask for a scan now, unless one is on its way."""
    try:
        if client().set(RUNG, 1, nx=True, px=RUNG_MS):
            app.send_task(SCAN, expires=SCAN_EXPIRES_S)
    except (RedisError, OperationalError, OSError) as fault:
        logger.warning("The scan is not woken: %s", fault)


def answered() -> None:
    """The scan begins: from here on a ring asks for another one."""
    try:
        client().delete(RUNG)
    except RedisError as fault:
        logger.info("Redis is away: %s", fault)


def offer(batch_id: int) -> bool:
    """Put a batch into the senders' queue; False when the broker is away."""
    try:
        app.send_task(SEND, args=(batch_id,), expires=OFFER_EXPIRES_S)
    except (OperationalError, RedisError, OSError) as fault:
        logger.warning("Batch %s is not offered: %s", batch_id, fault)
        return False
    return True
