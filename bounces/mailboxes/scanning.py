"""Reading bounce mailboxes empty (contract 8.5), all that are enabled, each as often as its setting says.

A mail is deleted only after what it says is committed. A scanner that is killed in between leaves mails that
were recorded already; reading them again changes nothing, because an event counts once by its id.
"""

import logging
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta

from django.db import InterfaceError, OperationalError
from django.utils import timezone

from bounces import recording
from bounces.events import BounceEvent, storable
from bounces.models import MailboxScan
from bounces.recording import Recorded
from bounces.returned.findings import Finding, Kind
from bounces.returned.reading import MAX_BYTES, read
from listmonk_py.configuration import runtime
from listmonk_py.mail.addresses import InvalidEmail, normalise_email
from subscribers.models import Subscriber

from . import aside, leases
from .box import Box, MailboxError, Session, from_entry
from .opening import opened

logger = logging.getLogger(__name__)

# How many mails one session reads; POP3 deletes them at its end only.
MAX_MAILS = 1000
# After so many the lease is renewed, and IMAP's are deleted.
CHUNK = 20
# One scan gives way to other work on its queue after this long.
TURN_S = 45.0

Clock = Callable[[], float]


@dataclass(slots=True)
class Tally:
    """What a scan did.

    Attributes:
        mails_read: of all kinds.
        bounces: events about somebody known, new or not.
        passed_over: mails that are no bounce, or are about nobody here.
        kept_aside: mails that were not understood.
        mails_left: in the mailbox and not looked at yet.
    """

    mails_read: int = 0
    bounces: int = 0
    passed_over: int = 0
    kept_aside: int = 0
    mails_left: int = 0


@dataclass(slots=True)
class Plan:
    """Which mails a scan reads, by their place in the mailbox.

    A mail at which the connection breaks must not block the others. So the scan after a broken one ends well
    before that mail, which makes POP3 delete what was read; when it is the first, the next scan leaves it out.
    """

    start: int
    most: int
    has_begun: bool = False

    @classmethod
    def after(cls, last: MailboxScan) -> "Plan":
        return cls(
            last.stuck, min(MAX_MAILS, last.mails_read) if last.error and last.mails_read else MAX_MAILS
        )

    def stuck_after(self, tally: Tally, error: str) -> int:
        if not error:
            return 0
        return self.start + (self.has_begun and not tally.mails_read)


def boxes() -> list[Box]:
    """The enabled mailboxes; none while bounces are not processed."""
    if not runtime.get("bounce.enabled"):
        return []
    found = [from_entry(entry) for entry in runtime.get("bounce.mailboxes") if entry.get("enabled")]
    return [box for box in found if box.host]


def due() -> list[Box]:
    """Those whose time has come: never read, not finished the last time, or read long enough ago."""
    enabled = boxes()
    rows = MailboxScan.objects.in_bulk([box.key for box in enabled])
    return [box for box in enabled if _is_due(box, rows.get(box.key))]


def _is_due(box: Box, row: MailboxScan | None) -> bool:
    if row is None or row.started_at is None:
        return True
    has_more = row.mails_left > 0 and not row.error
    return has_more or row.started_at + timedelta(seconds=box.interval_s) <= timezone.now()


def scan_due(*, clock: Clock = time.monotonic) -> int:
    """Scan what is due within one turn; how many mailboxes were looked into."""
    stop_at, looked = clock() + TURN_S, 0
    aside.forget_old()
    for box in due():
        if clock() < stop_at:
            looked += scan(box, stop_at=stop_at, clock=clock) is not None
    return looked


def scan(box: Box, *, stop_at: float, clock: Clock = time.monotonic) -> Tally | None:
    """Read the mailbox until it is empty, MAX_MAILS are read, or it is `stop_at`.

    Returns:
        what was done; None when somebody else is at it. What went wrong stands in the mailbox's MailboxScan.

    Raises:
        OperationalError, InterfaceError: the database is away. Mails that were not recorded stay where they are.
    """
    token = leases.take(box.key)
    if token is None:
        return None
    tally, plan = Tally(), Plan.after(MailboxScan.objects.get(mailbox=box.key))
    error = "It was interrupted; the next scan goes on."
    try:
        with opened(box) as session:
            _empty(box, session, token, tally, plan, lambda: clock() >= stop_at)
        error = ""
    except MailboxError as refused:
        error = refused.message
        _log_once(box, error)
    except leases.LeaseLost:
        logger.info("Somebody else has taken over the mailbox at %s.", box.host)
        return tally
    finally:
        stuck = plan.stuck_after(tally, error)
        leases.give_back(box.key, token, error=error, stuck=stuck, **asdict(tally))
    if tally.bounces or tally.kept_aside:
        logger.info("Read %d mail(s) at %s: %d bounce(s).", tally.mails_read, box.host, tally.bounces)
    return tally


def _log_once(box: Box, error: str) -> None:
    """Again only when it is another error than last time: a wrong password is one line, not one a minute."""
    if not MailboxScan.objects.filter(mailbox=box.key, error=error).exists():
        logger.warning("The bounce mailbox cannot be read: %s", error)


def _empty(
    box: Box,
    session: Session,
    token: uuid.UUID,
    tally: Tally,
    plan: Plan,
    is_time_up: Callable[[], bool],
) -> None:
    mails = session.mails()[plan.start :]
    tally.mails_left = len(mails)
    plan.has_begun = True
    done: list[str] = []
    for mail in mails[: plan.most]:
        content = session.content(mail, MAX_BYTES)
        tally.mails_left -= 1
        if content is None:
            logger.info("%s does not give out one of its mails; it stays there.", box.host)
            continue
        take(box, content, tally)
        done.append(mail)
        if len(done) == CHUNK:
            session.delete(done)
            done = []
            leases.renew(box.key, token, **asdict(tally))
        if is_time_up():
            break
    session.delete(done)


def take(box: Box, content: bytes, tally: Tally) -> None:
    """Record what one mail says; afterwards it may be deleted.

    Raises:
        OperationalError, InterfaceError: the database is away, so the mail must stay.
    """
    tally.mails_read += 1
    reading = read(content)
    try:
        if reading.kind is Kind.NOT_UNDERSTOOD:
            aside.keep(box, content, reading.why)
            tally.kept_aside += 1
            return
        outcomes = recording.record_all([event_of(one, box.host) for one in reading.findings])
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:  # whatever is wrong with this mail, the others must be read
        aside.keep(box, content, f"It could not be recorded ({type(error).__name__}: {error}).")
        tally.kept_aside += 1
        return
    known = sum(outcome is not Recorded.UNKNOWN for outcome in outcomes)
    tally.bounces += known
    tally.passed_over += not known


def event_of(finding: Finding, source: str) -> BounceEvent:
    """The event about the person whom the header names, else about the first address that is known."""
    person = finding.subscriber_uuid
    if person is not None and not Subscriber.objects.filter(uuid=person).exists():
        person = None
    spelled = (one for address in finding.addresses for one in _spellings(storable(address)))
    known = (one for one in spelled if Subscriber.objects.with_email(one).exists())
    return BounceEvent(
        type=finding.type,
        source=source,
        email="" if person else next(known, ""),
        subscriber_uuid=person,
        campaign_uuid=finding.campaign_uuid,
        event_id=storable(finding.event_id),
        meta=finding.meta,
        at=finding.at,
    )


def _spellings(address: str) -> Iterator[str]:
    """The address, and as it is stored: a report may write a domain in Punycode that we write in its letters."""
    yield address
    try:
        yield normalise_email(address)
    except InvalidEmail:
        return
