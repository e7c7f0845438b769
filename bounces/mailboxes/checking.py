"""Trying a mailbox before it is saved, and what the last scans of the saved ones did."""

from collections.abc import Mapping
from typing import Any

from bounces.models import MailboxScan
from listmonk_py.api.errors import DomainError
from listmonk_py.configuration import entries, runtime, secrets
from listmonk_py.configuration.registry import FIELDS

from .box import IMAP, NAMES, Box, from_entry
from .opening import opened
from .scanning import boxes

TIMEOUT_S = 10.0
KEY = "bounce.mailboxes"


def check(fields: Mapping[str, Any]) -> list[str]:
    """Open the mailbox that `fields` describe and count its mails. Nothing is read, nothing changes.

    Args:
        fields: an entry of `bounce.mailboxes`; a masked or blank password of a stored entry (same uuid) is
            taken from there.

    Returns:
        what happened, line by line.

    Raises:
        DomainError: a field is wrong, or the mailbox does not open; with the server's words.
    """
    checked = entries.mailbox(dict(fields), "mailbox")
    if not checked["host"]:
        raise DomainError("Invalid fields: host. Name the server.")
    box = from_entry(secrets.keep_unchanged(FIELDS[KEY], [checked], runtime.get(KEY))[0])
    with opened(box, timeout_s=TIMEOUT_S) as session:
        count = len(session.mails())
    folder = f" in {box.folder}" if box.type == IMAP else ""
    security = "STARTTLS" if box.starttls else "TLS" if box.tls else "no encryption"
    return [
        f"Connected to {box.where} ({NAMES[box.type]}, {security}).",
        f"Signed in as {box.username}." if box.signs_in else "No sign-in was asked for.",
        f"{_counted(count, 'mail')}{folder} wait{'s' if count == 1 else ''} to be read.",
    ]


def states() -> list[dict[str, Any]]:
    """Every mailbox of the settings with its last scan, None before the first."""
    boxes = [from_entry(entry) for entry in runtime.get(KEY)]
    rows = MailboxScan.objects.in_bulk([box.key for box in boxes])
    return [
        {
            "uuid": str(box.key),
            "enabled": box.enabled,
            "type": box.type,
            "host": box.host,
            "port": box.port,
            "folder": box.folder if box.type == IMAP else "",
            "last_scan": last_scan(rows.get(box.key)),
        }
        for box in boxes
    ]


def last_scan(row: MailboxScan | None) -> dict[str, Any] | None:
    if row is None or row.started_at is None:
        return None
    return {
        "started_at": row.started_at,
        "finished_at": row.finished_at,
        "is_running": row.token is not None,
        "mails_read": row.mails_read,
        "bounces": row.bounces,
        "passed_over": row.passed_over,
        "kept_aside": row.kept_aside,
        "mails_left": row.mails_left,
        "error": row.error,
    }


def troubles() -> list[tuple[str, str]]:
    """Host and error of each enabled mailbox whose last scan failed."""
    enabled = boxes()
    rows = MailboxScan.objects.in_bulk([box.key for box in enabled]) if enabled else {}
    return [(box.host, rows[box.key].error) for box in enabled if box.key in rows and rows[box.key].error]


def note(entry: Mapping[str, Any]) -> str:
    """One sentence about a stored entry's last scan, for its page in the settings; "" before the first."""
    box: Box = from_entry(entry)
    row = MailboxScan.objects.filter(mailbox=box.key).first()
    if row is None or row.started_at is None:
        return "Not read yet." if box.enabled else ""
    if row.error:
        return f"The last scan failed: {row.error}"
    aside = f", {row.kept_aside:,} not understood" if row.kept_aside else ""
    left = f"; {row.mails_left:,} are left" if row.mails_left else ""
    mails, found = _counted(row.mails_read, "mail"), _counted(row.bounces, "bounce")
    return f"Last read {row.started_at:%Y-%m-%d %H:%M} UTC: {mails}, {found}{aside}{left}."


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
