"""What a result means for a recipient: one row of the ledger. Pure: no database, no clock.

The table in design.md section 3 ("Outcomes") is this module.
"""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from listmonk_py.mail.outgoing import Outcome, Result

from .models import LedgerReason, LedgerStatus

# Servers' words are kept this long.
LONGEST_TEXT = 500
# A fault of the server, not of the recipient: soon again, without using an attempt.
SERVER_FAULT_RETRY_S = 30.0
THROTTLED_RETRY_S = 1.0
LONGEST_BACK_OFF_S = 6 * 3600.0
# Retries fall on whole minutes, so that there are no batches of one.
MINUTE_S = 60.0


class Verdict(NamedTuple):
    """A ledger row but for its key. retry_s: seconds from now, only for DEFERRED. text: "" keeps none."""

    status: LedgerStatus
    reason: LedgerReason = LedgerReason.NONE
    code: int = 0
    attempts: int = 0
    possible_duplicate: bool = False
    retry_s: float | None = None
    text: str = ""


class History(NamedTuple):
    """What the ledger knew of a recipient before. since: when it was first deferred."""

    attempts: int = 0
    since: datetime | None = None
    possible_duplicate: bool = False


NO_HISTORY = History()


@dataclass(frozen=True, slots=True)
class RetryRules:
    """How often and how long a deferred message is tried again; from the settings `engine.*`."""

    max_attempts: int
    base_s: float
    total_s: float
    resend_in_doubt: bool


def skipped(reason: int) -> Verdict:
    return Verdict(LedgerStatus.SKIPPED, LedgerReason(reason))


def unrenderable(why: str, history: History) -> Verdict:
    return Verdict(
        LedgerStatus.FAILED,
        LedgerReason.RENDERING,
        attempts=history.attempts,
        possible_duplicate=history.possible_duplicate,
        text=_words(why),
    )


def throttled(history: History) -> Verdict:
    """The recipient's provider got a limit after the batch was planned: they get a batch of their own."""
    return Verdict(
        LedgerStatus.DEFERRED,
        LedgerReason.THROTTLED,
        attempts=history.attempts,
        possible_duplicate=history.possible_duplicate,
        retry_s=THROTTLED_RETRY_S,
    )


def _words(text: str) -> str:
    """What PostgreSQL can store of a server's words: no NUL, no halves of surrogate pairs."""
    return text[:LONGEST_TEXT].replace("\0", "").encode("utf-8", "replace").decode()


def verdict(result: Result, history: History, rules: RetryRules, *, now: datetime) -> Verdict:
    """The ledger row that `result` makes of a recipient with this history.

    SERVER uses no attempt. UNKNOWN (the connection went between the final dot and its reply) is sent once
    more where the policy says so, and is unknown for good the second time.
    """
    attempts = history.attempts + (result.outcome is not Outcome.SERVER)
    base = Verdict(
        LedgerStatus.ACCEPTED,
        code=result.code,
        attempts=attempts,
        possible_duplicate=history.possible_duplicate,
        text=_words(result.text),
    )
    match result.outcome:
        case Outcome.ACCEPTED:
            return base._replace(text="")
        case Outcome.FAILED:
            return base._replace(status=LedgerStatus.FAILED, reason=LedgerReason.REJECTED)
        case Outcome.DEFERRED | Outcome.SERVER:
            return _again(base, result, history, rules, now)
    if rules.resend_in_doubt and not history.possible_duplicate:
        return base._replace(
            status=LedgerStatus.DEFERRED,
            reason=LedgerReason.IN_DOUBT,
            possible_duplicate=True,
            retry_s=back_off_s(1, rules.base_s),
        )
    return base._replace(status=LedgerStatus.UNKNOWN, reason=LedgerReason.IN_DOUBT)


def _again(base: Verdict, result: Result, history: History, rules: RetryRules, now: datetime) -> Verdict:
    fault = result.outcome is Outcome.SERVER
    too_often = not fault and base.attempts >= rules.max_attempts
    too_long = history.since is not None and now - history.since > timedelta(seconds=rules.total_s)
    if too_often or too_long:
        return base._replace(status=LedgerStatus.FAILED, reason=LedgerReason.ATTEMPTS)
    retry_s = min(SERVER_FAULT_RETRY_S, rules.base_s) if fault else back_off_s(base.attempts, rules.base_s)
    return base._replace(status=LedgerStatus.DEFERRED, retry_s=retry_s)


def back_off_s(attempts: int, base_s: float) -> float:
    """Seconds until attempt number `attempts` + 1: doubling, at most six hours, with jitter of a quarter."""
    whole = min(base_s * 2 ** min(max(attempts, 1) - 1, 30), LONGEST_BACK_OFF_S)
    return whole * random.uniform(0.75, 1.25)
