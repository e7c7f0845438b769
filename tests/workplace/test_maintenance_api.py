"""Maintenance (contract 3.13)."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from campaigns.models import Campaign
from listmonk_py.workplace import event_export
from subscribers import maintenance
from subscribers.counts import of_people
from subscribers.models import Subscriber, Subscription
from tests.factories import call, make_api_client, make_list, make_subscriber
from tracking.models import Click, Link, View

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin():
    return make_api_client(superadmin=True)


def test_orphans_go_and_others_stay(admin, monkeypatch):
    monkeypatch.setattr(maintenance, "CHUNK", 2)
    kept = make_subscriber(lists={make_list(): "confirmed"})
    for _ in range(5):
        make_subscriber()

    assert call(admin, "DELETE", "/api/maintenance/subscribers/orphan") == (200, {"data": {"count": 5}})
    assert list(Subscriber.objects.all()) == [kept]


def test_blocklisted_people_go_with_their_subscriptions(admin, monkeypatch):
    monkeypatch.setattr(maintenance, "CHUNK", 2)
    news = make_list()
    kept = make_subscriber(lists={news: "confirmed"})
    for _ in range(3):
        make_subscriber(status="blocklisted", lists={news: "unsubscribed"})

    assert call(admin, "DELETE", "/api/maintenance/subscribers/blocklisted") == (200, {"data": {"count": 3}})
    assert list(Subscription.objects.values_list("subscriber_id", flat=True)) == [kept.pk]
    assert of_people()["blocklisted"] == 0


def test_stale_opt_ins_go_on_double_opt_in_lists_only(admin):
    double, single = make_list(optin="double"), make_list(optin="single")
    stale = make_subscriber(lists={double: "unconfirmed", single: "unconfirmed"})
    confirmed = make_subscriber(lists={double: "confirmed"})
    Subscription.objects.update(created_at=timezone.now() - timedelta(days=30))
    fresh = make_subscriber(lists={double: "unconfirmed"})
    before = (timezone.now() - timedelta(days=7)).strftime("%Y-%m-%dT%H:%M:%SZ")

    answer = call(admin, "DELETE", f"/api/maintenance/subscriptions/unconfirmed?before_date={before}")

    assert answer == (200, {"data": {"count": 1}})
    left = set(Subscription.objects.values_list("list_id", "subscriber_id"))
    assert left == {(single.pk, stale.pk), (double.pk, confirmed.pk), (double.pk, fresh.pk)}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "subscribers/weird"),
        ("DELETE", "subscriptions/unconfirmed"),
        ("DELETE", "subscriptions/unconfirmed?before_date=yesterday"),
        ("DELETE", "subscriptions/unconfirmed?before_date=2020-01-01"),
        ("DELETE", "subscriptions/unconfirmed?before_date=2020-99-01T00:00:00Z"),
        ("DELETE", "analytics/weird?before_date=2020-01-01T00:00:00Z"),
        ("DELETE", "analytics/views"),
        ("GET", "analytics/weird/export?since=2020-01-01T00:00:00Z"),
        ("GET", "analytics/all/export?since=2020-01-01T00:00:00Z"),
        ("GET", "analytics/views/export"),
    ],
)
def test_what_is_wrong_is_told(admin, method, path):
    status, answer = call(admin, method, f"/api/maintenance/{path}")

    assert status == 400
    assert answer["message"].startswith("Invalid data")


def test_maintenance_has_its_own_permission():
    client = make_api_client("settings:get", "settings:manage")

    assert call(client, "DELETE", "/api/maintenance/subscribers/orphan")[0] == 403


@pytest.fixture
def events():
    """An open by somebody, an anonymous one, and a click; all of now."""
    campaign = Campaign.objects.create(
        name="=May, news", subject="x", from_email="a@example.com", body="x", messenger="email"
    )
    person, now = make_subscriber(name="Ann"), timezone.now()
    link = Link.objects.create(url="https://example.com/a?x=1&y=2")
    for number, who in ((1, person.pk), (2, None)):
        View.objects.create(
            event_id=uuid.UUID(int=number), created_at=now, campaign_id=campaign.pk, subscriber_id=who
        )
    Click.objects.create(
        event_id=uuid.UUID(int=3),
        created_at=now,
        campaign_id=campaign.pk,
        subscriber_id=None,
        link_id=link.pk,
    )
    return campaign, person, now.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_opens_and_clicks_are_exported_as_csv(admin, events, monkeypatch):
    monkeypatch.setattr(event_export, "ROWS", 1)
    campaign, person, at = events
    page = "/api/maintenance/analytics/{}/export?since=2020-01-01T00:00:00Z"

    views = admin.get(page.format("views"))
    clicks = admin.get(page.format("clicks"))

    assert views["Content-Type"] == "text/csv"
    assert views["Content-Disposition"] == "attachment; filename=campaign_views.csv"
    whose = f'{campaign.pk},{campaign.uuid},"\'=May, news"'
    assert b"".join(views.streaming_content).decode().splitlines() == [
        "campaign_id,campaign_uuid,campaign_name,subscriber_id,subscriber_uuid,email,subscriber_name,created_at",
        f"{whose},{person.pk},{person.uuid},{person.email},Ann,{at}",
        f"{whose},0,,,,{at}",
    ]
    assert b"".join(clicks.streaming_content).decode().splitlines() == [
        "campaign_id,campaign_uuid,campaign_name,subscriber_id,subscriber_uuid,email,subscriber_name,url,created_at",
        f"{whose},0,,,,https://example.com/a?x=1&y=2,{at}",
    ]


@pytest.mark.parametrize(("kind", "left"), [("views", (0, 1)), ("clicks", (2, 0)), ("all", (0, 0))])
def test_old_opens_and_clicks_are_deleted(admin, events, kind, left):
    tomorrow = (timezone.now() + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")

    assert call(admin, "DELETE", f"/api/maintenance/analytics/{kind}?before_date={tomorrow}") == (
        200,
        {"data": True},
    )
    assert (View.objects.count(), Click.objects.count()) == left
