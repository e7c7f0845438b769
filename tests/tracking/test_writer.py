"""From the stream to the tables: exactly once, set-wise, and no matter who dies when."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection

from campaigns.models import Campaign
from tests.factories import make_subscriber
from tracking import events, machines, writer
from tracking.consumer import Consumer
from tracking.models import CampaignCount, Click, DayCount, Machine, View

pytestmark = pytest.mark.django_db(transaction=True)


def view(campaign, person=None, **more):
    who = str(person.uuid) if person else events.NOBODY
    return events.line(str(campaign.uuid), who, individual=True, **more)


def click(campaign, link, person=None, **more):
    who = str(person.uuid) if person else events.NOBODY
    return events.line(str(campaign.uuid), who, link, individual=True, **more)


def counts(campaign):
    row = CampaignCount.objects.filter(pk=campaign.pk).values_list(
        "views", "clicks", "machine_views", "machine_clicks"
    )
    return row.first()


def test_events_become_rows_and_counts(campaign, link):
    person = make_subscriber()

    new = writer.store([view(campaign, person) + view(campaign), click(campaign, link, person)])

    assert new == 3
    assert sorted(View.objects.values_list("campaign_id", "subscriber_id"), key=str) == sorted(
        [(campaign.pk, person.pk), (campaign.pk, None)], key=str
    )
    only = Click.objects.get()
    assert (only.campaign_id, only.subscriber_id, only.machine) == (campaign.pk, person.pk, 0)
    assert counts(campaign) == (2, 1, 0, 0)
    today = DayCount.objects.get()
    assert (today.views, today.clicks) == (2, 1)


def test_the_same_event_counts_once_however_often_it_comes(campaign, link):
    once = view(campaign) + click(campaign, link)

    assert writer.store([once, once]) == 2
    assert writer.store([once]) == 0

    assert (View.objects.count(), Click.objects.count()) == (1, 1)
    assert counts(campaign) == (1, 1, 0, 0)


def test_machines_are_counted_apart(campaign, link):
    writer.store([view(campaign, machine=1) + click(campaign, link, machine=2) + view(campaign)])

    assert counts(campaign) == (1, 0, 1, 1)
    assert [(day.views, day.clicks) for day in DayCount.objects.all()] == [(1, 0)]


def test_unknown_campaigns_links_and_times_out_of_range_are_dropped(campaign, link):
    stranger = Campaign(uuid=uuid4())
    ancient = view(campaign).replace(str(datetime.now(UTC).year).encode(), b"1999")

    new = writer.store([view(stranger), click(campaign, str(uuid4())), click(stranger, link), ancient])

    assert new == 0
    assert not View.objects.exists()
    assert not Click.objects.exists()
    assert counts(campaign) is None


def test_an_unknown_subscriber_is_nobody(campaign):
    writer.store([events.line(str(campaign.uuid), str(uuid4()), individual=True)])

    assert View.objects.get().subscriber_id is None


def test_without_individual_tracking_no_person_enters_the_stream(campaign):
    person = make_subscriber()

    line = events.line(str(campaign.uuid), str(person.uuid), individual=False)

    assert str(person.uuid).encode() not in line


def test_a_damaged_entry_is_left_out_and_the_rest_is_stored(campaign, caplog):
    good = [view(campaign) for _ in range(6)]

    new = writer.store([*good[:3], b"v,not-a-uuid,now\n", *good[3:], b"\xff\xfe"])

    assert new == 6
    assert "thrown away" in caplog.text


def test_a_hit_within_a_second_of_delivery_is_a_machine(campaign, monkeypatch):
    early, late = make_subscriber(), make_subscriber()
    now = datetime.now(UTC)
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO engine_ledger (campaign_id, subscriber_id, at, status) VALUES (%s, %s, %s, 1)",
            [(campaign.pk, early.pk, now), (campaign.pk, late.pk, now - timedelta(minutes=1))],
        )

    writer.store([view(campaign, early) + view(campaign, late) + view(campaign)])

    judged = dict(View.objects.values_list("subscriber_id", "machine"))
    assert judged == {early.pk: Machine.TOO_SOON, late.pk: Machine.NONE, None: Machine.NONE}
    assert "engine_ledger" in machines.deliveries_sql


def test_storing_costs_the_same_number_of_statements_for_any_number_of_events(
    campaign, link, django_assert_num_queries
):
    def store(count):
        lines = [view(campaign) + click(campaign, link) for _ in range(count)]
        with django_assert_num_queries(8):  # BEGIN and COMMIT among them
            assert writer.store(lines) == 2 * count

    store(1)
    store(500)


def test_the_consumer_stores_acknowledges_and_deletes(campaign, redis):
    consumer = Consumer(redis)
    consumer.make_group()
    for _ in range(3):
        redis.xadd(events.STREAM, {events.FIELD: view(campaign) + view(campaign)})

    assert consumer.turn() == 6

    assert counts(campaign) == (6, 0, 0, 0)
    assert redis.xlen(events.STREAM) == 0
    assert redis.xpending(events.STREAM, events.GROUP)["pending"] == 0


def test_what_a_dead_consumer_left_is_claimed_and_counted_once(campaign, redis):
    dead, living = Consumer(redis), Consumer(redis, abandoned_ms=0)
    dead.make_group()
    redis.xadd(events.STREAM, {events.FIELD: view(campaign)})
    batch = dead._next()
    writer.store(batch.entries)  # killed after the commit, before the acknowledgement

    assert living.turn() == 0

    assert counts(campaign) == (1, 0, 0, 0)
    assert redis.xlen(events.STREAM) == 0


def test_a_batch_that_postgresql_refuses_is_kept_and_stored_later(campaign, redis, monkeypatch):
    consumer = Consumer(redis)
    consumer.make_group()
    redis.xadd(events.STREAM, {events.FIELD: view(campaign)})
    monkeypatch.setattr(writer, "INSERT", "SELECT 1/0 -- {too_soon} {deliveries}")
    with pytest.raises(DatabaseError):
        writer._store([view(campaign)])
    monkeypatch.undo()

    assert consumer.turn() == 1
    assert counts(campaign) == (1, 0, 0, 0)


def test_a_lost_stream_gets_its_group_again(campaign, redis):
    consumer = Consumer(redis)
    consumer.make_group()
    redis.flushdb()
    redis.xadd(events.STREAM, {events.FIELD: view(campaign)})

    consumer.make_group()

    assert consumer.turn() == 1
