"""Who got a campaign, who did not and why: the ledger as staff and the API read it."""

import csv
import io
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db import connection

from listmonk_py.api.errors import DomainError

from .models import LedgerReason, LedgerStatus

MOST_PER_PAGE = 1000
CSV_ROWS_AT_ONCE = 2000

# By key, so the last page costs what the first does; the page's rows are chosen before anything is joined to
# them. Where a status other than `accepted` is asked for, the partial index of the troubled answers it, in
# order if it is a single one (the first 101 of 2,000 failed among 2 M: 10,009 blocks without either).
PAGE = """
    SELECT entry.subscriber_id, person.uuid::text, person.email, entry.status, entry.reason, entry.code,
           COALESCE(said.text, ''), entry.attempts, entry.possible_duplicate, entry.at, entry.retry_at
      FROM (SELECT *
              FROM engine_ledger
             WHERE campaign_id = %(campaign)s AND subscriber_id > %(after)s {only}
             ORDER BY subscriber_id
             LIMIT %(most)s) AS entry
      LEFT JOIN subscribers_subscriber person ON person.id = entry.subscriber_id
      LEFT JOIN engine_ledger_text said
             ON said.campaign_id = entry.campaign_id AND said.subscriber_id = entry.subscriber_id
            AND entry.status <> 1
     ORDER BY entry.subscriber_id
"""
NAMES = (
    "subscriber_id",
    "subscriber_uuid",
    "email",
    "status",
    "reason",
    "code",
    "text",
    "attempts",
    "possible_duplicate",
    "at",
    "retry_at",
)


def parse_statuses(texts: list[str]) -> list[LedgerStatus]:
    """
    Raises:
        DomainError: one of them is no delivery status.
    """
    known = {status.label: status for status in LedgerStatus}
    try:
        return [known[text] for text in texts]
    except KeyError as unknown:
        raise DomainError(
            f"There is no delivery status {unknown}. Ask for some of: {', '.join(known)}."
        ) from None


def page(
    campaign_id: int, statuses: list[LedgerStatus], *, after: int, most: int
) -> tuple[list[dict[str, Any]], int | None]:
    """Deliveries with ids above `after`, and the cursor of the next page; None at the end."""
    rows = _read(campaign_id, statuses, after=after, most=most + 1)
    more = len(rows) > most
    return [_shown(row) for row in rows[:most]], rows[most - 1][0] if more else None


def as_csv(campaign_id: int, statuses: list[LedgerStatus]) -> Iterator[str]:
    """All deliveries as CSV, a few thousand rows in memory at a time."""
    yield _csv_lines([NAMES])
    after = 0
    while rows := _read(campaign_id, statuses, after=after, most=CSV_ROWS_AT_ONCE):
        yield _csv_lines([[_cell(value) for value in _shown(row).values()] for row in rows])
        after = rows[-1][0]


def _read(campaign_id: int, statuses: list[LedgerStatus], *, after: int, most: int) -> list[tuple[Any, ...]]:
    parameters: dict[str, Any] = {"campaign": campaign_id, "after": after, "most": most}
    only = ""
    if statuses:
        only = "AND status = %(status)s" if len(statuses) == 1 else "AND status = ANY(%(statuses)s)"
        parameters["status"] = statuses[0].value
        parameters["statuses"] = [status.value for status in statuses]
        if LedgerStatus.ACCEPTED not in statuses:
            only += " AND status <> 1"
    with connection.cursor() as cursor:
        cursor.execute(PAGE.format(only=only), parameters)
        return list(cursor.fetchall())


def _shown(row: tuple[Any, ...]) -> dict[str, Any]:
    shown = dict(zip(NAMES, row, strict=True))
    shown["status"] = LedgerStatus(shown["status"]).label
    shown["reason"] = LedgerReason(shown["reason"]).label
    return shown


def _cell(value: Any) -> Any:
    """As it stands in a CSV: texts that a spreadsheet would run as formulas get an apostrophe in front."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value
    return value


def _csv_lines(rows: Any) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()
