"""The rule language: what it means, and that both evaluators mean the same."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from subscribers.models import Subscriber
from subscribers.segments import rows, rules, sql
from subscribers.segments.rules import BadRule
from tests.factories import make_api_client, make_list, make_subscriber

pytestmark = pytest.mark.django_db

ANN = {
    "city": "London", "age": 30, "score": 1.5, "code": "007", "vip": True, "blank": "", "none": None,
    "tags": ["Red", 5, True, None], "deep": {"er": {"x": "Y"}}, "empty": [],
}  # fmt: skip


def by_sql(tree) -> set[str]:
    return set(Subscriber.objects.filter(sql.condition(rules.parse(tree))).values_list("email", flat=True))


def row_of(person: Subscriber) -> dict:
    return {
        "email": person.email,
        "name": person.name,
        "status": person.status,
        "uuid": str(person.uuid),
        "attribs": person.attribs,
        "created_at": person.created_at,
        "updated_at": person.updated_at,
        "lists": dict(person.subscriptions.values_list("list_id", "status")),
    }


def by_rows(tree) -> set[str]:
    rule = rules.parse(tree)
    return {one.email for one in Subscriber.objects.all() if rows.matches(rule, row_of(one))}


def compare(op, field, value=None) -> dict:
    return {"op": op, "field": field, "value": value}


@pytest.fixture
def ann():
    return make_subscriber(email="ann@example.com", name="Ann Größe", attribs=ANN)


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        (compare("EQ", "attribs.city", "LONDON"), True), (compare("NE", "attribs.city", "london"), False),
        (compare("NE", "attribs.missing", "x"), True), (compare("EQ", "attribs.missing", "x"), False),
        (compare("EQ", "attribs.age", 30), True), (compare("EQ", "attribs.age", "30"), True),
        (compare("EQ", "attribs.age", 30.0), True), (compare("GT", "attribs.age", 29.5), True),
        (compare("GT", "attribs.age", "4"), False), (compare("LTE", "attribs.age", 30), True),
        (compare("EQ", "attribs.code", 7), True), (compare("EQ", "attribs.code", "7"), False),
        (compare("EQ", "attribs.score", "1.5"), True), (compare("EQ", "attribs.vip", True), True),
        (compare("EQ", "attribs.vip", "true"), True), (compare("EQ", "attribs.vip", 1), False),
        (compare("EQ", "attribs.tags", "red"), True), (compare("EQ", "attribs.tags", 5), True),
        (compare("CONTAINS", "attribs.tags", "re"), True), (compare("NE", "attribs.tags", "red"), False),
        (compare("IN", "attribs.city", ["Paris", "London"]), True), (compare("IN", "attribs.city", []), False),
        (compare("EQ", "attribs.deep.er.x", "y"), True), (compare("EQ", "attribs.deep", "y"), False),
        (compare("EXISTS", "attribs.city"), True), (compare("EXISTS", "attribs.blank"), False),
        (compare("EXISTS", "attribs.none"), False), (compare("EXISTS", "attribs.empty", False), True),
        (compare("EXISTS", "attribs.tags"), True), (compare("EXISTS", "attribs.deep"), False),
        (compare("EXISTS", "attribs.missing", False), True),
        (compare("CONTAINS", "email", "@EXAMPLE"), True), (compare("ENDS_WITH", "email", ".com"), True),
        (compare("STARTS_WITH", "email", "ann"), True), (compare("STARTS_WITH", "email", "%"), False),
        (compare("CONTAINS", "name", "größe"), True), (compare("CONTAINS", "name", "GRÖSSE"), False),
        (compare("CONTAINS", "name", "_"), False), (compare("EQ", "status", "enabled"), True),
        (compare("GT", "name", "a"), True), (compare("LT", "name", "b"), True),
        (compare("GT", "created_at", "2020-01-01"), True),
        (compare("LT", "created_at", "2020-01-01T00:00:00Z"), False),
        (compare("EXISTS", "created_at"), True),
        ({"op": "and", "rules": []}, True), ({"op": "OR", "rules": []}, False),
        ({"Op": "NOT", "Rules": [compare("EQ", "attribs.missing", "x")]}, True),
        ({"op": "OR", "rules": [compare("EQ", "name", "x"), compare("EXISTS", "email")]}, True),
        ({"op": "AND", "rules": [compare("EQ", "name", "x"), compare("EXISTS", "email")]}, False),
    ],
)  # fmt: skip
def test_what_rules_mean(ann, rule, holds):
    assert (by_sql(rule) == {"ann@example.com"}) is holds
    assert (by_rows(rule) == {"ann@example.com"}) is holds


def test_lists_count_unless_unsubscribed():
    one, two = make_list(), make_list()
    make_subscriber(email="in@x.io", lists={one: "confirmed"})
    make_subscriber(email="out@x.io", lists={one: "unsubscribed", two: "unconfirmed"})
    everyone = {"in@x.io", "out@x.io"}
    for rule, expected in (
        (compare("IN", "lists", [one.pk, 999]), {"in@x.io"}),
        (compare("EQ", "lists", two.pk), {"out@x.io"}),
        (compare("NE", "lists", one.pk), {"out@x.io"}),
        (compare("EQ", "lists.unsubscribed", one.pk), {"out@x.io"}),
        (compare("EXISTS", "lists"), everyone),
        (compare("EXISTS", "lists.confirmed", False), {"out@x.io"}),
    ):
        assert by_sql(rule) == by_rows(rule) == expected, rule


@pytest.mark.parametrize(
    "tree",
    [
        None, [], "x", {}, {"op": "XOR", "rules": []}, {"op": "AND"}, {"op": "EQ"}, {"op": "EQ", "field": 5},
        compare("IN", "name", "x"), compare("EQ", "name", {}), compare("EQ", "name", None),
        compare("EXISTS", "name", "x"),
        compare("EQ", "name", "a\0"), compare("EQ", "name", "x" * 2001), compare("EQ", "created_at", "yesterday"),
        compare("CONTAINS", "created_at", "2020"), compare("EQ", "attribs.n", float("inf")),
        compare("EQ", "attribs.n", Decimal("1e400")), {"op": "AND", "rules": [compare("EQ", "name", "x")] * 600},
        compare("EQ", "password", "x"), compare("EQ", "attribs", "x"), compare("EQ", "lists", "News"),
        compare("GT", "lists", 1), compare("EXISTS", "lists.weird"), compare("EQ", "email) OR (1=1", "x"),
    ],
)  # fmt: skip
def test_what_is_no_rule_is_refused(tree):
    with pytest.raises(BadRule):
        by_sql(tree)


def test_a_tree_too_deep_is_refused():
    tree = compare("EXISTS", "name")
    for _ in range(30):
        tree = {"op": "NOT", "rules": [tree]}
    with pytest.raises(BadRule):
        rules.parse(tree)


SCALARS = (
    st.text(alphabet="aAzZéÉß0159.-% _'\\", max_size=4)
    | st.integers(-100, 100)
    | st.decimals(-10, 10, places=2).map(float)
    | st.booleans()
)
VALUES = (
    SCALARS | st.none() | st.lists(SCALARS | st.none(), max_size=3) | st.dictionaries(st.just("y"), SCALARS)
)
FIELDS = st.sampled_from(["attribs.x", "attribs.x.y", "name", "status", "email"])
COMPARISONS = st.sampled_from(["EQ", "NE", "GT", "GTE", "LT", "LTE", "CONTAINS", "STARTS_WITH", "ENDS_WITH"])
TESTS = (
    st.builds(compare, COMPARISONS, FIELDS, SCALARS)
    | st.builds(compare, st.just("IN"), FIELDS, st.lists(SCALARS, max_size=3))
    | st.builds(compare, st.just("EXISTS"), FIELDS, st.sampled_from([None, True, False]))
)
TREES = st.recursive(
    TESTS,
    lambda inner: st.fixed_dictionaries(
        {"op": st.sampled_from(["AND", "OR", "NOT"]), "rules": st.lists(inner, max_size=3)}
    ),
    max_leaves=5,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=TREES, value=VALUES, name=st.text(alphabet="aAzZé01.-", max_size=4))
def test_both_evaluators_agree(tree, value, name):
    Subscriber.objects.update_or_create(
        email="a@x.io", defaults={"name": name, "attribs": {"x": value}, "created_at": datetime.now(UTC)}
    )
    assert by_sql(tree) == by_rows(tree), json.dumps(tree)


class TestApi:
    def test_a_segment_filters_without_the_permission_for_sql(self, ann):
        news = make_list()
        ann.subscriptions.create(list=news, status="confirmed")
        make_subscriber(lists={news: "confirmed"}, attribs={"city": "Oslo"})
        api = make_api_client("subscribers:get", "subscribers:manage", grants={news: ["list:manage"]})
        segment = compare("EQ", "attribs.city", "London")

        data = api.get("/api/subscribers", {"segment": json.dumps(segment)}).json()["data"]
        blocked = api.put(
            "/api/subscribers/query/blocklist", {"segment": segment}, content_type="application/json"
        )

        assert ([one["email"] for one in data["results"]], data["total"]) == (["ann@example.com"], 1)
        assert blocked.status_code == 200
        assert [one.email for one in Subscriber.objects.filter(status="blocklisted")] == ["ann@example.com"]

    @pytest.mark.parametrize("segment", ["x", "[]", '{"op": "EQ", "field": "password", "value": "x"}'])
    def test_a_bad_segment_is_a_400(self, segment):
        api = make_api_client(superadmin=True)
        assert api.get("/api/subscribers", {"segment": segment}).status_code == 400
        assert api.get("/api/subscribers/export", {"segment": segment}).status_code == 400

    def test_lists_out_of_reach_cannot_be_probed(self):
        mine, hidden = make_list(), make_list()
        make_subscriber(email="a@x.io", lists={mine: "confirmed", hidden: "confirmed"})
        api = make_api_client("subscribers:get", grants={mine: ["list:get"]})

        def found(rule):
            answer = api.get("/api/subscribers", {"segment": json.dumps(rule)})
            return [one["email"] for one in answer.json()["data"]["results"]]

        assert found(compare("EQ", "lists", mine.pk)) == ["a@x.io"]
        assert found(compare("EQ", "lists", hidden.pk)) == []
