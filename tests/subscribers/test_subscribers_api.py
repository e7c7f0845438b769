"""`/api/subscribers` as listmonk's clients know it (contract 2.3, 2.4, 3.5)."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from listmonk_py.configuration import runtime
from subscribers import finding
from subscribers.models import Subscriber, Subscription
from tests.factories import make_api_client, make_list, make_subscriber

pytestmark = pytest.mark.django_db

KEYS = {"id", "created_at", "updated_at", "uuid", "email", "name", "attribs", "status", "lists"}
LIST_KEYS = {
    "subscription_status", "subscription_created_at", "subscription_updated_at", "subscription_meta", "id",
    "uuid", "name", "type", "optin", "status", "tags", "description", "created_at", "updated_at",
}  # fmt: skip


@pytest.fixture
def api():
    return make_api_client(superadmin=True)


def send(method, path, body, status=200):
    answer = method(path, body, content_type="application/json")
    assert answer.status_code == status, answer.content
    return answer.json()["data"] if status == 200 else answer.json()["message"]


def data(answer):
    assert answer.status_code == 200, answer.content
    return answer.json()["data"]


def emails(answer) -> list[str]:
    return [one["email"] for one in data(answer)["results"]]


def subscriptions(person) -> dict[int, str]:
    return dict(Subscription.objects.filter(subscriber=person).values_list("list_id", "status"))


class TestCreating:
    def test_every_field_comes_back(self, api):
        news, offers = make_list(name="News", optin="double"), make_list(name="Offers")
        sent = {
            "email": "Ann.Lee@Example.com ", "name": " Ann Lee ", "status": "enabled",
            "lists": [news.pk, offers.pk], "attribs": {"city": "Oslo", "n": 1, "deep": {"a": [1, None]}},
        }  # fmt: skip

        made = send(api.post, "/api/subscribers", sent)

        assert set(made) == KEYS
        assert (made["email"], made["name"], made["status"]) == (
            "ann.lee@example.com",
            "Ann Lee",
            "enabled",
        )
        assert made["attribs"] == sent["attribs"]
        assert [set(one) for one in made["lists"]] == [LIST_KEYS, LIST_KEYS]
        assert {one["subscription_status"] for one in made["lists"]} == {"unconfirmed"}
        assert made["created_at"].endswith("Z")
        assert made["lists"][0]["subscription_created_at"].endswith("+00:00")

    def test_an_address_is_enough(self, api):
        made = send(api.post, "/api/subscribers", {"email": "bob.ray@example.com"})
        assert (made["name"], made["attribs"], made["lists"]) == ("Bob Ray", {}, [])

    def test_preconfirmed_subscriptions_are_confirmed(self, api):
        news = make_list(optin="double")
        body = {"email": "c@example.com", "lists": [news.pk], "preconfirm_subscriptions": True}

        made = send(api.post, "/api/subscribers", body)

        assert made["lists"][0]["subscription_status"] == "confirmed"

    def test_a_blocklisted_person_is_unsubscribed_from_the_start(self, api):
        news = make_list()
        body = {"email": "d@example.com", "status": "blocklisted", "lists": [news.pk]}

        made = send(api.post, "/api/subscribers", {**body, "preconfirm_subscriptions": True})

        assert made["status"] == "blocklisted"
        assert made["lists"][0]["subscription_status"] == "unsubscribed"

    def test_unknown_lists_are_passed_over(self, api):
        assert send(api.post, "/api/subscribers", {"email": "f@example.com", "lists": [999]})["lists"] == []

    def test_an_address_exists_once_in_any_case(self, api):
        make_subscriber(email="ann@example.com")
        message = send(api.post, "/api/subscribers", {"email": "ANN@example.com"}, status=409)
        assert message == "E-mail already exists."

    @pytest.mark.parametrize(
        "body",
        [
            {"email": "nope"}, {"name": "x"}, {"email": "Jo <jo@example.com>"}, {"email": 5},
            {"email": "g@example.com", "status": "weird"}, {"email": "h@example.com", "attribs": [1]},
            {"email": "i@example.com", "lists": ["1"]}, {"email": "i@example.com", "lists": [0]},
            {"email": "j@example.com", "name": "x" * 2001}, {"email": "k@example.com", "attribs": "x"},
            {"email": "k@example.com", "name": "a\0b"}, {"email": "k@example.com", "lists": 4},
            {"email": "k@example.com", "preconfirm_subscriptions": "yes"}, [1],
        ],
    )  # fmt: skip
    def test_bad_input_leaves_nothing_behind(self, api, body):
        assert send(api.post, "/api/subscribers", body, status=400)
        assert not Subscriber.objects.exists()

    def test_refused_domains_are_refused(self, api):
        runtime.save({"privacy.domain_blocklist": ["bad.example"]})
        assert send(api.post, "/api/subscribers", {"email": "a@bad.example"}, status=400)


class TestReplacing:
    def test_put_replaces_lists_and_attributes(self, api):
        news, offers = make_list(), make_list()
        ann = make_subscriber(lists={news: "confirmed"}, attribs={"old": 1}, name="Ann")

        body = {"email": ann.email, "lists": [offers.pk], "attribs": {"city": "Bergen"}}
        changed = send(api.put, f"/api/subscribers/{ann.pk}", body)

        assert changed["attribs"] == {"city": "Bergen"}
        assert changed["name"] == "Ann"
        assert subscriptions(ann) == {offers.pk: "unconfirmed"}

    def test_what_put_does_not_name_is_emptied(self, api):
        ann = make_subscriber(lists={make_list(): "confirmed"}, attribs={"old": 1})

        changed = send(api.put, f"/api/subscribers/{ann.pk}", {"email": ann.email})

        assert (changed["attribs"], changed["lists"], changed["status"]) == ({}, [], "enabled")

    def test_saving_keeps_confirmed_and_unsubscribed(self, api):
        one, two, three = make_list(), make_list(), make_list()
        ann = make_subscriber(lists={one: "confirmed", two: "unsubscribed", three: "unconfirmed"})
        body = {"email": ann.email, "lists": [one.pk, two.pk, three.pk], "preconfirm_subscriptions": True}

        send(api.put, f"/api/subscribers/{ann.pk}", body)

        assert subscriptions(ann) == {one.pk: "confirmed", two.pk: "unsubscribed", three.pk: "confirmed"}

    def test_the_address_is_required_and_stays_unique(self, api):
        ann, bob = make_subscriber(), make_subscriber()
        assert send(api.put, f"/api/subscribers/{ann.pk}", {"name": "x"}, status=400)
        assert send(api.put, f"/api/subscribers/{ann.pk}", {"email": bob.email.upper()}, status=409)
        assert send(api.patch, f"/api/subscribers/{ann.pk}", {"email": bob.email}, status=409)
        assert send(api.put, "/api/subscribers/999", {"email": "z@example.com"}, status=400)


class TestAmending:
    def test_only_what_is_given_changes(self, api):
        news = make_list()
        ann = make_subscriber(lists={news: "confirmed"}, attribs={"city": "Bergen"}, name="Ann")

        assert send(api.patch, f"/api/subscribers/{ann.pk}", {"name": "Ann P"})["name"] == "Ann P"
        changed = send(api.patch, f"/api/subscribers/{ann.pk}", {"attribs": {"vip": True}})

        assert changed["attribs"] == {"city": "Bergen", "vip": True}
        assert changed["name"] == "Ann P"
        assert subscriptions(ann) == {news.pk: "confirmed"}

    def test_lists_are_replaced_when_given(self, api):
        one, two = make_list(), make_list()
        ann = make_subscriber(lists={one: "confirmed", two: "confirmed"})

        send(api.patch, f"/api/subscribers/{ann.pk}", {"lists": [one.pk]})
        assert subscriptions(ann) == {one.pk: "confirmed"}
        send(api.patch, f"/api/subscribers/{ann.pk}", {"lists": []})
        assert subscriptions(ann) == {}

    def test_blocklisting_unsubscribes_on_this_path_too(self, api):
        ann = make_subscriber(lists={make_list(): "confirmed"})

        changed = send(api.patch, f"/api/subscribers/{ann.pk}", {"status": "blocklisted"})

        assert changed["status"] == "blocklisted"
        assert changed["lists"][0]["subscription_status"] == "unsubscribed"
        again = send(api.patch, f"/api/subscribers/{ann.pk}", {"status": "enabled"})
        assert again["lists"][0]["subscription_status"] == "unsubscribed"

    def test_an_empty_object_only_touches(self, api):
        ann = make_subscriber()
        changed = send(api.patch, f"/api/subscribers/{ann.pk}", {})
        assert changed["updated_at"] > changed["created_at"]
        assert send(api.patch, f"/api/subscribers/{ann.pk}", {"email": "x"}, status=400)
        assert send(api.patch, "/api/subscribers/999", {"name": "x"}, status=400)


class TestListing:
    def test_pages_newest_first(self, api):
        people = [make_subscriber() for _ in range(3)]

        first = data(api.get("/api/subscribers?per_page=2"))
        beyond = data(api.get("/api/subscribers?page=99"))

        assert set(first) == {"results", "search", "query", "total", "per_page", "page"}
        assert [one["id"] for one in first["results"]] == [people[2].pk, people[1].pk]
        assert (first["total"], first["per_page"], first["page"]) == (3, 2, 1)
        assert (beyond["results"], beyond["total"]) == ([], 3)

    @pytest.mark.parametrize("per_page", ["all", "-1"])
    def test_everything_at_once(self, api, per_page):
        for _ in range(22):
            make_subscriber()
        every = data(api.get(f"/api/subscribers?page=0&per_page={per_page}"))
        assert (len(every["results"]), every["per_page"], every["page"]) == (22, 0, 1)

    def test_a_page_that_no_process_could_hold_is_refused(self, api, monkeypatch):
        monkeypatch.setattr(finding, "MOST_AT_ONCE", 2)
        make_subscriber(), make_subscriber()
        assert len(data(api.get("/api/subscribers?per_page=all"))["results"]) == 2
        make_subscriber()
        assert api.get("/api/subscribers?per_page=all").status_code == 400
        assert api.get("/api/subscribers?per_page=3").status_code == 400
        assert len(data(api.get("/api/subscribers?per_page=2"))["results"]) == 2

    def test_orders(self, api):
        make_subscriber(email="b@example.com", name="a", status="disabled")
        make_subscriber(email="a@example.com", name="B")

        assert emails(api.get("/api/subscribers?order_by=email&order=asc"))[0] == "a@example.com"
        assert emails(api.get("/api/subscribers?order_by=name&order=asc"))[0] == "b@example.com"
        assert emails(api.get("/api/subscribers?order_by=status&order=asc"))[0] == "b@example.com"
        assert emails(api.get("/api/subscribers?order_by=bogus&order=asc"))[0] == "b@example.com"

    @pytest.mark.parametrize("order", ["id", "email", "name", "status", "created_at", "updated_at"])
    @pytest.mark.parametrize("direction", ["asc", "desc"])
    def test_a_cursor_walks_everybody_once(self, api, order, direction):
        for number in range(7):
            make_subscriber(name=f"Same {number % 2}", status=["enabled", "disabled"][number % 2])
        whole = emails(api.get(f"/api/subscribers?order_by={order}&order={direction}&per_page=all"))

        walked, cursor = [], ""
        while cursor is not None:
            asked = {"order_by": order, "order": direction, "per_page": 2, "cursor": cursor}
            page = data(api.get("/api/subscribers", asked))
            walked += [one["email"] for one in page["results"]]
            cursor = page["next_cursor"]

        assert walked == whole
        assert len(walked) == 7

    @pytest.mark.parametrize("cursor", ["x", "bnVsbA", "WyJuYW1lIix0cnVlLCJhIiwxXQ", "é"])
    def test_a_foreign_cursor_is_refused(self, api, cursor):
        assert api.get("/api/subscribers", {"cursor": cursor}).status_code == 400

    def test_search_is_a_regular_expression_on_name_and_address(self, api):
        make_subscriber(email="ann@example.com", name="Ann Lee")
        make_subscriber(email="bob@example.com", name="Bob (100%)")

        assert emails(api.get("/api/subscribers?search=ANN")) == ["ann@example.com"]
        assert emails(api.get("/api/subscribers", {"search": "^b.b"})) == ["bob@example.com"]
        assert emails(api.get("/api/subscribers", {"search": "100%"})) == ["bob@example.com"]
        assert emails(api.get("/api/subscribers", {"search": "lee|bob"})) == [
            "bob@example.com",
            "ann@example.com",
        ]
        found = data(api.get("/api/subscribers?search=ann"))
        assert (found["total"], found["search"], found["query"]) == (1, "ann", "")

    @pytest.mark.parametrize("search", ["a*(", "[", "(?<", "a{99999}", "\\"])
    def test_a_malformed_expression_is_a_400(self, api, search):
        answer = api.get("/api/subscribers", {"search": search})
        assert answer.status_code == 400
        assert answer.json()["message"]

    def test_lists_and_statuses_filter_without_repeating_people(self, api):
        one, two, other = make_list(), make_list(), make_list()
        ann = make_subscriber(lists={one: "confirmed", two: "unconfirmed"})
        bob = make_subscriber(lists={two: "confirmed"})
        make_subscriber(lists={other: "confirmed"})

        both = data(api.get(f"/api/subscribers?list_id={one.pk}&list_id={two.pk}"))
        confirmed = f"/api/subscribers?list_id={two.pk}&subscription_status=confirmed"

        assert [row["id"] for row in both["results"]] == [bob.pk, ann.pk]
        assert both["total"] == 2
        assert emails(api.get(f"/api/subscribers?list_id={one.pk}")) == [ann.email]
        assert emails(api.get(confirmed)) == [bob.email]
        assert data(api.get(confirmed))["total"] == 1
        assert data(api.get("/api/subscribers?list_id=999")) == {
            "results": [], "search": "", "query": "", "total": 0, "per_page": 20, "page": 1,
        }  # fmt: skip

    @pytest.mark.parametrize("asked", ["list_id=abc", "list_id=0", "id=x", "subscription_status=weird"])
    def test_filters_that_cannot_be_are_refused(self, api, asked):
        assert api.get(f"/api/subscribers?{asked}").status_code == 400

    def test_a_page_costs_as_many_queries_for_one_person_as_for_twenty(self, api):
        news = make_list()
        make_subscriber(lists={news: "confirmed"})

        def queries() -> int:
            with CaptureQueriesContext(connection) as captured:
                data(api.get(f"/api/subscribers?list_id={news.pk}"))
            return len(captured)

        queries()  # settings and the token's last use
        one = queries()
        for _ in range(19):
            make_subscriber(lists={news: "confirmed", make_list(): "confirmed"})
        assert queries() == one


def test_one_person(api):
    ann = make_subscriber(attribs={"a": 1})
    assert data(api.get(f"/api/subscribers/{ann.pk}"))["attribs"] == {"a": 1}
    for path in ("999", "abc", "0"):
        assert api.get(f"/api/subscribers/{path}").status_code == 400


def test_deleting(api):
    ann, bob, kept = make_subscriber(lists={make_list(): "confirmed"}), make_subscriber(), make_subscriber()

    assert data(api.delete(f"/api/subscribers/{ann.pk}")) is True
    assert data(api.delete("/api/subscribers/999")) is True
    assert data(api.delete(f"/api/subscribers?id={bob.pk}&id=999")) is True
    assert api.delete("/api/subscribers").status_code == 400
    assert api.delete("/api/subscribers?id=x").status_code == 400

    assert list(Subscriber.objects.all()) == [kept]
    assert not Subscription.objects.exists()


def test_blocklisting_one(api):
    ann = make_subscriber(lists={make_list(): "confirmed"})

    assert send(api.put, f"/api/subscribers/{ann.pk}/blocklist", {}) is True
    assert send(api.put, "/api/subscribers/999/blocklist", {}) is True

    ann.refresh_from_db()
    assert ann.status == "blocklisted"
    assert set(subscriptions(ann).values()) == {"unsubscribed"}


class TestAccess:
    @pytest.fixture
    def mine(self):
        return make_list(name="Mine", description="d")

    @pytest.fixture
    def hidden(self):
        return make_list(name="Hidden", description="secret")

    @pytest.fixture
    def limited(self, mine):
        return make_api_client("subscribers:get", "subscribers:manage", grants={mine: ["list:manage"]})

    def test_people_of_other_lists_do_not_exist(self, limited, mine, hidden):
        ann = make_subscriber(lists={mine: "confirmed"})
        stranger = make_subscriber(lists={hidden: "confirmed"})

        assert emails(limited.get("/api/subscribers")) == [ann.email]
        assert data(limited.get("/api/subscribers"))["total"] == 1
        assert emails(limited.get(f"/api/subscribers?list_id={hidden.pk}")) == []
        assert emails(limited.get(f"/api/subscribers?search={stranger.email}")) == []
        for number in (stranger.pk, 999999):
            assert limited.get(f"/api/subscribers/{number}").status_code == 403
            assert limited.delete(f"/api/subscribers/{number}").status_code == 403
            assert limited.delete(f"/api/subscribers?id={ann.pk}&id={number}").status_code == 403
            assert limited.put(f"/api/subscribers/{number}/blocklist").status_code == 403
            assert limited.post(f"/api/subscribers/{number}/optin").status_code == 403
            send(limited.put, f"/api/subscribers/{number}", {"email": "x@example.com"}, status=403)
        assert Subscriber.objects.count() == 2

    def test_other_lists_of_a_person_are_masked_and_survive_saving(self, limited, mine, hidden):
        ann = make_subscriber(lists={mine: "confirmed", hidden: "confirmed"})

        shown = {one["id"]: one for one in data(limited.get(f"/api/subscribers/{ann.pk}"))["lists"]}
        send(limited.put, f"/api/subscribers/{ann.pk}", {"email": ann.email, "lists": []})

        assert set(shown[mine.pk]) == LIST_KEYS
        assert set(shown[hidden.pk]) == LIST_KEYS - {"description"} | {"restricted"}
        assert (shown[hidden.pk]["name"], shown[hidden.pk]["restricted"]) == ("*Unknown", True)
        assert subscriptions(ann) == {hidden.pk: "confirmed"}

    def test_nobody_is_put_on_a_list_out_of_reach(self, limited, mine, hidden):
        body = {"email": "n@example.com", "lists": [mine.pk, hidden.pk]}
        assert [one["id"] for one in send(limited.post, "/api/subscribers", body)["lists"]] == [mine.pk]
        body = {"email": "m@example.com", "lists": [hidden.pk]}
        send(limited.post, "/api/subscribers", body, status=403)
        assert not Subscriber.objects.filter(email="m@example.com").exists()

    def test_reading_is_not_changing(self, mine):
        reader = make_api_client("subscribers:get", grants={mine: ["list:get"]})
        ann = make_subscriber(lists={mine: "confirmed"})
        send(reader.patch, f"/api/subscribers/{ann.pk}", {"name": "x"}, status=403)
        send(reader.post, "/api/subscribers", {"email": "x@example.com"}, status=403)
        assert reader.get("/api/subscribers?query=1=1").status_code == 403
