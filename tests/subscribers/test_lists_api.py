"""`/api/lists` as listmonk's clients know it (contract 3.4)."""

import pytest

from campaigns.models import Campaign, CampaignList
from subscribers.models import List, Subscriber
from tests.factories import make_api_client, make_list, make_subscriber

pytestmark = pytest.mark.django_db

KEYS = {
    "id", "created_at", "updated_at", "uuid", "name", "type", "optin", "status", "tags", "description",
    "subscriber_count", "subscriber_statuses", "subscription_created_at", "subscription_updated_at",
}  # fmt: skip
ENVELOPE = {"results", "search", "query", "total", "per_page", "page"}


@pytest.fixture
def api():
    return make_api_client(superadmin=True)


def names(answer) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [one["name"] for one in answer.json()["data"]["results"]]


def test_a_list_has_every_field_that_clients_expect(api):
    answer = api.post("/api/lists", {"name": " Bare list "}, content_type="application/json")

    made = answer.json()["data"]
    assert answer.status_code == 200
    assert set(made) == KEYS
    assert made["name"] == " Bare list "
    assert (made["type"], made["optin"], made["status"]) == ("private", "single", "active")
    assert (made["tags"], made["description"]) == ([], "")
    assert (made["subscriber_count"], made["subscriber_statuses"]) == (0, {})
    assert made["subscription_created_at"] is None
    assert made["created_at"].endswith("Z")


def test_all_fields_are_stored_and_tags_normalised(api):
    sent = {
        "name": "News", "type": "public", "optin": "double", "status": "archived",
        "tags": [" two words ", "", "Case"], "description": "What is new",
    }  # fmt: skip

    made = api.post("/api/lists", sent, content_type="application/json").json()["data"]

    assert {key: made[key] for key in sent} == {**sent, "tags": ["two-words", "Case"]}


@pytest.mark.parametrize(
    "body",
    [
        {"name": ""}, {"name": "  "}, {}, {"name": 5}, {"name": "x", "type": "weird"}, {"name": "x" * 2001},
        {"name": "x", "tags": "a"}, {"name": "x", "optin": 1}, [],
    ],
)  # fmt: skip
def test_what_cannot_be_a_list_is_refused_with_a_message(api, body):
    answer = api.post("/api/lists", body, content_type="application/json")

    assert answer.status_code == 400
    assert answer.json()["message"]
    assert not List.objects.exists()


def test_broken_json_and_forms_are_refused(api):
    assert api.post("/api/lists", '{"name": ', content_type="application/json").status_code == 400
    form = api.post("/api/lists", "name=x", content_type="application/x-www-form-urlencoded")
    assert form.status_code == 400
    assert not List.objects.exists()


def test_an_update_replaces_tags_and_keeps_what_is_blank(api):
    one = make_list(name="Old", type="public", optin="double", tags=["a"], description="kept")

    answer = api.put(f"/api/lists/{one.pk}", {"name": "New"}, content_type="application/json")

    changed = answer.json()["data"]
    assert (changed["name"], changed["type"], changed["optin"]) == ("New", "public", "double")
    assert (changed["tags"], changed["description"]) == ([], "kept")


def test_an_update_needs_a_name_and_a_list(api):
    one = make_list(name="Old")
    for path, body in ((f"/api/lists/{one.pk}", {"description": "x"}), ("/api/lists/999", {"name": "x"})):
        assert api.put(path, body, content_type="application/json").status_code == 400
    one.refresh_from_db()
    assert (one.name, one.description) == ("Old", "")


def test_renaming_a_list_renames_it_in_campaigns(api):
    one = make_list(name="Old")
    campaign = Campaign.objects.create(name="c", subject="s")
    row = CampaignList.objects.create(campaign=campaign, list=one, list_name="Old")

    api.put(f"/api/lists/{one.pk}", {"name": "New"}, content_type="application/json")

    row.refresh_from_db()
    assert row.list_name == "New"


def test_counts_are_by_status_and_add_up(api):
    news, other = make_list(), make_list()
    for status in ("confirmed", "unsubscribed", "unsubscribed", "unconfirmed"):
        make_subscriber(lists={news: status})

    one = api.get(f"/api/lists/{news.pk}").json()["data"]
    rows = {row["id"]: row for row in api.get("/api/lists").json()["data"]["results"]}

    assert one["subscriber_count"] == 4
    assert one["subscriber_statuses"] == {"confirmed": 1, "unconfirmed": 1, "unsubscribed": 2}
    assert rows[news.pk]["subscriber_statuses"] == one["subscriber_statuses"]
    assert (rows[other.pk]["subscriber_count"], rows[other.pk]["subscriber_statuses"]) == (0, {})


def test_pages_have_the_envelope_and_newest_first(api):
    for number in range(3):
        make_list(name=f"L{number}")

    first = api.get("/api/lists?per_page=2").json()["data"]
    second = api.get("/api/lists?per_page=2&page=2").json()["data"]
    every = api.get("/api/lists?per_page=all").json()["data"]
    beyond = api.get("/api/lists?page=50").json()["data"]

    assert set(first) == ENVELOPE
    assert [row["name"] for row in first["results"]] == ["L2", "L1"]
    assert (first["total"], first["per_page"], first["page"]) == (3, 2, 1)
    assert [row["name"] for row in second["results"]] == ["L0"]
    assert (len(every["results"]), every["per_page"], every["page"]) == (3, 0, 1)
    assert (beyond["results"], beyond["total"], beyond["per_page"], beyond["page"]) == ([], 0, 20, 50)


def test_ordering_covers_all_rows_not_only_the_page(api):
    busy = make_list(name="a busy")
    for name in ("c", "b"):
        make_list(name=name)
    make_subscriber(lists={busy: "confirmed"})

    assert names(api.get("/api/lists?order_by=name&order=asc&per_page=2")) == ["a busy", "b"]
    assert names(api.get("/api/lists?order_by=name&per_page=1")) == ["c"]
    assert names(api.get("/api/lists?order_by=subscriber_count&per_page=1")) == ["a busy"]
    # Unknown columns and upper-case directions fall back, as in listmonk.
    assert names(api.get("/api/lists?order_by=bogus")) == ["b", "c", "a busy"]
    assert names(api.get("/api/lists?order_by=name&order=ASC&per_page=1")) == ["c"]


@pytest.mark.parametrize(
    ("query", "found"),
    [("opt in", ["Opt-in list"]), ("LIST", ["Opt-in list", "Default list"]), ("faul", ["Default list"]),
     ("nothing", []), ("a:b", []), ("a(", []), ("list default", ["Default list"])],
)  # fmt: skip
def test_every_word_is_found_anywhere_in_the_name(api, query, found):
    make_list(name="Default list")
    make_list(name="Opt-in list")

    answer = api.get("/api/lists", {"query": query})

    assert names(answer) == found
    assert answer.json()["data"]["query"] == query


def test_filters_narrow_and_unknown_values_are_refused(api):
    make_list(name="x", type="public", optin="double", tags=["test", "b"])
    make_list(name="y", type="private", status="archived")

    assert names(api.get("/api/lists?type=public&optin=double&tag=test")) == ["x"]
    assert names(api.get("/api/lists?status=archived")) == ["y"]
    assert names(api.get("/api/lists?tag=none")) == []
    assert api.get("/api/lists?type=weird").status_code == 400


def test_the_minimal_listing_has_no_counts(api):
    one = make_list(name="b")
    make_list(name="a")
    make_subscriber(lists={one: "confirmed"})

    data = api.get("/api/lists?minimal=true").json()["data"]

    assert [row["name"] for row in data["results"]] == ["a", "b"]
    assert {row["subscriber_count"] for row in data["results"]} == {0}
    assert {row["subscriber_statuses"] for row in data["results"]} == {None}
    assert (data["total"], data["per_page"], data["page"]) == (2, 2, 1)
    assert api.get("/api/lists?minimal=true&status=archived").json() == {"data": []}


def test_ids_that_are_none_are_refused(api):
    for path in ("0", "abc", "-1", "999"):
        assert api.get(f"/api/lists/{path}").status_code == 400


def test_deleting_a_list_keeps_its_people(api):
    one, other = make_list(), make_list()
    person = make_subscriber(lists={one: "confirmed", other: "confirmed"})

    assert api.delete(f"/api/lists/{one.pk}").json() == {"data": True}
    assert api.delete("/api/lists/999").json() == {"data": True}

    assert Subscriber.objects.filter(pk=person.pk).exists()
    assert [row.list_id for row in person.subscriptions.all()] == [other.pk]


def test_deleting_several_needs_to_be_told_which(api):
    news, offers, kept = make_list(name="News"), make_list(name="Offers"), make_list(name="Kept")

    assert api.delete("/api/lists").status_code == 400
    assert api.delete(f"/api/lists?id={offers.pk}").json() == {"data": True}
    assert api.delete("/api/lists?query=ews").json() == {"data": True}

    assert list(List.objects.values_list("name", flat=True)) == ["Kept"]
    assert api.delete("/api/lists?all=true").json() == {"data": True}
    assert not List.objects.filter(pk__in=[news.pk, kept.pk]).exists()


class TestAccess:
    @pytest.fixture
    def mine(self):
        return make_list(name="Mine")

    @pytest.fixture
    def hidden(self):
        return make_list(name="Hidden")

    def test_a_list_role_shows_its_lists_alone(self, mine, hidden):
        api = make_api_client("subscribers:get", grants={mine: ["list:get"]})

        assert names(api.get("/api/lists")) == ["Mine"]
        assert names(api.get("/api/lists?minimal=true")) == ["Mine"]
        assert names(api.get("/api/lists?query=hidden")) == []
        assert api.get("/api/lists").json()["data"]["total"] == 1

    def test_a_list_that_may_not_be_read_looks_like_one_that_does_not_exist(self, mine, hidden):
        api = make_api_client(grants={mine: ["list:get"]})

        there, missing = api.get(f"/api/lists/{hidden.pk}"), api.get("/api/lists/999999")

        assert there.status_code == missing.status_code == 403
        assert there.content == missing.content

    def test_reading_is_not_changing(self, mine, hidden):
        api = make_api_client(grants={mine: ["list:get"]})

        for one in (mine, hidden):
            put = api.put(f"/api/lists/{one.pk}", {"name": "x"}, content_type="application/json")
            assert put.status_code == 403
            assert api.delete(f"/api/lists/{one.pk}").status_code == 403
            assert api.delete(f"/api/lists?id={one.pk}").status_code == 403
        assert api.delete("/api/lists?all=true").json() == {"data": True}
        assert List.objects.count() == 2

    def test_a_manager_of_one_list_cannot_delete_others_along_with_it(self, mine, hidden):
        api = make_api_client(grants={mine: ["list:manage"]})

        assert api.delete(f"/api/lists?id={mine.pk}&id={hidden.pk}").status_code == 403
        assert List.objects.count() == 2
        api.delete("/api/lists?all=true")
        assert list(List.objects.all()) == [hidden]

    def test_creating_needs_lists_manage_all(self, mine):
        api = make_api_client("lists:get_all", grants={mine: ["list:manage"]})

        answer = api.post("/api/lists", {"name": "x"}, content_type="application/json")

        assert answer.status_code == 403
        assert "lists:manage_all" in answer.json()["message"]


def test_the_listing_costs_the_same_however_many_lists(api, django_assert_max_num_queries):
    for _ in range(15):
        make_list()
    with django_assert_max_num_queries(9):
        api.get("/api/lists")
