"""Closing the batches of cancelled campaigns: everybody left is skipped, whoever is in doubt is unknown."""

from django.db import connection

from campaigns.models import Campaign

from . import ledger, planning
from .models import Batch

BATCHES_A_SCAN = 50

CLOSE = """
    WITH closing AS MATERIALIZED (
        SELECT id, kind, done, size, subscriber_ids, GREATEST(announced, doubtful) AS doubtful
          FROM engine_batch
         WHERE campaign_id = %(campaign)s AND state = 0 AND (token IS NULL OR lease_until < now())
         ORDER BY id LIMIT %(most)s
           FOR UPDATE SKIP LOCKED),
    person AS MATERIALIZED (
        SELECT closing.id AS batch, closing.kind, who.id, who.place <= closing.doubtful AS in_doubt
          FROM closing
         CROSS JOIN LATERAL unnest(closing.subscriber_ids) WITH ORDINALITY AS who (id, place)
         WHERE who.place > closing.done),
    first AS (
        INSERT INTO engine_ledger (campaign_id, subscriber_id, at, status, reason)
        SELECT %(campaign)s, id, now(), CASE WHEN in_doubt THEN 6 ELSE 5 END,
               CASE WHEN in_doubt THEN 9 ELSE 5 END
          FROM person WHERE kind = 0),
    again AS (
        UPDATE engine_ledger entry
           SET at = now(), retry_at = NULL, status = CASE WHEN person.in_doubt THEN 6 ELSE 5 END,
               reason = CASE WHEN person.in_doubt THEN 9 ELSE 5 END
          FROM person
         WHERE person.kind = 1 AND entry.campaign_id = %(campaign)s AND entry.subscriber_id = person.id),
    counted AS (
        SELECT closing.id,
               count(person.id) FILTER (WHERE NOT person.in_doubt) AS skipped,
               count(person.id) FILTER (WHERE person.in_doubt) AS unknown,
               count(person.id) FILTER (WHERE person.kind = 1) AS deferred
          FROM closing LEFT JOIN person ON person.batch = closing.id
         GROUP BY closing.id)
    UPDATE engine_batch b
       SET state = 1, token = NULL, lease_until = NULL, done = b.size, announced = b.size,
           subscriber_ids = '{}', skipped = b.skipped + counted.skipped,
           unknown = b.unknown + counted.unknown, deferred = b.deferred - counted.deferred
      FROM counted
     WHERE b.id = counted.id
"""


def close_batches(campaign_id: int) -> None:
    """Close some batches that nobody holds; the caller holds the campaign's row."""
    with connection.cursor() as cursor:
        cursor.execute(CLOSE, {"campaign": campaign_id, "most": BATCHES_A_SCAN})


def finish_cancelled(campaign: Campaign) -> None:
    """Skip the deferred; when the last batch is closed and folded, state the audience. The caller holds the row."""
    skip_deferred(campaign)
    if Batch.objects.filter(campaign=campaign).exists():
        return
    Campaign.objects.filter(pk=campaign.pk).update(
        planning=Campaign.Planning.NONE,
        to_send=planning.count_audience(campaign.pk),
        to_send_exact=True,
    )


def skip_deferred(campaign: Campaign) -> None:
    """Skip those who wait for a retry; the caller holds the campaign's row."""
    count = ledger.cancel_deferred(campaign.pk)
    if count:
        campaign.deferred -= count
        campaign.skipped += count
        campaign.save(update_fields=["deferred", "skipped"])
