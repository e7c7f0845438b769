"""Segments in the admin without a browser: the form works as it is sent, and asks what one may do."""

from typing import Any

import orjson
import pytest
from django.test import Client

from campaigns.models import Campaign
from subscribers.models import Segment
from subscribers.segments import saved
from tests.factories import make_list, make_subscriber, make_user

pytestmark = pytest.mark.django_db

PAGE = "/admin/subscribers/segment/"
LONDON = {"op": "EQ", "field": "attribs.city", "value": "London"}
RULE = orjson.dumps(LONDON).decode()


def client_of(*permissions: str, **fields: Any) -> Client:
    client = Client()
    client.force_login(make_user(*permissions, **fields))
    return client


def make_segment(name: str = "Londoners", rule: Any = LONDON) -> Segment:
    return saved.create({"name": name, "rule": rule}, make_user(superadmin=True))


def test_the_form_makes_and_changes_a_segment_without_any_script() -> None:
    client = client_of(superadmin=True)

    client.post(f"{PAGE}add/", {"name": "Londoners", "description": "d", "rule": RULE})
    segment = Segment.objects.get()
    client.post(f"{PAGE}{segment.pk}/change/", {"name": "City", "description": "", "rule": RULE})

    segment.refresh_from_db()
    assert (segment.name, segment.description, segment.rule) == ("City", "", LONDON)


@pytest.mark.parametrize(
    ("name", "rule", "words"),
    [
        ("x", "{", "This is not valid JSON"),
        ("x", '"\\ud800"', "This is not valid JSON"),
        ("x", "[]", "rule: expected an object with op."),
        ("x", '{"op": "AND", "rules": [{"op": "EQ", "field": "password", "value": 1}]}', "no field password"),
        (" ", RULE, "This field is required"),
        ("LONDONERS", RULE, "There is a segment “LONDONERS” already."),
    ],
)
def test_what_cannot_be_kept_is_said_in_the_form(name: str, rule: str, words: str) -> None:
    make_segment()
    client = client_of(superadmin=True)

    answer = client.post(f"{PAGE}add/", {"name": name, "description": "", "rule": rule})

    assert answer.status_code == 200
    assert words in answer.content.decode()
    assert Segment.objects.count() == 1


def test_counting_tells_number_and_examples_of_those_one_may_see() -> None:
    mine = make_list()
    make_subscriber(email="a@x.io", attribs={"city": "London"}, lists={mine: "confirmed"})
    make_subscriber(email="b@x.io", attribs={"city": "London"})
    client = client_of("subscribers:get", grants={mine: ["list:get"]})

    answer = client.post(f"{PAGE}count/", {"rule": RULE})

    found = answer.json()
    assert (found["number"], found["exact"]) == (1, True)
    assert [one["email"] for one in found["people"]] == ["a@x.io"]


def test_counting_a_wrong_rule_names_the_place() -> None:
    client = client_of(superadmin=True)

    wrong = client.post(f"{PAGE}count/", {"rule": '{"op": "NOT", "rules": [{"op": "EQ", "field": "x"}]}'})

    assert (wrong.status_code, wrong.json()["place"]) == (400, "rules[0]")
    assert client.post(f"{PAGE}count/", {"rule": "{"}).status_code == 400
    assert client.get(f"{PAGE}count/").status_code == 405


def test_who_may_not_see_people_counts_nobody() -> None:
    client = client_of("campaigns:get", "campaigns:manage")

    assert client.post(f"{PAGE}count/", {"rule": RULE}).status_code == 403
    assert client.get(PAGE).status_code == 403


def test_who_may_only_look_sees_the_rule_and_changes_nothing() -> None:
    segment = make_segment()
    client = client_of("subscribers:get_all")
    path = f"{PAGE}{segment.pk}/change/"

    assert "attribs.city" in client.get(path).content.decode()
    assert client.post(path, {"name": "Taken", "description": "", "rule": RULE}).status_code == 403
    assert client.get(f"{PAGE}add/").status_code == 403
    assert client.post(f"{PAGE}{segment.pk}/delete/", {"post": "yes"}).status_code == 403


def test_a_segment_in_use_is_not_deleted_and_the_page_says_why() -> None:
    segment, free = make_segment(), make_segment("Free")
    campaign = Campaign.objects.create(name="May", subject="Hi", segment=segment, segment_name=segment.name)
    client = client_of(superadmin=True)

    answer = client.post(f"{PAGE}{segment.pk}/delete/", {"post": "yes"}, follow=True)
    assert "is used by the campaign “May”" in answer.content.decode()
    ticked = {"_selected_action": [segment.pk, free.pk], "action": "delete_selected", "post": "yes"}
    answer = client.post(PAGE, ticked, follow=True)

    assert "is used by the campaign “May”" in answer.content.decode()
    assert set(Segment.objects.values_list("pk", flat=True)) == {segment.pk, free.pk}
    campaign.refresh_from_db()
    assert campaign.segment == segment


def test_the_listing_says_how_many_campaigns_use_it_and_finds_words() -> None:
    segment = make_segment()
    make_segment("Others")
    Campaign.objects.create(name="May", subject="Hi", segment=segment)
    client = client_of(superadmin=True)

    found = client.get(PAGE, {"q": "london"}).context["cl"].result_list

    assert [(one.name, one.number) for one in found] == [("Londoners", 1)]


def test_a_campaign_form_sent_by_somebody_who_may_not_choose_segments_keeps_it() -> None:
    news, segment = make_list(), make_segment()
    campaign = Campaign.objects.create(
        name="May", subject="Hi", body="x", content_type="html", segment=segment, segment_name=segment.name,
        from_email="a@example.org",
    )  # fmt: skip
    campaign.campaign_lists.create(list=news, list_name=news.name)  # type: ignore[attr-defined]
    client = client_of("campaigns:get", "campaigns:manage", grants={news: ["list:get", "list:manage"]})
    path = f"/admin/campaigns/campaign/{campaign.pk}/change/"
    form = {
        "name": "June", "subject": "Hi", "body": "x", "content_type": "html", "messenger": "email",
        "lists": [news.pk], "headers": "[]", "attribs": "{}", "archive_meta": "{}", "from_email": "a@example.org",
    }  # fmt: skip

    kept = client.post(path, {**form, "segment": segment.pk})
    campaign.refresh_from_db()
    assert (kept.status_code, campaign.name, campaign.segment) == (302, "June", segment)
    other = make_segment("Other")
    refused = client.post(path, {**form, "segment": other.pk})
    campaign.refresh_from_db()
    assert f"There is no segment {other.pk}" in refused.content.decode()
    assert campaign.segment == segment


def test_a_campaign_shows_whom_it_is_narrowed_to() -> None:
    segment = make_segment()
    campaign = Campaign.objects.create(name="May", subject="Hi", segment=segment, segment_name=segment.name)
    client = client_of(superadmin=True)

    overview = client.get(f"/admin/campaigns/campaign/{campaign.pk}/overview/").content.decode()
    listing = client.get("/admin/campaigns/campaign/").content.decode()

    assert "Only those in “Londoners”" in overview
    assert "in “Londoners”" in listing
