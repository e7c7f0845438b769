"""Writing, reading and deleting campaigns through the API."""

import pytest

from campaigns import starter
from campaigns.models import Campaign, Template
from tests.factories import call, make_api_client, make_list

pytestmark = pytest.mark.django_db


@pytest.fixture
def client():
    starter.install()
    return make_api_client(superadmin=True)


def make(client, **fields):
    fields = {"name": "Small", "subject": "S", "lists": [make_list().pk], "body": "<p>small</p>", **fields}
    return call(client, "POST", "/api/campaigns", fields)


def test_name_subject_lists_and_body_are_enough(client):
    status, answer = make(client)

    assert status == 200
    made = answer["data"]
    assert made["status"] == "draft"
    assert made["content_type"] == "richtext"
    assert made["messenger"] == "email"
    assert made["from_email"] == "listmonk <noreply@listmonk.yoursite.com>"
    assert made["template_id"] == Template.objects.default().pk
    assert (made["to_send"], made["sent"], made["views"], made["clicks"], made["bounces"]) == (0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 2001}, "name"),
        ({"subject": " "}, "subject"),
        ({"lists": []}, "list"),
        ({"lists": [99_999]}, "list"),
        ({"lists": "1"}, "lists"),
        ({"from_email": "nope"}, "from_email"),
        ({"send_at": "2020-01-01T00:00:00Z"}, "future"),
        ({"send_at": "tomorrow"}, "send_at"),
        ({"messenger": "pigeon"}, "pigeon"),
        ({"body": "{{ .Subscriber"}, "body"),
        ({"subject": "{{ if .Subscriber.Name }}x"}, "subject"),
        ({"headers": "X: 1"}, "headers"),
        ({"headers": [{"X-A": "1\r\nBcc: b@example.com"}]}, "X-A"),
        ({"headers": [{"X A": "1"}]}, "X A"),
        ({"attribs": [1]}, "attribs"),
        ({"type": "weird"}, "type"),
        ({"rate": -1}, "rate"),
    ],
)
def test_what_is_wrong_is_named(client, change, word):
    status, answer = make(client, **change)

    assert status == 400
    assert word in answer["message"]


def test_tags_and_slugs_are_normalised(client):
    _, answer = make(client, tags=[" two  words ", "", "Kept"], archive_slug=" Big  News (May) ")

    assert answer["data"]["tags"] == ["two-words", "Kept"]
    assert answer["data"]["archive_slug"] == "big-news-may"


def test_a_slug_belongs_to_one_campaign(client):
    make(client, archive_slug="may")

    status, answer = make(client, archive_slug="may")

    assert status == 409
    assert "may" in answer["message"]


def test_a_visual_template_is_copied(client):
    visual = Template.objects.get(type="campaign_visual")

    _, answer = make(client, body="", content_type="visual", template_id=visual.pk)

    assert answer["data"]["body"] == visual.body
    assert answer["data"]["body_source"] == visual.body_source
    assert answer["data"]["template_id"] is None


def test_an_optin_campaign_names_its_public_lists(client):
    double = make_list(name="News", type="public", optin="double")

    status, answer = make(client, type="optin", lists=[double.pk])

    assert status == 200
    assert "News" in answer["data"]["body"]
    assert f"l={double.uuid}" in answer["data"]["body"]


def test_an_optin_campaign_needs_a_double_list(client):
    status, _ = make(client, type="optin")

    assert status == 400


def test_put_keeps_what_is_not_given(client):
    _, made = make(client, tags=["x"], headers=[{"X-One": "1"}], attribs={"issue": 5})
    pk, lists = made["data"]["id"], [row["id"] for row in made["data"]["lists"]]

    status, answer = call(client, "PUT", f"/api/campaigns/{pk}", {"subject": "News", "lists": lists})

    assert status == 200
    changed = answer["data"]
    assert (changed["name"], changed["subject"], changed["tags"]) == ("Small", "News", ["x"])
    assert (changed["headers"], changed["attribs"]) == ([{"X-One": "1"}], {"issue": 5})


def test_two_editors_do_not_overwrite_each_other(client):
    _, made = make(client)
    pk, lists = made["data"]["id"], [row["id"] for row in made["data"]["lists"]]
    tag = client.get(f"/api/campaigns/{pk}").headers["ETag"]
    body = {"subject": "first", "lists": lists}

    first = client.put(f"/api/campaigns/{pk}", body, "application/json", headers={"If-Match": tag})
    second = client.put(f"/api/campaigns/{pk}", body, "application/json", headers={"If-Match": tag})

    assert (first.status_code, second.status_code) == (200, 412)


def test_a_finished_campaign_stays_as_it_was(client):
    _, made = make(client)
    Campaign.objects.filter(pk=made["data"]["id"]).update(status="finished")

    status, _ = call(client, "PUT", f"/api/campaigns/{made['data']['id']}", {"subject": "x", "lists": [1]})

    assert status == 400


def test_a_missing_campaign_is_400_as_in_listmonk(client):
    assert call(client, "GET", "/api/campaigns/99999")[0] == 400
    assert call(client, "DELETE", "/api/campaigns/99999")[0] == 400
    assert call(client, "GET", "/api/campaigns/x")[0] == 400


def test_every_word_of_a_query_may_stand_anywhere(client):
    make(client, name="May news: a(b)")

    found = call(client, "GET", "/api/campaigns?query=ews+a(b")[1]["data"]
    none = call(client, "GET", "/api/campaigns?query=nothinglikethis")[1]["data"]

    assert [row["name"] for row in found["results"]] == ["May news: a(b)"]
    assert none == {"results": [], "search": "", "query": "", "total": 0, "per_page": 0, "page": 0}


def test_an_unknown_status_is_told(client):
    status, answer = call(client, "GET", "/api/campaigns?status=weird")

    assert status == 400
    assert "weird" in answer["message"]


def test_deleting_needs_to_say_what(client):
    assert call(client, "DELETE", "/api/campaigns")[0] == 400
    assert call(client, "DELETE", "/api/campaigns?query=Test")[1] == {"data": True}
    assert not Campaign.objects.exists()


def test_a_listing_costs_the_same_for_one_and_for_twenty(client, django_assert_max_num_queries):
    for _ in range(20):
        make(client)

    with django_assert_max_num_queries(9):
        call(client, "GET", "/api/campaigns")


def test_a_user_sees_and_changes_only_campaigns_of_own_lists():
    starter.install()
    mine, other = make_list(), make_list()
    boss = make_api_client(superadmin=True)
    seen = make(boss, lists=[mine.pk])[1]["data"]["id"]
    hidden = make(boss, lists=[other.pk])[1]["data"]["id"]
    client = make_api_client("campaigns:get", "campaigns:manage", grants={mine: ["list:get", "list:manage"]})

    rows = call(client, "GET", "/api/campaigns")[1]["data"]["results"]

    assert [row["id"] for row in rows] == [seen]
    assert call(client, "GET", f"/api/campaigns/{hidden}")[0] == 403
    assert call(client, "DELETE", f"/api/campaigns?id={hidden}")[0] == 200
    assert Campaign.objects.filter(pk=hidden).exists()
    assert make(client, lists=[other.pk])[0] == 400


def test_markdown_becomes_html(client):
    _, made = make(client)
    path = f"/api/campaigns/{made['data']['id']}/content"

    status, answer = call(client, "POST", path, {"from": "markdown", "to": "html", "body": "# Hi\n\n*you*"})

    assert status == 200
    assert answer["data"].strip() == '<h1 id="hi">Hi</h1>\n<p><em>you</em></p>'
    assert call(client, "POST", path, {"from": "html", "to": "plain", "body": "x"})[0] == 400


def test_a_preview_shows_the_demo_subscriber_and_counts_nothing(client):
    _, made = make(
        client, body='<p>Hello {{ .Subscriber.FirstName }}</p><a href="https://example.com@TrackLink">x</a>'
    )

    response = client.get(f"/api/campaigns/{made['data']['id']}/preview")

    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/html; charset=UTF-8"
    html = response.content.decode()
    assert "Hello Demo" in html
    assert made["data"]["uuid"] not in html
    assert 'href="https://example.com"' in html


def test_a_preview_of_unsaved_text_tells_the_line(client):
    _, made = make(client)

    response = client.post(
        f"/api/campaigns/{made['data']['id']}/preview",
        {"content_type": "html", "body": "<p>\n{{ x", "template_id": ""},
    )

    assert response.status_code == 400
    assert "message" in response.json()
