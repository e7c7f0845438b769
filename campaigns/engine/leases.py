"""The right to work on a batch: taking it, keeping it, giving it back.

A lease has a token and an expiry by PostgreSQL's clock. Every statement of its holder is guarded by the
token alone: who has lost the lease writes nothing.
"""

import uuid
from dataclasses import dataclass

from django.conf import settings

from .database import AWAY_S, run
from .models import Batch

LEASE_S: float = getattr(settings, "ENGINE_LEASE_S", 30.0)


@dataclass(frozen=True, slots=True)
class Lease:
    """A batch as it was when it was leased. Positions count from 0."""

    batch_id: int
    campaign_id: int
    kind: int
    token: uuid.UUID
    size: int
    done: int
    doubtful: int
    domain_group: str

    @property
    def is_retry(self) -> bool:
        return self.kind == Batch.Kind.RETRY


_TAKEN = "b.id, b.campaign_id, b.kind, b.token, b.size, b.done, b.doubtful, b.domain_group"

# Only what was given back may be taken: an expired lease is first taken back by the scan.
_FREE = "b.state = 0 AND b.token IS NULL AND (b.not_before IS NULL OR b.not_before <= now())"

CLAIM = f"""
    UPDATE engine_batch b
       SET token = %(token)s, lease_until = now() + make_interval(secs => %(lease_s)s), not_before = NULL
      FROM campaigns_campaign c
     WHERE b.id = %(batch)s AND {_FREE} AND c.id = b.campaign_id AND c.status = 'running'
 RETURNING {_TAKEN}
"""

CLAIM_NEXT = f"""
    WITH next AS (
        SELECT b.id FROM engine_batch b
         WHERE b.campaign_id = %(campaign)s AND b.domain_group = %(domain_group)s AND {_FREE}
           AND b.doubtful <= b.done
         ORDER BY b.id LIMIT 1
           FOR UPDATE SKIP LOCKED)
    UPDATE engine_batch b
       SET token = %(token)s, lease_until = now() + make_interval(secs => %(lease_s)s), not_before = NULL
      FROM next, campaigns_campaign c
     WHERE b.id = next.id AND c.id = b.campaign_id AND c.status = 'running'
 RETURNING {_TAKEN}
"""

RENEW = """
    UPDATE engine_batch SET lease_until = now() + make_interval(secs => %(lease_s)s)
     WHERE id = %(batch)s AND token = %(token)s AND state = 0
 RETURNING id
"""

# A batch that is done is settled, and its ids go: the ledger has the rows. What was announced and is not
# settled would be in doubt.
RELEASE = """
    UPDATE engine_batch
       SET token = NULL, lease_until = NULL, offered_at = NULL,
           not_before = now() + make_interval(secs => %(pause_s)s),
           doubtful = GREATEST(doubtful, CASE WHEN announced > done THEN announced ELSE 0 END),
           state = CASE WHEN done >= size THEN 1 ELSE 0 END,
           subscriber_ids = CASE WHEN done >= size THEN '{}' ELSE subscriber_ids END
     WHERE id = %(batch)s AND token = %(token)s AND state = 0
 RETURNING state
"""

# While PostgreSQL is away nobody can keep a lease, and its holder waits for it as long as `AWAY_S`. So leases
# that ended around a restart are left alone until their holders had the time of a whole lease to come back.
TAKE_BACK = """
    WITH server AS (SELECT pg_postmaster_start_time() AS started),
    expired AS (
        SELECT id FROM engine_batch, server
         WHERE state = 0 AND token IS NOT NULL AND lease_until < now()
           AND NOT (now() < started + make_interval(secs => %(lease_s)s)
                    AND lease_until BETWEEN started - make_interval(secs => %(away_s)s)
                                        AND started + make_interval(secs => %(lease_s)s))
           FOR UPDATE OF engine_batch SKIP LOCKED)
    UPDATE engine_batch b
       SET token = NULL, lease_until = NULL, offered_at = NULL, not_before = NULL,
           doubtful = GREATEST(doubtful, announced)
      FROM expired
     WHERE b.id = expired.id
 RETURNING b.id
"""

# Anybody who is to be served before the holder of a slice goes on: another campaign, a domain group with a
# pace of its own, or people in doubt.
OTHERS_WAIT = """
    SELECT EXISTS (
        SELECT FROM engine_batch b JOIN campaigns_campaign c ON c.id = b.campaign_id AND c.status = 'running'
         WHERE b.state = 0 AND b.token IS NULL AND (b.not_before IS NULL OR b.not_before <= now())
           AND (b.campaign_id <> %(campaign)s OR b.domain_group <> %(domain_group)s OR b.doubtful > b.done))
"""

LOOK = """
    SELECT b.done, b.announced, b.size, c.status
      FROM engine_batch b JOIN campaigns_campaign c ON c.id = b.campaign_id
     WHERE b.id = %(batch)s AND b.token = %(token)s AND b.state = 0
"""


def claim(batch_id: int) -> Lease | None:
    """Lease this batch; None when somebody has it, it is done or not yet due, or its campaign is not running."""
    token = uuid.uuid4()
    return _leased(run(CLAIM, {"batch": batch_id, "token": token, "lease_s": LEASE_S}))


def claim_next(campaign_id: int, domain_group: str) -> Lease | None:
    """Lease the campaign's next free batch in which nobody is in doubt, if there is one.

    Doubts are settled one at a time with nothing else in flight, so such a batch begins a slice of its own.
    """
    parameters = {
        "campaign": campaign_id,
        "domain_group": domain_group,
        "token": uuid.uuid4(),
        "lease_s": LEASE_S,
    }
    return _leased(run(CLAIM_NEXT, parameters))


def _leased(rows: list[tuple]) -> Lease | None:
    return Lease(*rows[0]) if rows else None


def renew(lease: Lease) -> bool:
    """Put the expiry off; False when the lease is lost."""
    return bool(run(RENEW, {"batch": lease.batch_id, "token": lease.token, "lease_s": LEASE_S}))


def release(lease: Lease, *, pause_s: float = 0.0) -> bool:
    """Give the batch back, to be offered again after `pause_s`; True when it is settled for good."""
    parameters = {"batch": lease.batch_id, "token": lease.token, "pause_s": pause_s}
    rows = run(RELEASE, parameters)
    return bool(rows) and rows[0][0] == Batch.State.SETTLED


def take_back() -> int:
    """Free the batches whose lease has expired; return how many. What was announced of them is in doubt."""
    return len(run(TAKE_BACK, {"lease_s": LEASE_S, "away_s": AWAY_S}))


def others_wait(campaign_id: int, domain_group: str) -> bool:
    """Whether a sender of this campaign and domain group has to give way."""
    return bool(run(OTHERS_WAIT, {"campaign": campaign_id, "domain_group": domain_group})[0][0])


def look(lease: Lease) -> tuple[int, int, int, str] | None:
    """The batch as it is stored now: done, announced, size, campaign status; None when the lease is lost.

    Raises:
        OperationalError: PostgreSQL is still away.
    """
    rows = run(LOOK, {"batch": lease.batch_id, "token": lease.token})
    return rows[0] if rows else None  # type: ignore[return-value]


__all__ = ["LEASE_S", "Lease", "claim", "claim_next", "look", "others_wait", "release", "renew", "take_back"]
