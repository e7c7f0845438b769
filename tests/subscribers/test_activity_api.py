"""What one person opened and clicked, and the file of their data (contract 3.5, 7.6)."""

import uuid

import pytest
from django.db import connection

from campaigns.models import Campaign, CampaignList
from listmonk_py.configuration import runtime
from tests.factories import make_api_client, make_list, make_subscriber
from tracking.models import Link

pytestmark = pytest.mark.django_db


@pytest.fixture
def api():
    return make_api_client(superadmin=True)


def view(campaign, person, *, at="now()", machine=0):
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO tracking_view (event_id, created_at, subscriber_id, campaign_id, machine)"
            f" VALUES (%s, {at}, %s, %s, %s)",
            [uuid.uuid4(), person.pk, campaign.pk, machine],
        )


def click(campaign, person, link):
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO tracking_click (event_id, created_at, subscriber_id, link_id, campaign_id)"
            " VALUES (%s, now(), %s, %s, %s)",
            [uuid.uuid4(), person.pk, link.pk, campaign.pk],
        )


def make_campaign(one, **fields):
    campaign = Campaign.objects.create(**{"name": "May news", "subject": "News", **fields})
    CampaignList.objects.create(campaign=campaign, list=one, list_name=one.name)
    return campaign


def test_nothing_yet_and_nobody(api):
    blank = {"data": {"campaign_views": [], "link_clicks": []}}
    assert api.get(f"/api/subscribers/{make_subscriber().pk}/activity").json() == blank
    assert api.get("/api/subscribers/999/activity").json() == blank
    assert api.get("/api/subscribers/x/activity").status_code == 400


def test_opens_and_clicks_are_counted_latest_first_without_machines(api):
    news, ann = make_list(), make_subscriber()
    may, june = make_campaign(news), make_campaign(news, name="June news")
    link = Link.objects.create(url="https://example.com/a?x=1&y=2")
    view(may, ann), view(may, ann), view(june, ann, at="now() - interval '1 day'"), view(may, ann, machine=1)
    click(may, ann, link)

    data = api.get(f"/api/subscribers/{ann.pk}/activity").json()["data"]

    seen, clicked = data["campaign_views"], data["link_clicks"]
    assert [(row["id"], row["view_count"]) for row in seen] == [(may.pk, 2), (june.pk, 1)]
    assert set(seen[0]) == {"id", "uuid", "name", "subject", "view_count", "last_viewed_at"}
    assert seen[0]["last_viewed_at"].endswith("+00:00")
    assert len(clicked) == 1
    assert {key: clicked[0][key] for key in clicked[0] if key != "last_clicked_at"} == {
        "link_id": link.pk,
        "url": "https://example.com/a?x=1&y=2",
        "campaign_id": may.pk,
        "campaign_uuid": str(may.uuid),
        "campaign_name": "May news",
        "campaign_subject": "News",
        "click_count": 1,
    }


def test_campaigns_to_lists_out_of_reach_are_not_named():
    mine, hidden = make_list(), make_list()
    ann = make_subscriber(lists={mine: "confirmed", hidden: "confirmed"})
    stranger = make_subscriber(lists={hidden: "confirmed"})
    view(make_campaign(mine, name="Mine"), ann), view(make_campaign(hidden, name="Hidden"), ann)
    api = make_api_client("subscribers:get", grants={mine: ["list:get"]})

    data = api.get(f"/api/subscribers/{ann.pk}/activity").json()["data"]

    assert [row["name"] for row in data["campaign_views"]] == ["Mine"]
    for path in (f"{stranger.pk}/activity", f"{stranger.pk}/export", "999/activity", "999/export"):
        assert api.get(f"/api/subscribers/{path}").status_code == 403


def test_the_file_of_a_persons_data(api):
    public, private = make_list(name="News", type="public"), make_list(name="Secret")
    ann = make_subscriber(lists={public: "confirmed", private: "unconfirmed"}, attribs={"a": 1})
    campaign = make_campaign(public, subject="Hello")
    view(campaign, ann)
    click(campaign, ann, Link.objects.create(url="https://example.com"))

    answer = api.get(f"/api/subscribers/{ann.pk}/export")

    assert answer["Content-Type"] == "application/json"
    assert answer["Content-Disposition"] == 'attachment; filename="data.json"'
    data = answer.json()
    assert data["profile"][0]["email"] == ann.email
    assert [row["name"] for row in data["subscriptions"]] == ["News", "Private list"]
    assert data["campaign_views"] == [{"campaign": "Hello", "views": 1}]
    assert data["link_clicks"] == [{"url": "https://example.com", "clicks": 1}]
    assert api.get("/api/subscribers/999/export").status_code == 400


def test_the_file_holds_only_what_may_be_exported(api):
    runtime.save({"privacy.exportable": ["profile"]})
    assert set(api.get(f"/api/subscribers/{make_subscriber().pk}/export").json()) == {"profile"}
