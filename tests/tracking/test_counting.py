"""What is made of stored events: counts, analytics, partitions, and forgetting."""

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from campaigns import removal as campaign_removal
from campaigns.models import Campaign
from tests.factories import make_subscriber
from tracking import analytics, counts, links, partitions, removal
from tracking.models import CampaignCount, Click, DayCount, View

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 5, 10, 12, 30, tzinfo=UTC)


def view(campaign_id, at, who=None, machine=0):
    View.objects.create(
        event_id=uuid4(), created_at=at, campaign_id=campaign_id, subscriber_id=who, machine=machine
    )


def click(campaign_id, link_id, at, who=None, machine=0):
    Click.objects.create(
        event_id=uuid4(),
        created_at=at,
        campaign_id=campaign_id,
        subscriber_id=who,
        link_id=link_id,
        machine=machine,
    )


def buckets(rows):
    return [(row["campaign_id"], row["count"], row["timestamp"].isoformat()) for row in rows]


def test_short_ranges_count_by_hour_and_long_ones_by_day():
    view(1, NOON)
    view(1, NOON + timedelta(minutes=29))
    view(1, NOON + timedelta(minutes=31))
    view(2, NOON)
    view(1, NOON, machine=1)

    day = analytics.views([1, 2], NOON - timedelta(days=1), NOON + timedelta(days=1), individual=False)
    month = analytics.views([1], NOON - timedelta(days=20), NOON + timedelta(days=1), individual=False)

    assert buckets(day) == [
        (1, 2, "2026-05-10T12:00:00+00:00"),
        (2, 1, "2026-05-10T12:00:00+00:00"),
        (1, 1, "2026-05-10T13:00:00+00:00"),
    ]
    assert buckets(month) == [(1, 3, "2026-05-10T00:00:00+00:00")]


def test_with_individual_tracking_a_person_counts_once_at_the_first_hit():
    for at, who in ((NOON, 7), (NOON + timedelta(hours=3), 7), (NOON + timedelta(hours=3), 8)):
        click(1, 5, at, who)
    click(1, 5, NOON, None)
    click(1, 5, NOON, None)

    found = analytics.clicks([1], NOON - timedelta(days=1), NOON + timedelta(days=1), individual=True)

    assert buckets(found) == [(1, 2, "2026-05-10T12:00:00+00:00"), (1, 1, "2026-05-10T15:00:00+00:00")]


def test_links_are_ranked_by_clicks_or_by_people(redis):
    links._known.clear()
    links.register(["https://a.example/", "https://b.example/"])
    a, b = (links_id(url) for url in ("https://a.example/", "https://b.example/"))
    for _ in range(3):
        click(1, a, NOON, 7)
    click(1, b, NOON, 7)
    click(1, b, NOON, 8)
    click(1, b, NOON, 8, machine=2)
    period = ([1], NOON - timedelta(days=1), NOON + timedelta(days=1))

    raw, people = (analytics.top_links(*period, individual=flag) for flag in (False, True))

    assert raw == [{"url": "https://a.example/", "count": 3}, {"url": "https://b.example/", "count": 2}]
    assert people == [{"url": "https://b.example/", "count": 2}, {"url": "https://a.example/", "count": 1}]


def links_id(url):
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM tracking_link WHERE url = %s", [url])
        return cursor.fetchone()[0]


def test_campaigns_and_days_are_read_from_the_counts_alone(django_assert_num_queries):
    today = date(2026, 5, 10)
    CampaignCount.objects.create(campaign_id=1, views=3, clicks=1, machine_views=9)
    DayCount.objects.create(day=today, views=3)
    DayCount.objects.create(day=today - timedelta(days=29), clicks=1)
    DayCount.objects.create(day=today - timedelta(days=30), views=8)

    with django_assert_num_queries(2):
        found = counts.of_campaigns([1, 2])
        chart = counts.last_days(today=today)

    assert found == {1: {"views": 3, "clicks": 1, "machine_views": 9, "machine_clicks": 0}}
    assert chart == {
        "campaign_views": [{"count": 3, "date": "2026-05-10"}],
        "link_clicks": [{"count": 1, "date": "2026-04-11"}],
    }


def test_deleting_old_events_takes_them_off_the_counts(redis):
    for at in (NOON, NOON, NOON + timedelta(days=40)):
        view(1, at)
    view(1, NOON, machine=1)
    CampaignCount.objects.create(campaign_id=1, views=3, machine_views=1, clicks=5)
    DayCount.objects.create(day=NOON.date(), views=2, clicks=5)

    gone = removal.delete_views(NOON + timedelta(days=1))

    row, day = CampaignCount.objects.get(), DayCount.objects.get()
    assert gone == 3
    assert View.objects.count() == 1
    assert (row.views, row.machine_views, row.clicks) == (1, 0, 5)
    assert (day.views, day.clicks) == (0, 5)


def test_large_deletions_go_in_steps(monkeypatch):
    monkeypatch.setattr(removal, "ROWS", 2)
    for _ in range(5):
        click(1, 1, NOON)

    assert removal.delete_clicks(NOON + timedelta(days=1)) == 5
    assert not Click.objects.exists()


def test_a_deleted_campaign_takes_its_events_along():
    kept, gone = (Campaign.objects.create(name=name, subject=name) for name in "ab")
    for one in (kept, gone):
        view(one.pk, NOON)
        click(one.pk, 1, NOON)
        CampaignCount.objects.create(campaign_id=one.pk, views=1)

    campaign_removal.remove_everything_of(gone.pk)

    assert set(View.objects.values_list("campaign_id", flat=True)) == {kept.pk}
    assert set(Click.objects.values_list("campaign_id", flat=True)) == {kept.pk}
    assert set(CampaignCount.objects.values_list("pk", flat=True)) == {kept.pk}


def test_events_of_a_deleted_person_stay_and_name_nobody_who_exists():
    person = make_subscriber()
    view(1, NOON, person.pk)

    person.delete()

    assert View.objects.count() == 1


def test_this_month_and_the_next_have_partitions():
    for parent in partitions.TABLES:
        assert len(partitions.attached(parent)) > partitions.MONTHS_AHEAD
    view(1, timezone.now())
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM tracking_view")
        assert cursor.fetchone()[0] == partitions.partition_name("tracking_view", timezone.now())


def test_a_late_partition_takes_its_events_over_from_the_default_one():
    when = datetime(2031, 12, 31, 23, 59, tzinfo=UTC)
    view(1, when)
    view(1, when + timedelta(minutes=2))

    made = partitions.make_ahead(today=date(2031, 12, 5), months_ahead=1)

    assert made == [
        "tracking_view_2031_12",
        "tracking_click_2031_12",
        "tracking_view_2032_01",
        "tracking_click_2032_01",
    ]
    assert partitions.make_ahead(today=date(2031, 12, 5), months_ahead=1) == []
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM tracking_view ORDER BY created_at")
        assert cursor.fetchall() == [("tracking_view_2031_12",), ("tracking_view_2032_01",)]
