"""Status changes, deliveries, retries and resolving over the API."""

import pytest
from django.utils import timezone

from campaigns.engine.models import LedgerEntry, LedgerStatus
from campaigns.models import Campaign
from campaigns.status import Status
from tests.factories import call, make_api_client, make_list

from .conftest import add_people, send_all


@pytest.fixture
def client(engine):
    return make_api_client(superadmin=True)


def change(client, campaign, status):
    return call(client, "PUT", f"/api/campaigns/{campaign.pk}/status", {"status": status})


def test_a_draft_is_started_paused_resumed_and_cancelled(client, make_campaign):
    people = make_list()
    add_people(3, people)
    campaign = make_campaign(people)

    for status in ("running", "paused", "running", "cancelled"):
        code, answer = change(client, campaign, status)
        assert (code, answer["data"]["status"]) == (200, status)


@pytest.mark.parametrize("status", ["paused", "cancelled", "draft", "finished", "weird", "scheduled", ""])
def test_what_a_draft_cannot_become_is_refused_in_words(client, make_campaign, status):
    campaign = make_campaign(make_list())

    code, answer = change(client, campaign, status)

    assert code == 400
    assert answer["message"]
    campaign.refresh_from_db()
    assert campaign.status == Status.DRAFT


def test_starting_with_a_date_schedules_and_echoes_running(client, make_campaign):
    campaign = make_campaign(make_list(), send_at=timezone.now() + timezone.timedelta(days=1))

    code, answer = change(client, campaign, "running")

    assert (code, answer["data"]["status"]) == (200, "running")
    campaign.refresh_from_db()
    assert campaign.status == Status.SCHEDULED


def test_a_campaign_that_is_not_there(client):
    code, answer = call(client, "PUT", "/api/campaigns/999/status", {"status": "running"})
    assert code == 400
    assert answer["message"] == "Campaign not found"


def test_starting_asks_for_its_permission(engine, make_campaign):
    campaign = make_campaign(make_list())
    code, answer = change(make_api_client("campaigns:get_all"), campaign, "running")
    assert code == 403
    assert answer["message"] == "permission denied: campaigns:send"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"messenger": "pigeon"}, "pigeon"),
        ({"body": "{{ .Subscriber.Name | nosuch }}"}, "nosuch"),
        ({"body": "<p>{% for x in y %}"}, ""),
    ],
)
def test_what_cannot_be_sent_is_refused_at_start(client, make_campaign, fields, words):
    campaign = make_campaign(make_list(), **fields)

    code, answer = change(client, campaign, "running")

    assert code == 400
    assert words in answer["message"]
    campaign.refresh_from_db()
    assert campaign.status == Status.DRAFT


def test_running_stats_show_what_runs(client, make_campaign):
    people = make_list()
    add_people(3, people)
    campaign = make_campaign(people)
    assert call(client, "GET", "/api/campaigns/running/stats") == (200, {"data": []})

    change(client, campaign, "running")

    code, answer = call(client, "GET", "/api/campaigns/running/stats")
    assert code == 200
    (shown,) = answer["data"]
    assert {"id", "status", "to_send", "sent", "started_at", "updated_at", "rate", "net_rate"} <= set(shown)
    assert shown["id"] == campaign.pk


def test_deliveries_are_paged_filtered_and_exported(client, engine, make_campaign):
    people = make_list()
    add_people(30, people)
    engine.script("rcpt", "550 5.1.1 No such user", address="p7@example.com")
    campaign = make_campaign(people)
    change(client, campaign, "running")
    send_all()

    seen, cursor = [], ""
    while cursor is not None:
        path = f"/api/campaigns/{campaign.pk}/deliveries?per_page=13&cursor={cursor}"
        code, answer = call(client, "GET", path)
        assert code == 200
        seen += answer["data"]["results"]
        cursor = answer["data"]["next_cursor"]
        assert answer["data"]["next"] == cursor
    assert len({row["subscriber_id"] for row in seen}) == len(seen) == 30

    code, answer = call(client, "GET", f"/api/campaigns/{campaign.pk}/deliveries?status=failed")
    (row,) = answer["data"]["results"]
    assert (row["email"], row["code"], row["reason"]) == ("p7@example.com", 550, "rejected")
    assert "No such user" in row["text"]

    response = client.get(f"/api/campaigns/{campaign.pk}/deliveries/export")
    lines = b"".join(response.streaming_content).decode().splitlines()
    assert len(lines) == 31


def test_the_failed_are_retried_and_nobody_else(client, engine, make_campaign):
    people = make_list()
    add_people(20, people)
    engine.script("rcpt", "550 5.1.1 No such user", address="p7@example.com", times=1)
    campaign = make_campaign(people)
    change(client, campaign, "running")
    send_all()
    before = len(engine.messages)

    code, answer = call(client, "POST", f"/api/campaigns/{campaign.pk}/retry-failed")
    assert (code, answer) == (200, {"data": {"queued": 1}})
    code, _ = call(client, "POST", f"/api/campaigns/{campaign.pk}/retry-failed")
    assert code == 400
    send_all()

    campaign.refresh_from_db()
    assert (campaign.status, campaign.sent, campaign.failed, campaign.deferred) == ("finished", 20, 0, 0)
    assert len(engine.messages) == before + 1


@pytest.mark.parametrize(("action", "mails"), [("accept", 0), ("resend", 1)])
def test_staff_resolve_who_is_in_doubt(client, engine, make_campaign, action, mails):
    people = make_list()
    add_people(10, people)
    campaign = make_campaign(people)
    change(client, campaign, "running")
    send_all()
    entry = LedgerEntry.objects.filter(campaign_id=campaign.pk).first()
    LedgerEntry.objects.filter(campaign_id=campaign.pk, subscriber_id=entry.subscriber_id).update(
        status=LedgerStatus.UNKNOWN
    )
    Campaign.objects.filter(pk=campaign.pk).update(sent=9, unknown=1)
    before = len(engine.messages)

    code, answer = call(client, "POST", f"/api/campaigns/{campaign.pk}/resolve-unknown", {"action": action})
    assert (code, answer) == (200, {"data": {"resolved": 1}})
    send_all()

    campaign.refresh_from_db()
    assert (campaign.status, campaign.sent, campaign.unknown) == ("finished", 10, 0)
    assert len(engine.messages) == before + mails


def test_the_pace_is_changed_while_the_campaign_runs(client, make_campaign):
    people = make_list()
    add_people(3, people)
    campaign = make_campaign(people)
    change(client, campaign, "running")

    code, answer = call(
        client,
        "PUT",
        f"/api/campaigns/{campaign.pk}/pace",
        {"rate": 2.5, "sliding_window_rate": 100, "sliding_window_duration": "24h"},
    )

    assert code == 200
    assert answer["data"] == {"rate": 2.5, "sliding_window_rate": 100, "sliding_window_duration": "24h"}
    shown = call(client, "GET", f"/api/campaigns/{campaign.pk}")[1]["data"]
    assert (shown["status"], shown["rate"], shown["sliding_window_rate"]) == ("running", 2.5, 100)


@pytest.mark.parametrize(
    "wrong",
    [
        {"rate": -1},
        {"rate": "fast"},
        {"sliding_window_rate": -5},
        {"sliding_window_duration": "a day"},
        {"sliding_window_duration": "10ms"},
    ],
)
def test_a_pace_that_is_none_is_refused_and_changes_nothing(client, make_campaign, wrong):
    campaign = make_campaign(make_list(), rate=3)

    code, answer = call(client, "PUT", f"/api/campaigns/{campaign.pk}/pace", {"rate": 1, **wrong})

    assert code == 400
    assert next(iter(wrong)) in answer["message"]
    campaign.refresh_from_db()
    assert (campaign.rate, campaign.sliding_window_rate) == (3, None)
