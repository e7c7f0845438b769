"""What one mail of a bounce mailbox says, whatever state it is in.

In this order: complaints (RFC 5965), delivery reports (RFC 3464), listmonk's rule about its own headers
(contract 8.5), the formats that flufl.bounce knows, nothing. Read receipts, auto-replies (RFC 3834), delays and
reports of success are no bounces. Nothing in a mail raises out of `read`.
"""

import hashlib
import logging
import re
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import Any
from uuid import UUID

from flufl.bounce import all_failures

from bounces.events import COMPLAINT, as_uuid

from . import arf, dsn, origin, parts, wording
from .findings import Finding, Kind, Reading

logger = logging.getLogger(__name__)
# It tells of every detector it tries, and of those that fail with a traceback; `read` says what is to be said.
logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)

# More of a mail is not read: reports and the header of what came back stand at its beginning.
MAX_BYTES = 1024 * 1024
MAX_EVENT_ID = 400
# A part costs 50 µs to parse, a line 15 µs in flufl.bounce: 10 and 16 seconds for a megabyte of nothing else.
MAX_BOUNDARIES = 5000
BEGINNING = 64 * 1024
CAMPAIGN, SUBSCRIBER = "X-Listmonk-Campaign", "X-Listmonk-Subscriber"
_OWN_LINE = re.compile(
    rb"^[ \t>]*X-Listmonk-(Campaign|Subscriber):[ \t]*([0-9a-f-]{36})", re.IGNORECASE | re.MULTILINE
)
_DIRECTLY = 2  # how many forwarded mails are opened to find the report inside


def read(raw: bytes) -> Reading:
    """What `raw`, one mail or the first MAX_BYTES of it, says. Pure; raises nothing."""
    raw = raw[:MAX_BYTES]
    if raw.count(b"\n--") > MAX_BOUNDARIES:
        raw = raw[:BEGINNING]
    try:
        return _Reader(raw, message_from_bytes(raw)).read()
    except Exception as error:  # a mail is hostile input; whatever it breaks, the next one must be read
        return Reading(Kind.NOT_UNDERSTOOD, f"It cannot be parsed ({type(error).__name__}: {error}).")


class _Reader:
    """One mail while it is being read."""

    def __init__(self, raw: bytes, mail: Message, depth: int = 0) -> None:
        self.raw, self.mail, self.depth = raw, mail, depth
        self.message = parts.returned(mail)
        own = {name.decode().lower(): value.decode() for name, value in _OWN_LINE.findall(raw)}
        self.subscriber = self._own(SUBSCRIBER) or as_uuid(own.get("subscriber"))
        self.campaign = self._own(CAMPAIGN) or as_uuid(own.get("campaign"))

    def _own(self, name: str) -> UUID | None:
        """From the message that came back, else from the bounce itself."""
        for holder in (self.message, self.mail):
            found = as_uuid(parts.header(holder, name)) if holder is not None else None
            if found:
                return found
        return None

    def read(self) -> Reading:
        for attempt in (
            self._complaint,
            self._report,
            self._other_machine,
            self._words,
        ):
            found = attempt()
            if found is not None:
                return found
        return self._forwarded() or Reading(Kind.NOT_UNDERSTOOD, "It is in no known form of a bounce.")

    def _complaint(self) -> Reading | None:
        fields = arf.report(self.mail)
        if fields is None:
            junk = arf.junk_recipient(self.message)
            if not junk:
                return None
            fields = {"feedback-type": "abuse", "original-rcpt-to": junk}
        kind = arf.kind(fields)
        if kind not in arf.COMPLAINTS:
            return Reading(Kind.NO_BOUNCE, f"A feedback report of type {kind!r} is no complaint.")
        who = (*arf.recipients(fields, self.message), *self._returned_to())
        said = {"feedback_type": kind, "reporter": fields.get("user-agent", "")}
        return self._found(COMPLAINT, f"feedback_type={kind}", who, said)

    def _report(self) -> Reading | None:
        told = dsn.recipients(self.mail)
        if not told and origin.is_about_failure(self.mail):
            told = dsn.recipients_in(self.raw[: parts.MAX_TEXT * 4].decode("utf-8", "replace"))
        if not told:
            return None
        failed = [one for one in told if one.has_failed]
        if not failed:
            return Reading(
                Kind.NO_BOUNCE, f"Nothing has failed: {told[0].action or told[0].status or 'no action'}."
            )
        if self.subscriber or len(failed) == 1:
            kind, reason, one = dsn.worst_for_one(failed)
            return self._found(kind, reason, (*one.addresses, *self._returned_to()), _said(one))
        findings = [
            self._finding(*one.verdict(), one.addresses, _said(one)) for one in failed if one.addresses
        ]
        if not findings:
            return Reading(Kind.NOT_UNDERSTOOD, "Its delivery report names no addresses.")
        return Reading(Kind.BOUNCE, "A delivery report.", tuple(findings))

    def _other_machine(self) -> Reading | None:
        if origin.is_receipt(self.mail):
            return Reading(Kind.NO_BOUNCE, "A read receipt.")
        if not origin.is_mail_system(self.mail) and origin.is_auto_reply(self.mail):
            return Reading(Kind.NO_BOUNCE, "An automatic reply.")
        return None

    def _words(self) -> Reading | None:
        """A bounce in words: one that gives our header back (listmonk's rule), or in a form that flufl knows.

        A person may forward our header too, so it must come from a mail system or hold words of failure.
        """
        said, is_failure = self._said(), origin.is_about_failure(self.mail)
        if not is_failure and not (self.subscriber and wording.is_telling(said)):
            return None
        delayed, failed = self._listed() if is_failure else ([], [])
        if delayed and not failed:
            return Reading(Kind.NO_BOUNCE, "A delay: it is tried again.")
        kind, reason = wording.verdict("", said)
        why = {"diagnostic": _why(said)}
        if len(failed) > 1 and not self.subscriber:
            findings = tuple(self._finding(kind, reason, (one,), why) for one in failed)
            return Reading(Kind.BOUNCE, reason, findings)
        verp = origin.verp_address(self.mail)
        return self._found(kind, reason, (*failed, *([verp] if verp else []), *self._returned_to()), why)

    def _listed(self) -> tuple[list[str], list[str]]:
        """The addresses that flufl.bounce finds in the beginning of the mail: delayed, failed."""
        try:
            is_short = len(self.raw) <= BEGINNING
            mail = self.mail if is_short else message_from_bytes(self.mail.as_bytes()[:BEGINNING])
            found = all_failures(mail)
        except Exception as error:  # its detectors trust what they read
            logger.debug("flufl.bounce cannot read a mail: %s", error)
            return [], []
        delayed, failed = (sorted(one.decode("utf-8", "replace").lower() for one in some) for some in found)
        return delayed, failed[: dsn.MAX_RECIPIENTS]

    def _forwarded(self) -> Reading | None:
        """A report that somebody sent on as an attachment."""
        if self.depth >= _DIRECTLY:
            return None
        for part in parts.parts(self.mail):
            inner = parts.inside(part) if part.get_content_type() == "message/rfc822" else []
            if inner and origin.is_mail_system(inner[0]):
                return _Reader(self.raw, inner[0], self.depth + 1).read()
        return None

    def _said(self) -> str:
        words = parts.own_words(self.mail)
        return words or self.raw.partition(b"\n\n")[2][: parts.MAX_TEXT].decode("utf-8", "replace")

    def _returned_to(self) -> tuple[str, ...]:
        """To whom the message that came back was addressed, when it was one person."""
        to = parts.addresses(parts.header(self.message, "To")) if self.message is not None else []
        return tuple(to) if len(to) == 1 else ()

    def _found(self, kind: str, reason: str, who: tuple[str, ...], said: dict[str, str]) -> Reading:
        if not self.subscriber and not who:
            return Reading(Kind.NOT_UNDERSTOOD, "It does not say whose mail it was.")
        return Reading(Kind.BOUNCE, reason, (self._finding(kind, reason, who, said),))

    def _finding(self, kind: str, reason: str, who: tuple[str, ...], said: dict[str, str]) -> Finding:
        who = tuple(dict.fromkeys(who))
        return Finding(
            type=kind,
            event_id=self._event_id(str(self.subscriber or (who[0] if who else ""))),
            subscriber_uuid=self.subscriber,
            campaign_uuid=self.campaign,
            addresses=who,
            meta=self._meta(reason, who, said),
            at=_moment(parts.header(self.mail, "Date")),
        )

    def _event_id(self, recipient: str) -> str:
        message_id = parts.header(self.mail, "Message-ID")
        told = f"{message_id or hashlib.sha256(self.raw).hexdigest()} {recipient}"
        return told if len(told) <= MAX_EVENT_ID else hashlib.sha256(told.encode()).hexdigest()

    def _meta(self, reason: str, who: tuple[str, ...], said: dict[str, str]) -> dict[str, Any]:
        """listmonk's keys, and what the report says."""
        shown = self.message if self.message is not None else self.mail
        return {
            "from": parts.header(shown, "From"),
            "subject": parts.header(shown, "Subject"),
            "message_id": parts.header(shown, "Message-ID"),
            "delivered_to": parts.header(self.mail, "Delivered-To"),
            "received": parts.headers(self.mail, "Received"),
            "classify_reason": reason,
            **({"recipient": who[0]} if who else {}),
            **{name: value for name, value in said.items() if value},
        }


def _said(one: dsn.Recipient) -> dict[str, str]:
    return {
        "diagnostic": one.diagnostic,
        "action": one.action,
        "status": one.status,
        "remote_mta": one.remote_mta,
    }


def _why(said: str) -> str:
    """The line of a bounce's text that says most, for staff."""
    for pattern in (wording.LINE_STATUS, wording.NOBODY, wording.NOT_THE_ADDRESS, wording.REPLY):
        found = pattern.search(said)
        if found:
            start, end = said.rfind("\n", 0, found.start() + 1) + 1, said.find("\n", found.end())
            return parts.one_line(said[start : end if end >= 0 else None])
    return ""


def _moment(date: str) -> datetime | None:
    """A Date header as an aware time; None when it is none, or lies ahead of us."""
    try:
        found = parsedate_to_datetime(date)
        found = found if found.tzinfo else found.replace(tzinfo=UTC)
        return found.astimezone(UTC) if found <= datetime.now(UTC) else None
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
