"""The checkpoint: settle what is done, announce what comes next, read whom it is for. One transaction.

A checkpoint is one statement, and so one round trip: it updates the batch guarded by the token, writes the
outcomes to the ledger, and reads the people who are announced now, each with the reason why they may not be
mailed any more. Recipients who were simply accepted travel as a range of positions; only the others have
their outcome sent along. When the token does not match, nothing of it happens.

Why not COPY: 100 outcomes by COPY are three more round trips, and the ids are in the database already. Side by
side on one machine the statement took 17 us a recipient and COPY in a transaction 23.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from django.db import transaction

from . import notifying
from .audience import OBSTACLE, Audience
from .database import run
from .leases import LEASE_S, Lease
from .models import LedgerStatus
from .verdicts import NO_HISTORY, History, Verdict


class Person(NamedTuple):
    """One announced recipient.

    obstacle: a LedgerReason, 0 when the message may go. attribs: JSON text. The times are None unless asked for.
    """

    position: int
    id: int
    obstacle: int
    uuid: str
    email: str
    name: str
    status: str
    attribs: str
    created_at: datetime | None
    updated_at: datetime | None
    history: History


@dataclass(slots=True)
class Settlement:
    """The outcomes of positions `start` (included) to `end` (excluded). Who is not in `odd` was accepted.

    odd: subscriber id to verdict.
    """

    start: int
    end: int
    odd: dict[int, Verdict] = field(default_factory=dict)
    # In a retry batch: who was a possible duplicate before, so that the flag stays.
    is_retry: bool = False

    def deltas(self) -> dict[str, int]:
        """Signed changes of the campaign's counters."""
        counts = dict.fromkeys(("accepted", "deferred", "failed", "skipped", "unknown"), 0)
        counts["accepted"] = self.end - self.start - len(self.odd)
        for one in self.odd.values():
            counts[_COUNTER[one.status]] += 1
        if self.is_retry:  # every one of them was counted as deferred until now
            counts["deferred"] -= self.end - self.start
        return counts


_COUNTER = {
    LedgerStatus.ACCEPTED: "accepted",
    LedgerStatus.DEFERRED: "deferred",
    LedgerStatus.QUEUED: "deferred",
    LedgerStatus.FAILED: "failed",
    LedgerStatus.SKIPPED: "skipped",
    LedgerStatus.UNKNOWN: "unknown",
}


class Announced(NamedTuple):
    """What a checkpoint found: the batch's size, how far it is announced, the campaign's status, the people."""

    size: int
    announced: int
    status: str
    people: list[Person]


_BATCH = """
    batch AS (
        UPDATE engine_batch b
           SET done = %(end)s,
               announced = GREATEST(b.announced, CASE WHEN c.status = 'running'
                                                      THEN LEAST(%(announce)s, b.size) ELSE 0 END),
               lease_until = now() + make_interval(secs => %(lease_s)s),
               accepted = b.accepted + %(accepted)s,
               deferred = b.deferred + %(deferred)s,
               failed = b.failed + %(failed)s,
               skipped = b.skipped + %(skipped)s,
               unknown = b.unknown + %(unknown)s
          FROM campaigns_campaign c
         WHERE b.id = %(batch)s AND b.token = %(token)s::uuid AND b.state = 0 AND b.done = %(start)s
           AND c.id = b.campaign_id
     RETURNING b.campaign_id, b.size, b.announced, b.subscriber_ids, c.status)"""

_ODD = """
    unnest(%(odd_ids)s::bigint[], %(odd_status)s::smallint[], %(odd_reason)s::smallint[],
           %(odd_code)s::smallint[], %(odd_attempts)s::smallint[], %(odd_duplicate)s::boolean[],
           %(odd_retry)s::float8[])
        AS odd (id, status, reason, code, attempts, possible_duplicate, retry_s)"""

# `retry_at` falls on the end of a minute where waiting is counted in minutes.
_RETRY_AT = """
    CASE WHEN odd.retry_s IS NULL THEN NULL
         WHEN odd.retry_s < 60 THEN now() + make_interval(secs => odd.retry_s)
         ELSE date_bin('1 minute', now() + make_interval(secs => odd.retry_s + 60), '2000-01-01Z') END"""

_INSERT = f"""
    settled AS (
        INSERT INTO engine_ledger
               (campaign_id, subscriber_id, at, retry_at, status, reason, code, attempts, possible_duplicate)
        SELECT batch.campaign_id, who.id, now(), {_RETRY_AT}, COALESCE(odd.status, 1), COALESCE(odd.reason, 0),
               COALESCE(odd.code, 250), COALESCE(odd.attempts, 1), COALESCE(odd.possible_duplicate, false)
          FROM batch
         CROSS JOIN LATERAL unnest(batch.subscriber_ids[%(start)s + 1 : %(end)s]) AS who (id)
          LEFT JOIN {_ODD} ON odd.id = who.id)"""

# `at` keeps the time of the first deferral until the outcome is final.
_UPDATE = f"""
    settled AS (
        UPDATE engine_ledger entry
           SET at = CASE WHEN odd.status = 2 THEN entry.at ELSE now() END,
               retry_at = {_RETRY_AT},
               status = COALESCE(odd.status, 1),
               reason = COALESCE(odd.reason, 0),
               code = COALESCE(odd.code, 250),
               attempts = COALESCE(odd.attempts, entry.attempts + 1),
               possible_duplicate = entry.possible_duplicate OR COALESCE(odd.possible_duplicate, false)
          FROM batch
         CROSS JOIN LATERAL unnest(batch.subscriber_ids[%(start)s + 1 : %(end)s]) AS who (id)
          LEFT JOIN {_ODD} ON odd.id = who.id
         WHERE entry.campaign_id = batch.campaign_id AND entry.subscriber_id = who.id)"""

# LEFT JOIN: a checkpoint that announces nobody still returns one row, which says that the lease holds.
_READ = f"""
    SELECT set_config('synchronous_commit', 'on', true),
           batch.size, batch.announced, batch.status, who.place + %(after)s - 1, who.id, {OBSTACLE},
           person.uuid::text, person.email, person.name, person.status, person.attribs::text,
           CASE WHEN %(times)s THEN person.created_at END, CASE WHEN %(times)s THEN person.updated_at END"""
_FROM = """
      FROM batch
      LEFT JOIN LATERAL unnest(batch.subscriber_ids[%(after)s + 1 : batch.announced])
                WITH ORDINALITY AS who (id, place) ON true
      LEFT JOIN subscribers_subscriber person ON person.id = who.id"""
_HISTORY = """
      LEFT JOIN engine_ledger entry
             ON entry.campaign_id = batch.campaign_id AND entry.subscriber_id = who.id"""
_ORDER = " ORDER BY who.place"

_PAST = ", entry.attempts, entry.at, entry.possible_duplicate"

FIRST = f"WITH {_BATCH}, {_INSERT} {_READ} {_FROM} {_ORDER}"
FIRST_IDLE = f"WITH {_BATCH} {_READ} {_FROM} {_ORDER}"
RETRY = f"WITH {_BATCH}, {_UPDATE} {_READ}{_PAST} {_FROM} {_HISTORY} {_ORDER}"
RETRY_IDLE = f"WITH {_BATCH} {_READ}{_PAST} {_FROM} {_HISTORY} {_ORDER}"

_STORED = """
    batch AS (
        SELECT b.campaign_id, b.size, b.announced, b.subscriber_ids, c.status
          FROM engine_batch b JOIN campaigns_campaign c ON c.id = b.campaign_id
         WHERE b.id = %(batch)s AND b.token = %(token)s::uuid AND b.state = 0)"""
READ_FIRST = f"WITH {_STORED} {_READ} {_FROM} {_ORDER}"
READ_RETRY = f"WITH {_STORED} {_READ}{_PAST} {_FROM} {_HISTORY} {_ORDER}"

# One more failure of many: atomically, so that nothing is announced once the threshold is reached.
COUNT_ERRORS = """
    UPDATE campaigns_campaign
       SET run_errors = run_errors + %(failed)s,
           status = CASE WHEN %(threshold)s > 0 AND run_errors + %(failed)s >= %(threshold)s
                              AND status = 'running' THEN 'paused' ELSE status END,
           status_reason = CASE WHEN %(threshold)s > 0 AND run_errors + %(failed)s >= %(threshold)s
                                     AND status = 'running'
                                THEN %(words)s ELSE status_reason END,
           updated_at = CASE WHEN %(threshold)s > 0 AND run_errors + %(failed)s >= %(threshold)s
                             THEN now() ELSE updated_at END
     WHERE id = %(campaign)s
 RETURNING %(threshold)s > 0 AND status = 'paused' AND run_errors >= %(threshold)s
           AND run_errors - %(failed)s < %(threshold)s
"""

WRITE_TEXTS = """
    INSERT INTO engine_ledger_text (campaign_id, subscriber_id, text)
    SELECT %(campaign)s, said.id, said.text
      FROM unnest(%(ids)s::bigint[], %(texts)s::text[]) AS said (id, text)
        ON CONFLICT (campaign_id, subscriber_id) DO UPDATE SET text = excluded.text
"""

TOO_MANY_ERRORS = "Paused after {threshold} failed messages (app.max_send_errors). See the failed deliveries."


class LeaseLost(Exception):
    """Somebody else may have the batch: nothing was written, nothing may be sent."""


def checkpoint(
    lease: Lease,
    settlement: Settlement,
    *,
    announced: int,
    announce: int,
    audience: Audience,
    max_errors: int,
    times: bool = True,
) -> Announced:
    """Settle `settlement`, announce up to position `announce`, and return who that is for.

    Args:
        announced: the position up to which people were read before; those from there on are returned.
        times: read when people were added and changed; parsing them costs as much as all their other fields.
        max_errors: `app.max_send_errors`; at that many failures the campaign is paused and nothing announced.

    Raises:
        LeaseLost: the token does not match any more, or this very settlement is written already (its answer
            was lost). Nothing was written now.
        OperationalError: the connection went; whether it was written is found out by `reread`.
    """
    parameters = _parameters(lease, settlement, audience)
    parameters |= {"times": times, "after": announced, "announce": announce}
    statement = _statement(lease, is_idle=settlement.start == settlement.end)
    failed = parameters["failed"]
    texts = {pk: one.text for pk, one in settlement.odd.items() if one.text}
    if failed <= 0 and not texts:
        return _answer(run(statement, parameters), lease)
    with transaction.atomic():
        if failed > 0:
            count_errors(lease.campaign_id, failed, max_errors)
        found = _answer(run(statement, parameters), lease)
        if texts:
            said = {"campaign": lease.campaign_id, "ids": list(texts), "texts": list(texts.values())}
            run(WRITE_TEXTS, said)
    return found


def count_errors(campaign_id: int, failed: int, threshold: int) -> None:
    """Note `failed` more failures; at `threshold` of them (0 is never) the campaign pauses, and staff hear of it."""
    words = TOO_MANY_ERRORS.format(threshold=threshold)
    parameters = {"campaign": campaign_id, "failed": failed, "threshold": threshold, "words": words}
    paused = run(COUNT_ERRORS, parameters)
    if paused and paused[0][0]:
        notifying.tell_staff(campaign_id)


def _statement(lease: Lease, *, is_idle: bool) -> str:
    if lease.is_retry:
        return RETRY_IDLE if is_idle else RETRY
    return FIRST_IDLE if is_idle else FIRST


def reread(lease: Lease, *, announced: int, audience: Audience) -> Announced:
    """Who is announced from position `announced` on, as stored now; after an answer was lost.

    Raises:
        LeaseLost: the token does not match any more.
    """
    parameters = {**_batch_parameters(lease, audience), "after": announced, "times": True}
    return _answer(run(READ_RETRY if lease.is_retry else READ_FIRST, parameters), lease)


def _batch_parameters(lease: Lease, audience: Audience) -> dict[str, Any]:
    token: uuid.UUID = lease.token
    return {**audience.parameters, "batch": lease.batch_id, "token": token, "lease_s": LEASE_S}


def _parameters(lease: Lease, settlement: Settlement, audience: Audience) -> dict[str, Any]:
    return {
        **_batch_parameters(lease, audience),
        **settlement.deltas(),
        **_odd_parameters(settlement.odd),
        "start": settlement.start,
        "end": settlement.end,
    }


def _odd_parameters(odd: Mapping[int, Verdict]) -> dict[str, list[Any]]:
    verdicts = odd.values()
    return {
        "odd_ids": list(odd),
        "odd_status": [int(one.status) for one in verdicts],
        "odd_reason": [int(one.reason) for one in verdicts],
        "odd_code": [one.code for one in verdicts],
        "odd_attempts": [one.attempts for one in verdicts],
        "odd_duplicate": [one.possible_duplicate for one in verdicts],
        "odd_retry": [one.retry_s for one in verdicts],
    }


def _answer(rows: Sequence[tuple[Any, ...]], lease: Lease) -> Announced:
    if not rows:
        raise LeaseLost
    _, size, announced, status, *_ = rows[0]
    people = [_person(row, is_retry=lease.is_retry) for row in rows if row[5] is not None]
    return Announced(size, announced, status, people)


def _person(row: tuple[Any, ...], *, is_retry: bool) -> Person:
    history = History(*row[14:17]) if is_retry and row[14] is not None else NO_HISTORY
    return Person._make((*row[4:14], history))
