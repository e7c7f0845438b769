"""Telling staff by mail how an import ended (contract 12.4)."""

import logging

from listmonk_py.configuration import runtime
from listmonk_py.mail.addresses import InvalidEmail
from listmonk_py.mail.system import send_system_mail

from ..models import ImportJob

logger = logging.getLogger(__name__)


def tell_staff(job: ImportJob, message: str) -> None:
    """Mail app.notify_emails; an address that is none is logged and passed over."""
    context = {
        "name": job.name,
        "status": job.status,
        "imported": job.imported,
        "total": job.total,
        "rejected": job.rejected,
        "reason": message if job.status == ImportJob.Status.FAILED else "",
    }
    for address in runtime.get("app.notify_emails") or ():
        try:
            send_system_mail("import_status", address, context)
        except InvalidEmail as error:
            logger.warning("No report of the import of %s went to %s: %s", job.name, address, error.reason)
