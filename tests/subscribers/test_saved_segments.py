"""Segments that are kept: what may be written, who sees whom through them, and how many they are."""

from typing import Any

import pytest
from django.db import connection

from listmonk_py.api.errors import DomainError
from subscribers.models import Segment, Subscriber
from subscribers.segments import counting, rules, saved, sql
from tests.factories import call, make_api_client, make_list, make_subscriber, make_user

pytestmark = pytest.mark.django_db

LONDON = {"op": "EQ", "field": "attribs.city", "value": "London"}


def is_on(one: Any) -> dict[str, Any]:
    return {"op": "EQ", "field": "lists", "value": one.pk}


@pytest.fixture
def api():
    return make_api_client(superadmin=True)


@pytest.fixture
def make_segment():
    def make(rule: Any = LONDON, *, name: str = "Londoners", owner: Any = None) -> Segment:
        return saved.create({"name": name, "rule": rule}, owner or make_user(superadmin=True))

    return make


def people_in(client: Any, **parameters: Any) -> list[str]:
    data = client.get("/api/subscribers", {"order_by": "email", "order": "asc", **parameters}).json()["data"]
    assert data["total"] == len(data["results"])
    return [one["email"] for one in data["results"]]


class TestWriting:
    def test_a_segment_is_made_read_changed_and_deleted(self, api):
        rule = {"OP": "and", "rules": [{"Op": "eq", "Field": " attribs.city ", "value": "London", "x": 1}]}

        status, answer = call(
            api, "POST", "/api/segments", {"name": " Londoners ", "description": "d", "rule": rule}
        )

        made = answer["data"]
        assert status == 200
        assert (made["name"], made["description"], made["owner_id"]) == ("Londoners", "d", api.user.pk)
        assert made["rule"] == {"op": "AND", "rules": [LONDON]}
        path = f"/api/segments/{made['id']}"
        assert call(api, "GET", path)[1]["data"] == made
        status, answer = call(api, "PUT", path, {"name": "City"})
        assert (answer["data"]["name"], answer["data"]["rule"]) == ("City", made["rule"])
        assert call(api, "DELETE", path) == (200, {"data": True})
        assert call(api, "GET", path) == (400, {"message": "Segment not found"})

    def test_segments_are_listed_in_pages(self, api, make_segment):
        for name in ("b", "a", "c"):
            make_segment(name=name)

        _, answer = call(api, "GET", "/api/segments?order_by=name&order=asc&per_page=2")

        assert [one["name"] for one in answer["data"]["results"]] == ["a", "b"]
        assert (answer["data"]["total"], answer["data"]["per_page"], answer["data"]["page"]) == (3, 2, 1)
        _, answer = call(api, "GET", "/api/segments?query=C")
        assert [one["name"] for one in answer["data"]["results"]] == ["c"]

    def test_a_name_is_taken_once_in_any_case(self, api, make_segment):
        make_segment(name="VIP")

        status, answer = call(api, "POST", "/api/segments", {"name": "vip", "rule": LONDON})

        assert (status, answer["message"]) == (409, "There is a segment “vip” already.")
        assert Segment.objects.count() == 1

    @pytest.mark.parametrize(
        ("rule", "place"),
        [
            (None, "rule"),
            ({}, "rule"),
            ({"op": "AND", "rules": []}, "rule"),
            ({"op": "AND", "rules": [LONDON, {"op": "OR", "rules": []}]}, "rules[1]"),
            ({"op": "AND", "rules": [{"op": "EQ", "field": "password", "value": "x"}]}, "rules[0]"),
            (
                {
                    "op": "AND",
                    "rules": [LONDON, {"op": "OR", "rules": [{"op": "GT", "field": "created_at"}]}],
                },
                "rules[1].rules[0]",
            ),
            ({"op": "NOT", "rules": [{"op": "GT", "field": "lists", "value": 1}]}, "rules[0]"),
            ({"op": "EXISTS", "field": "name", "value": 1}, "rule"),
        ],
    )
    def test_a_wrong_rule_is_refused_with_its_place(self, api, rule, place):
        status, answer = call(api, "POST", "/api/segments", {"name": "x", "rule": rule})

        assert (status, answer["place"]) == (400, place)
        assert answer["message"].startswith(f"{place}: ")
        assert not Segment.objects.exists()

    @pytest.mark.parametrize("body", [{"rule": LONDON}, {"name": " ", "rule": LONDON}, {"name": "x" * 201}])
    def test_a_segment_needs_a_name(self, api, body):
        assert call(api, "POST", "/api/segments", body)[0] == 400

    def test_somebody_with_access_to_some_lists_changes_their_own_segments_alone(self, make_segment):
        theirs = make_segment()
        api = make_api_client("subscribers:get", "subscribers:manage", grants={make_list(): ["list:manage"]})
        _, answer = call(api, "POST", "/api/segments", {"name": "Mine", "rule": LONDON})
        mine = answer["data"]["id"]

        assert call(api, "GET", f"/api/segments/{theirs.pk}")[0] == 200
        assert call(api, "PUT", f"/api/segments/{theirs.pk}", {"name": "Taken over"})[0] == 403
        assert call(api, "DELETE", f"/api/segments/{theirs.pk}")[0] == 403
        assert call(api, "PUT", f"/api/segments/{mine}", {"name": "Still mine"})[0] == 200
        assert call(api, "DELETE", f"/api/segments/{mine}")[0] == 200
        theirs.refresh_from_db()
        assert theirs.name == "Londoners"


class TestPeople:
    @pytest.fixture
    def people(self):
        mine, hidden = make_list(), make_list()
        make_subscriber(email="a@x.io", attribs={"city": "London"}, lists={mine: "confirmed"})
        make_subscriber(
            email="b@x.io", attribs={"city": "London"}, lists={mine: "confirmed", hidden: "confirmed"}
        )
        make_subscriber(email="c@x.io", attribs={"city": "London"}, lists={hidden: "confirmed"})
        make_subscriber(email="d@x.io", attribs={"city": "Oslo"}, lists={mine: "confirmed"})
        return mine, hidden

    def test_a_segment_is_evaluated_when_it_is_used(self, api, people, make_segment):
        segment = make_segment()
        assert people_in(api, segment_id=segment.pk) == ["a@x.io", "b@x.io", "c@x.io"]

        Subscriber.objects.filter(email="d@x.io").update(attribs={"city": "london"})

        assert people_in(api, segment_id=segment.pk) == ["a@x.io", "b@x.io", "c@x.io", "d@x.io"]

    def test_it_holds_beside_the_other_filters(self, api, people, make_segment):
        segment, (mine, _) = make_segment(), people

        assert people_in(api, segment_id=segment.pk, list_id=mine.pk) == ["a@x.io", "b@x.io"]
        starts = '{"op": "STARTS_WITH", "field": "email", "value": "c"}'
        assert people_in(api, segment_id=segment.pk, segment=starts) == ["c@x.io"]

    def test_an_export_holds_its_people(self, api, people, make_segment):
        answer = api.get("/api/subscribers/export", {"segment_id": make_segment().pk})
        lines = b"".join(answer.streaming_content).decode().splitlines()[1:]  # type: ignore[attr-defined]

        assert [line.split(",")[1] for line in lines] == ["a@x.io", "b@x.io", "c@x.io"]

    def test_who_may_see_one_list_sees_and_counts_its_people_alone(self, people, make_segment):
        mine, hidden = people
        londoners, on_hidden = make_segment(), make_segment(is_on(hidden), name="Hidden")
        api = make_api_client("subscribers:get", grants={mine: ["list:get"]})

        def count(segment: Segment) -> Any:
            return call(api, "GET", f"/api/segments/{segment.pk}/count")[1]["data"]

        assert people_in(api, segment_id=londoners.pk) == ["a@x.io", "b@x.io"]
        assert count(londoners) == {"count": 2, "exact": True}
        assert people_in(api, segment_id=on_hidden.pk) == []
        assert count(on_hidden) == {"count": 0, "exact": True}

    @pytest.mark.parametrize("number", ["999", "x", "0", "-1", "1&segment_id=2", "9" * 40])
    def test_a_segment_that_is_not_there_is_a_400(self, api, number):
        for path in ("/api/subscribers", "/api/subscribers/export"):
            assert call(api, "GET", f"{path}?segment_id={number}")[0] == 400

    def test_bulk_changes_reach_its_people_who_may_be_changed(self, people, make_segment):
        mine, _ = people
        api = make_api_client("subscribers:manage", grants={mine: ["list:manage"]})
        body = {"segment_id": make_segment().pk}

        assert call(api, "PUT", "/api/subscribers/query/blocklist", body) == (200, {"data": True})
        blocked = Subscriber.objects.filter(status="blocklisted").order_by("email")
        assert [one.email for one in blocked] == ["a@x.io", "b@x.io"]

    def test_bulk_changes_by_an_unknown_segment_change_nobody(self, api, people):
        target = make_list()
        for method, path, more in (
            ("POST", "delete", {}),
            ("PUT", "blocklist", {}),
            ("PUT", "lists", {"action": "add", "target_list_ids": [target.pk]}),
        ):
            for wrong in (999, "x", True, 0):
                body = {"segment_id": wrong, **more}
                assert call(api, method, f"/api/subscribers/query/{path}", body)[0] == 400, wrong
        assert Subscriber.objects.filter(status="enabled").count() == 4
        assert not target.subscriptions.exists()

    def test_lists_and_deletion_by_segment(self, api, people, make_segment):
        segment, target = make_segment(), make_list()
        body = {"segment_id": segment.pk, "action": "add", "target_list_ids": [target.pk]}

        assert call(api, "PUT", "/api/subscribers/query/lists", body)[0] == 200
        assert target.subscriptions.count() == 3
        assert call(api, "POST", "/api/subscribers/query/delete", {"segment_id": segment.pk})[0] == 200
        assert [one.email for one in Subscriber.objects.all()] == ["d@x.io"]


FILL = """
    INSERT INTO subscribers_subscriber (uuid, email, name, attribs, status, updated_at)
    SELECT gen_random_uuid(), 'p' || n || '@example.com', 'P', jsonb_build_object('n', n %% 4), 'enabled', now()
      FROM generate_series(1, %s) n
"""


class TestCounting:
    def test_what_takes_too_long_to_count_is_estimated(self, monkeypatch):
        """On a table of 8,000 a sample of 2,000; the count is stopped by a condition that waits."""
        with connection.cursor() as cursor:
            cursor.execute(FILL, [8000])
        monkeypatch.setattr(counting, "COUNT_WITHIN_S", 0.05)
        monkeypatch.setattr(counting, "SAMPLE", 2000)
        rule = rules.parse(
            {"op": "AND", "rules": [
                {"op": "NE", "field": "slow", "value": 1}, {"op": "EQ", "field": "attribs.n", "value": 1},
            ]}
        )  # fmt: skip
        # NE of something false holds, so everybody with n = 1 fits: a quarter.
        monkeypatch.setitem(
            sql._extensions,
            "slow",
            lambda test, scope: ("false" if scope.few else "pg_sleep(0.01) IS NULL", []),
        )

        size = counting.count(rule, make_user(superadmin=True))

        assert not size.is_exact
        assert 1000 <= size.number <= 3000

    def test_an_estimate_of_everybody_is_the_number(self):
        with connection.cursor() as cursor:
            cursor.execute(FILL, [400])
        rule = rules.parse({"op": "EQ", "field": "attribs.n", "value": 1})

        assert counting.estimate(rule, make_user(superadmin=True)) == 100
        assert counting.estimate(rule, make_user("subscribers:get", grants={make_list(): ["list:get"]})) == 0

    def test_lists_that_few_people_are_asked_about_mean_the_same(self):
        one = make_list()
        make_subscriber(email="in@x.io", lists={one: "confirmed"})
        make_subscriber(email="out@x.io", lists={one: "unsubscribed"})
        for tree in (
            is_on(one),
            {"op": "NE", "field": "lists", "value": one.pk},
            {"op": "EXISTS", "field": "lists", "value": False},
            {"op": "IN", "field": "lists.unsubscribed", "value": [one.pk]},
        ):
            rule = rules.parse(tree)
            found = [
                set(Subscriber.objects.filter(sql.condition(rule, few=few)).values_list("email", flat=True))
                for few in (False, True)
            ]
            assert found[0] == found[1] != set()


def test_the_lists_of_a_rule_are_known():
    tree = {"op": "NOT", "rules": [
        {"op": "IN", "field": "lists", "value": [4, 7]},
        {"op": "OR", "rules": [{"op": "NE", "field": "lists.confirmed", "value": 9}, LONDON]},
    ]}  # fmt: skip
    assert saved.lists_in(rules.parse(tree)) == {4, 7, 9}


def test_what_refuses_says_which_user_has_it(make_segment, monkeypatch):
    segment = make_segment()
    use = saved.Use(users=lambda one, user: ["a drawer"], renamed=lambda one: None, released=lambda one: None)
    monkeypatch.setattr(saved, "_uses", [use])

    with pytest.raises(DomainError, match="is used by a drawer"):
        saved.delete(segment.pk, make_user(superadmin=True))
    assert Segment.objects.filter(pk=segment.pk).exists()
