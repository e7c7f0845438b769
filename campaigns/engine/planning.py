"""Writing a campaign's audience into batches, step by step (design section 3, "The audience is a fact").

Each step is one transaction that locks the campaign's row, moves the plan cursor and writes the batches of
one range of ids, so two planners cannot overlap and sending starts with the first step.
"""

import time
from typing import Any

from django.db import DataError, connection, transaction
from django.db.models import Max
from django.utils import timezone

from campaigns import segmenting
from campaigns.models import Campaign
from campaigns.status import Status
from listmonk_py.api.errors import DomainError
from listmonk_py.mail.domains import lookup_table
from listmonk_py.mail.models import DomainGroup
from subscribers.models import Subscriber
from subscribers.segments.rules import Rule

from .audience import LISTS, NEXT_IDS, ROUGHLY, Audience
from .models import Run

BATCH_SIZE = 1000
# The first step is small, so that the first message leaves within a second of Start.
FIRST_STEP = 2_000
STEP = 20_000

# Batches of %(batch_size)s ids, in order, those of a rate-limited domain group apart from the others.
# `already` leaves out who is in the ledger or still in a batch, when a plan is made again. `segment` is blank
# or a further condition on `person`, which looks at the people of this step alone.
WRITE_STEP = f"""
    WITH candidate AS MATERIALIZED ({NEXT_IDS}),
    reached AS (
        SELECT CASE WHEN count(*) < %(step)s THEN %(up_to)s::bigint ELSE max(subscriber_id) END AS id
          FROM candidate),
    planned AS (
        SELECT person.id, COALESCE(slow.name, '') AS domain_group
          FROM candidate
          JOIN subscribers_subscriber person ON person.id = candidate.subscriber_id
          LEFT JOIN unnest(%(domains)s::text[], %(groups)s::text[]) AS slow (domain, name)
            ON slow.domain = lower(split_part(person.email, '@', -1))
         WHERE person.status = 'enabled'
           AND person.id > %(after)s::bigint AND person.id <= %(up_to)s::bigint
           AND person.id <> ALL (%(held)s::bigint[])
           AND (NOT %(again)s OR NOT EXISTS (
                SELECT FROM engine_ledger entry
                 WHERE entry.campaign_id = %(campaign)s AND entry.subscriber_id = person.id)){{segment}}),
    numbered AS (
        SELECT id, domain_group,
               (row_number() OVER (PARTITION BY domain_group ORDER BY id) - 1) / %(batch_size)s AS part
          FROM planned),
    written AS (
        INSERT INTO engine_batch
               (campaign_id, kind, state, subscriber_ids, size, first_id, last_id, domain_group,
                done, announced, doubtful, accepted, deferred, failed, skipped, unknown)
        SELECT %(campaign)s, 0, 0, array_agg(id ORDER BY id), count(*), min(id), max(id), domain_group,
               0, 0, 0, 0, 0, 0, 0, 0
          FROM numbered
         GROUP BY domain_group, part
         ORDER BY min(id)
     RETURNING size)
    SELECT (SELECT id FROM reached), (SELECT COALESCE(sum(size), 0) FROM written)
"""

# The first or last person of a list, from the index.
_END = """
    SELECT subscriber_id FROM subscribers_subscription
     WHERE list_id = list.id ORDER BY subscriber_id {order} LIMIT 1"""
# Of some people of the audience, from each of several places in its range of ids on: how many there are, and
# how many fit.
SAMPLE = f"""
    WITH bounds AS (
        SELECT min(first.subscriber_id) - 1 AS low, LEAST(max(last.subscriber_id), %(up_to)s) AS high
          FROM {LISTS}
         CROSS JOIN LATERAL ({_END.format(order="ASC")}) first
         CROSS JOIN LATERAL ({_END.format(order="DESC")}) last)
    SELECT count(*), count(*) FILTER (WHERE true{{segment}})
      FROM (SELECT DISTINCT found.subscriber_id
              FROM (SELECT low + (high - low) * n / %(places)s AS id
                      FROM bounds, generate_series(0, %(places)s - 1) n) place
             CROSS JOIN LATERAL ({NEXT_IDS.replace("%(after)s::bigint", "place.id")}) found) candidate
      JOIN subscribers_subscriber person ON person.id = candidate.subscriber_id
     WHERE person.status = 'enabled'
"""
SAMPLE_PLACES = 20
SAMPLE_STEP = 250

# Everybody who is settled, or still in a first-pass batch. One statement, so that a checkpoint that moves
# people from a batch to the ledger is seen on both sides or on neither.
COUNT_AUDIENCE = """
    SELECT c.sent + c.deferred + c.failed + c.skipped + c.unknown
           + COALESCE((SELECT sum(accepted + deferred + failed + skipped + unknown
                                  + CASE WHEN state = 0 AND kind = 0 THEN size - done ELSE 0 END)
                         FROM engine_batch WHERE campaign_id = c.id), 0)
      FROM campaigns_campaign c
     WHERE c.id = %s
"""

# A new plan begins where nobody was touched: whole batches go, the untouched tails of others are cut off.
DROP_UNTOUCHED = (
    "DELETE FROM engine_batch WHERE campaign_id = %s AND state = 0 AND kind = 0 AND announced = 0"
)
CUT_TAILS = """
    UPDATE engine_batch
       SET subscriber_ids = subscriber_ids[1:announced], size = announced,
           last_id = subscriber_ids[announced]
     WHERE campaign_id = %s AND state = 0 AND kind = 0 AND announced > 0 AND announced < size
"""
HELD = """
    SELECT COALESCE(array_agg(held.id), '{}')
      FROM engine_batch b
     CROSS JOIN LATERAL unnest(b.subscriber_ids[b.done + 1 : b.announced]) AS held (id)
     WHERE b.campaign_id = %(campaign)s AND b.state = 0 AND b.kind = 0 AND b.done < b.announced
       AND b.last_id > %(after)s
"""

# Retry batches, those of a rate-limited domain group apart from the others as in the first pass.
WRITE_RETRIES = """
    WITH numbered AS (
        SELECT again.id, COALESCE(slow.name, '') AS domain_group,
               (row_number() OVER (PARTITION BY COALESCE(slow.name, '') ORDER BY again.id) - 1)
                   / %(batch_size)s AS part
          FROM unnest(%(ids)s::bigint[]) AS again (id)
          LEFT JOIN subscribers_subscriber person ON person.id = again.id
          LEFT JOIN unnest(%(domains)s::text[], %(groups)s::text[]) AS slow (domain, name)
            ON slow.domain = lower(split_part(person.email, '@', -1)))
    INSERT INTO engine_batch
           (campaign_id, kind, state, subscriber_ids, size, first_id, last_id, domain_group,
            done, announced, doubtful, accepted, deferred, failed, skipped, unknown)
    SELECT %(campaign)s, 1, 0, array_agg(id ORDER BY id), count(*), min(id), max(id), domain_group,
           0, 0, 0, 0, 0, 0, 0, 0
      FROM numbered
     GROUP BY domain_group, part
     ORDER BY min(id)
"""


def begin(campaign: Campaign, *, again: bool) -> None:
    """Freeze the audience and start its planning; the caller holds the campaign's row.

    The range of ids and the segment's rule are frozen here. With `again` the campaign has been running
    before: everybody whose turn had not come is planned anew, with the lists as they are now and with the
    people who came since.
    Publishes an estimate as `to_send`, which is exact when the planning is done.
    """
    Run.begin(campaign.pk)
    if again:
        with connection.cursor() as cursor:
            cursor.execute(DROP_UNTOUCHED, [campaign.pk])
            cursor.execute(CUT_TAILS, [campaign.pk])
    newest = Subscriber.objects.aggregate(newest=Max("pk"))["newest"] or 0
    campaign.max_subscriber_id = newest
    campaign.plan_cursor = 0
    campaign.planning = Campaign.Planning.ACTIVE
    segmenting.freeze(campaign)
    campaign.to_send = estimate(Audience.of(campaign), newest, rule=segmenting.rule_of(campaign))
    campaign.to_send_exact = False
    campaign.save(
        update_fields=[
            "max_subscriber_id",
            "plan_cursor",
            "planning",
            "to_send",
            "to_send_exact",
            "segment_name",
            "segment_rule",
            "updated_at",
        ]
    )


def estimate(audience: Audience, up_to: int, *, rule: Rule | None = None) -> int:
    """About how many people qualify, whatever the size of the lists in a millisecond, or some ten with a rule.

    Args:
        rule: of the segment, if there is one. PostgreSQL's statistics say nothing about it, so it is tried
            on some thousands of the people.
    """
    if not audience.list_ids:
        return 0
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (FORMAT JSON) " + ROUGHLY, {**audience.parameters, "up_to": up_to})
        plan = cursor.fetchone()[0]
    rough = int(plan[0]["Plan"]["Plan Rows"])
    return rough if rule is None else round(rough * share(audience, up_to, rule))


def share(audience: Audience, up_to: int, rule: Rule) -> float:
    """Which part of the audience fits `rule`, from people at evenly spread ids: 0.0 to 1.0.

    All of it for a rule that cannot be evaluated; planning meets the same error, and the campaign is paused.
    """
    size = {"places": SAMPLE_PLACES, "step": SAMPLE_STEP}
    parameters = {**audience.parameters, **size, "up_to": up_to}
    try:
        condition, values = segmenting.where(rule, few=True)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(SAMPLE.format(segment=condition), {**parameters, **values})
            tried, fit = cursor.fetchone()
    except (DomainError, DataError):
        return 1.0
    return fit / tried if tried else 1.0


def plan(campaign_id: int, *, budget_s: float) -> bool:
    """Write steps of the plan for about `budget_s` seconds; True while more is to be done.

    Running twice at once is harmless: the second waits for the first one's step and goes on behind it.
    A step that dies rolls back whole.
    """
    until = time.monotonic() + budget_s
    while True:
        if not _step(campaign_id):
            return False
        if time.monotonic() >= until:
            return True


@transaction.atomic
def _step(campaign_id: int) -> bool:
    campaign = (
        Campaign.objects.select_for_update(no_key=True)
        .filter(pk=campaign_id, status=Status.RUNNING, planning=Campaign.Planning.ACTIVE)
        .first()
    )
    if campaign is None:
        return False
    audience = Audience.of(campaign)
    campaign.started_at = campaign.started_at or timezone.now()
    if audience.list_ids and campaign.plan_cursor < campaign.max_subscriber_id:
        campaign.plan_cursor = _write_batches(campaign, audience)
    else:
        campaign.plan_cursor = campaign.max_subscriber_id
    changed = ["plan_cursor", "started_at"]
    if campaign.plan_cursor >= campaign.max_subscriber_id:
        campaign.planning = Campaign.Planning.DONE
        campaign.to_send = count_audience(campaign_id)
        campaign.to_send_exact = True
        changed += ["planning", "to_send", "to_send_exact"]
    campaign.save(update_fields=changed)
    return campaign.planning == Campaign.Planning.ACTIVE


def _write_batches(campaign: Campaign, audience: Audience) -> int:
    """Write one step's batches; return the id up to which the audience is planned now."""
    domains, groups = slow_domains()
    condition, values = segmenting.where(segmenting.rule_of(campaign), few=True)
    again = Run.objects.filter(campaign_id=campaign.pk, number__gt=1).exists()
    parameters: dict[str, Any] = {
        **audience.parameters,
        **values,
        "campaign": campaign.pk,
        "after": campaign.plan_cursor,
        "up_to": campaign.max_subscriber_id,
        "step": STEP if campaign.plan_cursor else FIRST_STEP,
        "batch_size": BATCH_SIZE,
        "domains": domains,
        "groups": groups,
        # Planned before: the ledger or a batch may have some of them.
        "again": again,
        "held": _held(campaign) if again else [],
    }
    with connection.cursor() as cursor:
        cursor.execute(WRITE_STEP.format(segment=condition), parameters)
        reached, _ = cursor.fetchone()
    return int(reached)


def _held(campaign: Campaign) -> list[int]:
    """Who is in doubt or on the wire beyond the plan's cursor: announced, in no ledger row yet.

    A window for each lease at most, however large the plan: the batches of this plan end at the cursor.
    """
    with connection.cursor() as cursor:
        cursor.execute(HELD, {"campaign": campaign.pk, "after": campaign.plan_cursor})
        return list(cursor.fetchone()[0])


def slow_domains() -> tuple[list[str], list[str]]:
    """Domains with a rate of their own, and the group of each, in step.

    A domain that two groups name counts for the first: twice, and its people would be planned twice.
    """
    limited = DomainGroup.objects.filter(rate__isnull=False).order_by("name").values_list("name", "domains")
    table = lookup_table(dict(limited))
    return list(table), list(table.values())


def count_audience(campaign_id: int) -> int:
    """Everybody the campaign is for: settled, or planned and not yet settled."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT_AUDIENCE, [campaign_id])
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def write_retry_batches(campaign_id: int, ids: list[int]) -> None:
    """Batches of kind RETRY for people whose ledger rows have just become `queued`."""
    domains, groups = slow_domains()
    parameters: dict[str, Any] = {
        "campaign": campaign_id,
        "ids": ids,
        "domains": domains,
        "groups": groups,
        "batch_size": BATCH_SIZE,
    }
    with connection.cursor() as cursor:
        cursor.execute(WRITE_RETRIES, parameters)
