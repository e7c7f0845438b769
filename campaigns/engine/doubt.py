"""Settling the recipients whom a crashed sender left between `done` and `announced`.

One at a time, so that a recipient whose rendering kills the process cannot loop. Each is written to the
ledger as `unknown` before anything is done about them; under the policy `resend` their message then goes
out once more, flagged, and the row is corrected by its outcome. If the process dies in between, the row
stays `unknown`: in doubt twice. So no separate state of "being resent" is needed.
"""

import logging
from collections.abc import Callable
from dataclasses import replace

from django.db import transaction
from django.utils import timezone

from campaigns.status import Status
from listmonk_py.mail.letter import RenderError
from listmonk_py.mail.outgoing import Outcome, Result, Transmission

from . import leases, ledger
from .checkpoint import LeaseLost, Person, Settlement, checkpoint, count_errors, reread
from .jobs import Job
from .leases import LEASE_S, Lease
from .models import LedgerReason, LedgerStatus
from .recipients import recipient_of
from .verdicts import Verdict, unrenderable, verdict

logger = logging.getLogger(__name__)


class NotNow(Exception):
    """Sending has to stop, or no server can be used: those that are left keep their doubt."""


def settle(lease: Lease, job: Job, transmission: Transmission, wait_for_token: Callable[[], bool]) -> Lease:
    """Settle the doubtful of `lease`, and return it with `done` behind them.

    Args:
        wait_for_token: takes one token of the pacer; False when sending has to stop.

    Raises:
        NotNow: those that are left keep their doubt. The lease is still held.
        LeaseLost: somebody else may have the batch.
    """
    logger.warning("Batch %s: %s recipients are in doubt.", lease.batch_id, lease.doubtful - lease.done)
    if not job.rules.resend_in_doubt:
        people = reread(lease, announced=lease.done, audience=job.audience).people
        doubtful = [person for person in people if person.position < lease.doubtful]
        _write_unknown(lease, job, doubtful)
        return replace(lease, done=lease.doubtful)
    while lease.done < lease.doubtful:
        if transmission.fault or not wait_for_token():
            raise NotNow
        found = reread(lease, announced=lease.done, audience=job.audience)
        if found.status != Status.RUNNING:
            raise NotNow
        person = found.people[0]
        _write_unknown(lease, job, [person])
        lease = replace(lease, done=lease.done + 1)
        if not person.obstacle and not person.history.possible_duplicate:
            _resend(lease, job, person, transmission)
    return lease


def _write_unknown(lease: Lease, job: Job, people: list[Person]) -> None:
    odd = {
        person.id: Verdict(
            LedgerStatus.UNKNOWN,
            LedgerReason.IN_DOUBT,
            attempts=person.history.attempts + 1,
            possible_duplicate=job.rules.resend_in_doubt or person.history.possible_duplicate,
        )
        for person in people
    }
    end = lease.done + len(people)
    settlement = Settlement(lease.done, end, odd, lease.is_retry)
    checkpoint(lease, settlement, announced=end, announce=0, audience=job.audience, max_errors=0)


def _resend(lease: Lease, job: Job, person: Person, transmission: Transmission) -> None:
    """Send once more and correct the row; without an outcome it stays `unknown`."""
    # The window's positions start elsewhere, so these keys are nobody else's.
    key = person.position
    history = person.history._replace(possible_duplicate=True)
    try:
        transmission.send([job.write(key, recipient_of(person))])  # type: ignore[list-item]
    except RenderError as fault:
        _correct(lease, job, person, unrenderable(fault.message, history))
        return
    result = _await(transmission, key, lease)
    if result is not None and result.outcome is not Outcome.UNKNOWN:
        _correct(lease, job, person, verdict(result, history, job.rules, now=timezone.now()))


@transaction.atomic
def _correct(lease: Lease, job: Job, person: Person, outcome: Verdict) -> None:
    if ledger.correct(lease, person.id, outcome) and outcome.status is LedgerStatus.FAILED:
        count_errors(lease.campaign_id, 1, job.max_errors())


def _await(transmission: Transmission, key: int, lease: Lease) -> Result | None:
    """The result of `key`, keeping the lease meanwhile; None when none comes."""
    for _ in range(3):
        for result in transmission.wait(LEASE_S / 4):
            if result.key == key:
                return result
        if not leases.renew(lease):
            raise LeaseLost
    transmission.close(0)
    return next((result for result in transmission.wait(0) if result.key == key), None)
