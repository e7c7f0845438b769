"""Adding the batches' counters to the campaign's, each exactly once."""

from django.db import connection
from django.utils import timezone

from campaigns.models import Campaign

from .models import Run

# `taken` locks the batches and reads them as they are then; a checkpoint that is under way is folded next
# time. Settled batches have told everything and go.
FOLD = """
    WITH taken AS MATERIALIZED (
        SELECT id, state, accepted, deferred, failed, skipped, unknown
          FROM engine_batch
         WHERE campaign_id = %(campaign)s
           AND (state = 1 OR accepted <> 0 OR deferred <> 0 OR failed <> 0 OR skipped <> 0 OR unknown <> 0)
           FOR UPDATE SKIP LOCKED),
    cleared AS (
        UPDATE engine_batch b SET accepted = 0, deferred = 0, failed = 0, skipped = 0, unknown = 0
          FROM taken WHERE b.id = taken.id AND taken.state = 0),
    gone AS (
        DELETE FROM engine_batch b USING taken WHERE b.id = taken.id AND taken.state = 1),
    total AS (
        SELECT COALESCE(sum(accepted), 0) AS accepted, COALESCE(sum(deferred), 0) AS deferred,
               COALESCE(sum(failed), 0) AS failed, COALESCE(sum(skipped), 0) AS skipped,
               COALESCE(sum(unknown), 0) AS unknown, count(*) AS batches
          FROM taken)
    UPDATE campaigns_campaign c
       SET sent = sent + total.accepted, deferred = c.deferred + total.deferred,
           failed = c.failed + total.failed, skipped = c.skipped + total.skipped,
           unknown = c.unknown + total.unknown, updated_at = now()
      FROM total
     WHERE c.id = %(campaign)s AND total.batches > 0
 RETURNING c.sent, c.deferred, c.failed, c.skipped, c.unknown
"""

# The highest id below which everybody's first turn is over.
REACHED = """
    UPDATE campaigns_campaign c
       SET last_subscriber_id = COALESCE(
           (SELECT min(CASE WHEN b.done = 0 THEN b.first_id ELSE b.subscriber_ids[b.done + 1] END) - 1
              FROM engine_batch b
             WHERE b.campaign_id = c.id AND b.state = 0 AND b.kind = 0 AND b.done < b.size),
           c.plan_cursor)
     WHERE c.id = %s
 RETURNING last_subscriber_id
"""

SAMPLE_EVERY_S = 5.0


def fold(campaign: Campaign) -> None:
    """Fold, and bring `campaign` up to date; the caller holds its row."""
    with connection.cursor() as cursor:
        cursor.execute(FOLD, {"campaign": campaign.pk})
        row = cursor.fetchone()
        if row:
            campaign.sent, campaign.deferred, campaign.failed, campaign.skipped, campaign.unknown = row
            cursor.execute(REACHED, [campaign.pk])
            campaign.last_subscriber_id = cursor.fetchone()[0]
    _sample(campaign)


def _sample(campaign: Campaign) -> None:
    """Measure the rate over the last five seconds or more."""
    run = Run.objects.filter(campaign=campaign).first()
    if run is None:
        return
    now = timezone.now()
    passed_s = (now - run.sampled_at).total_seconds() if run.sampled_at else 0.0
    if run.sampled_at is None or passed_s >= SAMPLE_EVERY_S:
        if run.sampled_at is not None:
            run.rate = (campaign.sent - run.sampled_sent) / passed_s * 60
        run.sampled_at, run.sampled_sent = now, campaign.sent
        run.save(update_fields=["rate", "sampled_at", "sampled_sent"])
