"""Campaigns in the admin: who may do what, what the pre-flight sheet finds, and what the buttons do."""

from typing import Any

import pytest
from django.test import Client

from campaigns import preflight
from campaigns.models import Campaign, Template
from listmonk_py.configuration import runtime
from listmonk_py.configuration.registry import smtp_server
from subscribers.models import List
from tests.factories import make_list, make_subscriber, make_user

pytestmark = pytest.mark.django_db


def client_of(*permissions: str, **fields: Any) -> Client:
    client = Client()
    client.force_login(make_user(*permissions, **fields))
    return client


def make_campaign(*lists: List, **fields: Any) -> Campaign:
    fields = {"name": "News", "subject": "Hi", "body": "<p>Hi</p>", "content_type": "html", **fields}
    campaign = Campaign.objects.create(**fields)
    for one in lists:
        campaign.campaign_lists.create(list=one, list_name=one.name)  # type: ignore[attr-defined]
    return campaign


def page(campaign: Campaign, name: str) -> str:
    return f"/admin/campaigns/campaign/{campaign.pk}/{name}/"


@pytest.fixture
def mail_server() -> None:
    runtime.save(
        {"smtp": [smtp_server(host="127.0.0.1", port=9)], "app.root_url": "https://lists.example.com"}
    )


def levels(sheet: preflight.Sheet) -> dict[str, str]:
    return {check.title: check.level for check in sheet.checks}


def test_the_sheet_counts_those_who_would_get_it_once_each(mail_server: None) -> None:
    one, two = make_list(), make_list(optin="double")
    make_subscriber(lists={one: "confirmed", two: "confirmed"})
    make_subscriber(lists={two: "unconfirmed"})
    make_subscriber(lists={one: "unsubscribed"})
    make_subscriber(lists={one: "confirmed"}, status="blocklisted")
    make_subscriber(lists={one: "unconfirmed"})

    found = preflight.sheet(make_campaign(one, two))

    assert (found.recipients, found.is_exact) == (2, True)


def test_the_sheet_finds_what_is_wrong_with_the_content(mail_server: None) -> None:
    news = make_list()
    make_subscriber(lists={news: "confirmed"})
    body = '<p>*|FNAME|*</p><a href="page.html">x</a><img src="https://example.com/a.png">' + "x" * 110_000

    found = levels(preflight.sheet(make_campaign(news, body=body, from_email="a@example.org")))

    assert found["Ready to send"] == "ok"
    wrong = {"Fields", "Links", "Pictures", "Size", "Unsubscribe link", "Test"}
    assert {title for title, level in found.items() if level == "warning"} == wrong


def test_the_sheet_of_a_good_campaign_is_clean(mail_server: None) -> None:
    news = make_list()
    make_subscriber(lists={news: "confirmed"})
    body = '<p>{{ .Subscriber.Name }} <a href="https://example.com/a">a</a> <a href="{{ UnsubscribeURL }}">x</a></p>'
    campaign = make_campaign(news, body=body, from_email="a@example.org")
    preflight.note_tested(campaign)

    found = levels(preflight.sheet(campaign))

    assert set(found.values()) == {"ok"}, found


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"body": "{{ .Subscriber.FirstName"}, "never closed"),
        ({"messenger": "pigeon"}, "no messenger"),
    ],
)
def test_what_stops_a_campaign_is_said_in_words(
    mail_server: None, fields: dict[str, Any], words: str
) -> None:
    campaign = make_campaign(make_list(), **fields)

    answer = client_of(superadmin=True).get(page(campaign, "start"))

    assert answer.status_code == 200
    [problem] = [check for check in answer.context["sheet"].checks if check.level == "problem"]
    assert words in problem.text
    assert b"Mend what is marked red first" in answer.content


def test_without_a_mail_server_start_says_so_and_where() -> None:
    runtime.save({"smtp": []})
    campaign = make_campaign(make_list())

    answer = client_of(superadmin=True).get(page(campaign, "start"))

    assert b"No SMTP server is enabled" in answer.content
    assert b"/admin/configuration/setting/group/smtp/" in answer.content


def test_a_refused_start_is_a_message_and_changes_nothing() -> None:
    runtime.save({"smtp": []})
    campaign = make_campaign(make_list())

    answer = client_of(superadmin=True).post(page(campaign, "start"), {"when": "now"})

    assert "No SMTP server is enabled" in str(next(iter(answer.context["messages"])))
    campaign.refresh_from_db()
    assert campaign.status == "draft"


def test_starting_needs_its_own_permission(mail_server: None) -> None:
    campaign = make_campaign(make_list())
    writer = client_of("campaigns:get_all", "campaigns:manage_all", "lists:get_all")

    assert writer.get(page(campaign, "overview")).status_code == 200
    assert writer.get(page(campaign, "start")).status_code == 404
    assert writer.post(page(campaign, "start"), {"when": "now"}).status_code == 404
    assert writer.post(page(campaign, "move"), {"action": "cancel"}).status_code == 404


def test_buttons_answer_to_posts_only(mail_server: None) -> None:
    client = client_of(superadmin=True)
    campaign = make_campaign(make_list(), status="running")

    for name in ("move", "clone", "test", "retry", "pace"):
        assert client.get(page(campaign, name), {"action": "cancel"}).status_code == 405
    campaign.refresh_from_db()
    assert campaign.status == "running"


def test_the_speed_of_a_running_campaign_is_changed_on_its_page(mail_server: None) -> None:
    campaign = make_campaign(make_list(), status="running", rate=5)
    client = client_of(superadmin=True)
    assert b"Messages a second" in client.get(page(campaign, "overview")).content

    client.post(
        page(campaign, "pace"), {"rate": "0.5", "sliding_window_rate": "", "sliding_window_duration": "2h"}
    )

    campaign.refresh_from_db()
    assert (campaign.rate, campaign.sliding_window_rate, campaign.sliding_window_duration) == (
        0.5,
        None,
        "2h",
    )
    refused = client.post(page(campaign, "pace"), {"rate": "quick"}, follow=True)
    assert b"Give numbers of messages" in refused.content
    campaign.refresh_from_db()
    assert campaign.rate == 0.5


def test_a_campaign_to_other_peoples_lists_does_not_exist_for_one(mail_server: None) -> None:
    mine, theirs = make_list(), make_list()
    my_campaign, their_campaign = make_campaign(mine), make_campaign(theirs)
    client = client_of(
        "campaigns:get",
        "campaigns:manage",
        "campaigns:send",
        "subscribers:get",
        grants={mine: ["list:manage"]},
    )

    for name in ("overview", "start", "deliveries"):
        assert client.get(page(my_campaign, name)).status_code == 200
        assert client.get(page(their_campaign, name)).status_code == 404
    assert client.post(page(their_campaign, "clone")).status_code == 404
    assert client.post(page(their_campaign, "move"), {"action": "cancel"}).status_code == 404


def test_a_clone_is_a_draft_with_everything_that_was_written(mail_server: None) -> None:
    news = make_list()
    template = Template.objects.create(name="T", body='{{ template "content" . }}')
    campaign = make_campaign(news, status="finished", tags=["a"], template=template, sent=5, to_send=5)

    client_of(superadmin=True).post(page(campaign, "clone"))

    copy = Campaign.objects.exclude(pk=campaign.pk).get()
    assert (copy.status, copy.name, copy.sent, copy.template) == ("draft", "Copy of News", 0, template)
    assert (copy.body, copy.tags, list(copy.lists.all())) == (campaign.body, ["a"], [news])


def test_two_editors_do_not_overwrite_each_other(mail_server: None) -> None:
    news = make_list()
    campaign = make_campaign(news, from_email="a@example.org")
    client = client_of(superadmin=True)
    form = client.get(page(campaign, "change")).context["adminform"].form
    sent = {name: form[name].value() for name in form.fields}
    sent = {name: value for name, value in sent.items() if value not in (None, False)}
    sent.update(lists=[news.pk], attachments=[], headers="[]", attribs="{}", archive_meta="{}", tags="")

    first = client.post(page(campaign, "change"), {**sent, "name": "First"})
    second = client.post(page(campaign, "change"), {**sent, "name": "Second"})

    assert first.status_code == 302, first.context["adminform"].form.errors
    assert "Somebody else has changed this campaign" in str(second.context["adminform"].form.errors)
    campaign.refresh_from_db()
    assert campaign.name == "First"


def test_the_preview_shows_a_chosen_person_whom_one_may_see(mail_server: None) -> None:
    mine, theirs = make_list(), make_list()
    make_subscriber(email="anna@example.com", name="Anna Berg", lists={mine: "confirmed"})
    make_subscriber(email="bert@example.com", name="Bert", lists={theirs: "confirmed"})
    client = client_of("campaigns:get", "subscribers:get", grants={mine: ["list:get"]})
    asked = {"subject": "Hi {{ .Subscriber.FirstName }}", "body": "<p>x</p>", "content_type": "html"}

    seen = client.post("/admin/campaigns/campaign/preview/", {**asked, "as": "anna@example.com"}).json()
    hidden = client.post("/admin/campaigns/campaign/preview/", {**asked, "as": "bert@example.com"}).json()

    assert seen["subject"] == "Hi Anna"
    assert hidden == {"error": "There is no subscriber bert@example.com."}
