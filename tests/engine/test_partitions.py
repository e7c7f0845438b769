"""The ledger's partitions, made ahead and emptied."""

from datetime import timedelta

from django.db import connection
from django.utils import timezone

from campaigns.engine import partitions
from campaigns.engine.models import LedgerEntry
from campaigns.models import Campaign
from listmonk_py.configuration import runtime


def partition_of(campaign_id):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tableoid::regclass::text FROM engine_ledger WHERE campaign_id = %s", [campaign_id]
        )
        return cursor.fetchone()[0]


def add_entry(campaign_id):
    LedgerEntry.objects.create(campaign_id=campaign_id, subscriber_id=1, at=timezone.now(), status=1)


def test_rows_move_from_the_default_partition_to_their_own(db):
    Campaign.objects.create(pk=3500, name="x", subject="x")
    add_entry(3500)
    assert partition_of(3500) == "engine_ledger_default"

    partitions.make_ahead()

    assert partition_of(3500) == "engine_ledger_3000"
    assert partitions.make_ahead() == []


def test_old_records_go_and_the_totals_stay(db):
    runtime.forget()
    runtime.save({"engine.ledger_retention_days": 30})
    now = timezone.now()
    old = Campaign.objects.create(
        name="x", subject="x", status="finished", sent=1, finished_at=now - timedelta(days=31)
    )
    new = Campaign.objects.create(
        name="x", subject="x", status="finished", sent=1, finished_at=now - timedelta(days=1)
    )
    add_entry(old.pk)
    add_entry(new.pk)

    assert partitions.drop_old() == 1

    assert set(LedgerEntry.objects.values_list("campaign_id", flat=True)) >= {new.pk}
    assert not LedgerEntry.objects.filter(campaign_id=old.pk).exists()
    old.refresh_from_db()
    assert old.sent == 1


def test_a_partition_whose_campaigns_are_all_old_is_dropped_as_a_whole(db):
    runtime.forget()
    runtime.save({"engine.ledger_retention_days": 30})
    long_ago = timezone.now() - timedelta(days=31)
    for pk in (8100, 8900):
        Campaign.objects.create(pk=pk, name="x", subject="x", status="finished", sent=1, finished_at=long_ago)
    Campaign.objects.create(pk=9500, name="x", subject="x", status="draft")
    Campaign.objects.create(pk=10_500, name="x", subject="x", status="draft")
    runtime.save({"engine.ledger_retention_days": 0})
    partitions.make_ahead()
    add_entry(8100)
    assert partition_of(8100) == "engine_ledger_8000"
    runtime.save({"engine.ledger_retention_days": 30})

    partitions.drop_old()

    assert tables() >= {"engine_ledger_9000", "engine_ledger_10000"}
    assert "engine_ledger_8000" not in tables()
    assert not LedgerEntry.objects.filter(campaign_id=8100).exists()
    assert "engine_ledger_8000" not in partitions.make_ahead()


def tables() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'engine_ledger'::regclass"
        )
        return {name for (name,) in cursor.fetchall()}
