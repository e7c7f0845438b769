"""VACUUM ANALYZE at the hours that staff chose (setting maintenance.db; contract 9.10).

PostgreSQL's autovacuum does the daily work; this is for those who want it at a quiet hour.
"""

import logging
from datetime import datetime

from celery.schedules import crontab_parser
from django.db import connection
from django.utils import timezone

from listmonk_py.configuration import runtime
from listmonk_py.configuration.values import CRON_FIELDS

logger = logging.getLogger(__name__)


def run_if_due(now: datetime | None = None) -> bool:
    """Vacuum when it is switched on and its cron expression names this minute; called once a minute."""
    setting = runtime.get("maintenance.db")
    if not setting["vacuum"] or not is_due(setting["vacuum_cron_interval"], now or timezone.localtime()):
        return False
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
    logger.info("The database has been vacuumed.")
    return True


def is_due(expression: str, now: datetime) -> bool:
    """Whether a cron expression (checked by `values.cron`) names the minute of `now`."""
    asked = (now.minute, now.hour, now.day, now.month, now.isoweekday() % 7)
    for field, value, (name, size, first) in zip(expression.split(), asked, CRON_FIELDS, strict=True):
        if name == "weekday" and field == "7":
            field = "0"
        if value not in crontab_parser(size, first).parse(field):
            return False
    return True
