"""The scan: once a second, and whenever something happened, it moves every campaign on (design section 3).

Safe to run twice and on two machines: each campaign is locked while it is folded, and one that is locked
already is left to whoever has it.
"""

import itertools
import logging
import time
from typing import Any

from django.db import DataError, connection, transaction
from django.utils import timezone
from redis.exceptions import RedisError

from campaigns import lifecycle
from campaigns.models import Campaign
from campaigns.status import Status
from listmonk_py.api.errors import DomainError
from listmonk_py.configuration import durations, runtime

from . import closing, doorbell, folding, heartbeats, leases, ledger, notifying, planning, waking
from .models import Batch, LedgerEntry, LedgerStatus, Run
from .redis_client import client

logger = logging.getLogger(__name__)

# Unix time of the last scan; `/ready` and the dashboard warn when it is old.
LAST_SCAN_KEY = "engine:last_scan"
# Planning goes on for so long within one scan, so that the other campaigns are not held up.
PLAN_BUDGET_S = 0.4
# Offered beyond the free senders, so that none waits for the next scan.
SPARE_OFFERS = 2

ALIVE = """
    SELECT id FROM campaigns_campaign WHERE status = 'running'
     UNION
    SELECT b.campaign_id
      FROM engine_batch b JOIN campaigns_campaign c ON c.id = b.campaign_id
     WHERE b.state = 1 OR b.accepted <> 0 OR b.deferred <> 0 OR b.failed <> 0 OR b.skipped <> 0
        OR b.unknown <> 0 OR c.status = 'cancelled'
"""

# Free batches of running campaigns, in turn: those first whose campaign has the fewest in work or on offer,
# and among them the one whose last offer is longest ago.
OFFER = """
    WITH load AS (
        SELECT b.campaign_id, COALESCE(max(served.turn), 0) AS last,
               count(*) FILTER (WHERE b.token IS NOT NULL OR b.offered_at > now() - %(repeat)s) AS busy
          FROM engine_batch b
          JOIN campaigns_campaign c ON c.id = b.campaign_id AND c.status = 'running'
          LEFT JOIN unnest(%(campaigns)s::bigint[], %(turns)s::bigint[]) AS served (campaign, turn)
            ON served.campaign = b.campaign_id
         WHERE b.state = 0
         GROUP BY b.campaign_id),
    free AS (
        SELECT batch.id, load.campaign_id, load.busy, load.last,
               row_number() OVER (PARTITION BY load.campaign_id ORDER BY batch.id) AS turn
          FROM load
         CROSS JOIN LATERAL (
               SELECT b.id FROM engine_batch b
                WHERE b.campaign_id = load.campaign_id AND b.state = 0 AND b.token IS NULL
                  AND (b.not_before IS NULL OR b.not_before <= now())
                  AND (b.offered_at IS NULL OR b.offered_at <= now() - %(repeat)s)
                ORDER BY b.id LIMIT %(most)s) batch),
    chosen AS (
        SELECT id, campaign_id, row_number() OVER (ORDER BY busy + turn, last, id) AS place FROM free
         ORDER BY place LIMIT %(most)s)
    UPDATE engine_batch b SET offered_at = now()
      FROM chosen
     WHERE b.id = chosen.id AND b.token IS NULL AND b.state = 0
 RETURNING chosen.place, b.id, chosen.campaign_id
"""

# Whose turn it was when, by campaign, as this process saw it. Batches do not tell: they go when they are done.
_turns: dict[int, int] = {}
_turn = itertools.count(1)
MOST_TURNS_KEPT = 10_000


def scan() -> None:
    """One pass. What one campaign cannot do does not keep the others from their turn."""
    doorbell.answered()
    lifecycle.start_due()
    leases.take_back()
    waking.wake_if_changed()
    more_to_plan = plan_all()
    offer()
    for campaign_id in _alive():
        try:
            move_on(campaign_id)
        except Exception:
            logger.exception("Campaign %s could not be moved on; the next scan tries again.", campaign_id)
    _note_scan()
    if more_to_plan:
        doorbell.ring()


def plan_all() -> bool:
    """A share of the planning for every campaign that needs it; True when more is to be done."""
    ids = list(
        Campaign.objects.filter(status=Status.RUNNING, planning=Campaign.Planning.ACTIVE)
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    more = False
    for campaign_id in ids:
        try:
            more |= planning.plan(campaign_id, budget_s=PLAN_BUDGET_S / len(ids))
        except (DomainError, DataError) as fault:
            # The segment's rule is what staff have written: trying again would end the same way for ever.
            _pause_unplanned(campaign_id, getattr(fault, "message", str(fault).partition("\n")[0]))
    return more


def _pause_unplanned(campaign_id: int, reason: str) -> None:
    logger.error("Campaign %s is paused, it cannot be planned: %s", campaign_id, reason)
    words = f"Its recipients cannot be found: {reason}"
    with transaction.atomic():
        if Campaign.objects.move(campaign_id, Status.RUNNING, Status.PAUSED, status_reason=words):
            notifying.tell_staff(campaign_id)


def offer() -> int:
    """Put free batches into the senders' queue; return how many."""
    most = heartbeats.free_senders() + SPARE_OFFERS
    parameters: dict[str, Any] = {
        "most": most,
        "repeat": f"{doorbell.OFFER_EXPIRES_S} seconds",
        "campaigns": list(_turns),
        "turns": list(_turns.values()),
    }
    with connection.cursor() as cursor:
        cursor.execute(OFFER.replace("%(repeat)s", "%(repeat)s::interval"), parameters)
        chosen = sorted(cursor.fetchall())
    for _, _, campaign_id in chosen:
        _turns.pop(campaign_id, None)
        _turns[campaign_id] = next(_turn)
    while len(_turns) > MOST_TURNS_KEPT:
        del _turns[next(iter(_turns))]
    return sum(doorbell.offer(batch_id) for _, batch_id, _ in chosen)


def move_on(campaign_id: int) -> None:
    """Fold counters, queue the deferred who are due, close or finish. One transaction.

    Running twice is harmless: the second finds the row locked and leaves it.
    """
    with transaction.atomic():
        campaign = (
            Campaign.objects.select_for_update(skip_locked=True, no_key=True)
            .defer("body", "body_source", "altbody")
            .filter(pk=campaign_id)
            .first()
        )
        if campaign is None:
            return
        if campaign.status == Status.CANCELLED:
            closing.close_batches(campaign_id)
        folding.fold(campaign)
        if campaign.status == Status.CANCELLED:
            closing.finish_cancelled(campaign)
        elif campaign.status == Status.RUNNING:
            _run_on(campaign)


def _run_on(campaign: Campaign) -> None:
    if campaign.deferred and ledger.queue_due(campaign.pk):
        transaction.on_commit(doorbell.ring)
        return
    if _servers_are_down(campaign):
        return
    if campaign.planning != Campaign.Planning.DONE or Batch.objects.filter(campaign=campaign).exists():
        return
    waiting = LedgerEntry.objects.filter(
        campaign_id=campaign.pk, status__in=[LedgerStatus.DEFERRED, LedgerStatus.QUEUED]
    )
    if not waiting.exists():
        _finish(campaign)


def _servers_are_down(campaign: Campaign) -> bool:
    """Pause the campaign when no server of its messenger could be used for too long."""
    down_since = Run.objects.filter(campaign=campaign).values_list("down_since", flat=True).first()
    limit_s = durations.seconds(runtime.get("engine.server_down_after"))
    if down_since is None or (timezone.now() - down_since).total_seconds() < limit_s:
        return False
    reason = f"No server of the messenger could be used. {campaign.status_reason}".strip()
    if Campaign.objects.move(campaign.pk, Status.RUNNING, Status.PAUSED, status_reason=reason):
        notifying.tell_staff(campaign.pk)
    return True


def _finish(campaign: Campaign) -> None:
    """Nothing is left: every recipient is in the ledger."""
    Campaign.objects.move(
        campaign.pk,
        Status.RUNNING,
        Status.FINISHED,
        finished_at=timezone.now(),
        last_subscriber_id=campaign.max_subscriber_id,
        to_send=planning.count_audience(campaign.pk),
        to_send_exact=True,
        status_reason="",
    )
    notifying.tell_staff(campaign.pk)


def _alive() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(ALIVE)
        return sorted(row[0] for row in cursor.fetchall())


def _note_scan() -> None:
    try:
        client().set(LAST_SCAN_KEY, repr(time.time()))
    except RedisError as fault:
        logger.info("Redis is away: %s", fault)
