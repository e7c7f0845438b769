"""A checkpoint whose answer is lost, because PostgreSQL or the line to it went: what is stored decides."""

import logging
import time

from django.db import InterfaceError, OperationalError, connection

from . import leases
from .checkpoint import Announced, LeaseLost, Settlement, checkpoint, reread
from .database import ASK_AGAIN_S, AWAY_S
from .jobs import Job
from .window import Window

logger = logging.getLogger(__name__)


def persist(window: Window, settlement: Settlement, announce: int, job: Job) -> Announced:
    """Checkpoint; when the answer is lost, look what is stored before anything else.

    Raises:
        LeaseLost: somebody else may have the batch.
        OperationalError: PostgreSQL was away for longer than we wait.
    """
    until = time.monotonic() + AWAY_S
    repeated = False
    while True:
        try:
            return checkpoint(
                window.lease,
                settlement,
                announced=window.announced,
                announce=announce,
                audience=job.audience,
                max_errors=job.max_errors(),
                times=job.wants_times,
            )
        except (OperationalError, InterfaceError) as fault:
            logger.warning("The answer to a checkpoint was lost: %s", fault)
            found = _find_out(window, settlement, job, until)
            if found is not None:
                return found
            repeated = True
        except LeaseLost:
            # The first one may have been written only now, by a server that had not noticed the loss.
            found = _find_out(window, settlement, job, until) if repeated else None
            if found is None:
                raise
            return found


def _find_out(window: Window, settlement: Settlement, job: Job, until: float) -> Announced | None:
    """What the lost checkpoint did; None when it was not written and has to be repeated."""
    while True:
        connection.close()
        try:
            stored = leases.look(window.lease)
            if stored is None:
                raise LeaseLost
            done, announced, _, _ = stored
            if done != settlement.end:
                return None
            if announced == window.announced and settlement.start == settlement.end:
                return None
            return reread(window.lease, announced=window.announced, audience=job.audience)
        except (OperationalError, InterfaceError):
            if time.monotonic() >= until:
                raise
            time.sleep(ASK_AGAIN_S)
