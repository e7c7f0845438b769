"""Raw SQL conditions: what listmonk's clients send works, and nothing else is reachable (contract 3.5)."""

import uuid

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from bounces.models import Bounce
from campaigns.models import Campaign, CampaignList
from subscribers import raw_conditions
from subscribers.condition_tokens import check_text
from subscribers.models import Subscriber
from subscribers.raw_conditions import RefusedCondition
from tests.factories import make_api_client, make_list, make_subscriber
from tracking.models import Link

pytestmark = pytest.mark.django_db


def found(condition: str, *, readable=None) -> set[str]:
    with raw_conditions.reading():
        ids = raw_conditions.ids(condition, readable=readable)
        return set(Subscriber.objects.filter(pk__in=ids).values_list("email", flat=True))


@pytest.fixture
def world():
    news, offers = make_list(name="News"), make_list(name="Offers")
    make_subscriber(email="ann@example.com", name="Ann", attribs={"city": "Oslo", "age": 30, "tags": ["vip"]},
                    lists={news: "confirmed", offers: "unsubscribed"})  # fmt: skip
    make_subscriber(
        email="bob@example.com", name="Bob 100%", attribs={"city": "Bergen"}, status="blocklisted"
    )
    return news, offers


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("subscribers.email ILIKE '%ann%'", {"ann@example.com"}),
        ("subscribers.status = 'blocklisted';", {"bob@example.com"}),
        ("subscribers.attribs->>'city' = 'Oslo'", {"ann@example.com"}),
        ("(subscribers.attribs->>'age')::INT > 18 AND subscribers.attribs->>'city' = 'Oslo'", {"ann@example.com"}),
        ("subscribers.attribs->'tags' ? 'vip'", {"ann@example.com"}),
        ("subscribers.attribs @> '{\"city\": \"Bergen\"}'", {"bob@example.com"}),
        ("name LIKE '%100\\%'", {"bob@example.com"}),
        ("name LIKE '%%'", {"ann@example.com", "bob@example.com"}),
        ("name IN ('Ann', 'O''Brien')", {"ann@example.com"}),
        ("EXISTS (SELECT 1 FROM subscriber_lists sl WHERE sl.subscriber_id = subscribers.id"
         " AND sl.status = 'confirmed')", {"ann@example.com"}),
        ("id IN (SELECT subscriber_id FROM subscriber_lists JOIN lists ON lists.id = list_id"
         " WHERE lists.name = 'Offers' AND lists.type = 'private')", {"ann@example.com"}),
        ("NOT EXISTS(SELECT 1 FROM campaign_views WHERE campaign_views.subscriber_id=subscribers.id)",
         {"ann@example.com", "bob@example.com"}),
        ("created_at > NOW() - INTERVAL '1 day'", {"ann@example.com", "bob@example.com"}),
        ("date_trunc('day', created_at) = date_trunc('day', now()) AND extract(year FROM created_at) > 2000",
         {"ann@example.com", "bob@example.com"}),
        ("lower(\"name\") = 'ann' OR (1=0)", {"ann@example.com"}),
        ("name = E'Ann' AND length(name) BETWEEN (1) AND (5)", {"ann@example.com"}),
        ("email ~* '^a' AND CASE WHEN (status = 'enabled') THEN true ELSE (false) END", {"ann@example.com"}),
        ("name = '-- Ann; DROP'", set()),
        ("id = ANY(ARRAY(SELECT subscriber_id FROM subscriber_lists))", {"ann@example.com"}),
    ],
)  # fmt: skip
def test_conditions_that_clients_send(world, condition, expected):
    assert found(condition) == expected


def test_every_table_of_listmonk_is_there(world):
    ann = Subscriber.objects.get(email="ann@example.com")
    campaign = Campaign.objects.create(name="c", subject="s")
    CampaignList.objects.create(campaign=campaign, list=world[0], list_name="News")
    link = Link.objects.create(url="https://example.com")
    Bounce.objects.create(subscriber=ann, campaign=campaign, type="hard")
    with connection.cursor() as cursor:
        for machine in (0, 1):
            cursor.execute(
                "INSERT INTO tracking_view (event_id, created_at, subscriber_id, campaign_id, machine)"
                " VALUES (%s, now(), %s, %s, %s)",
                [uuid.uuid4(), ann.pk if machine == 0 else ann.pk + 1, campaign.pk, machine],
            )
        cursor.execute(
            "INSERT INTO tracking_click (event_id, created_at, subscriber_id, link_id, campaign_id)"
            " VALUES (%s, now(), %s, %s, %s)",
            [uuid.uuid4(), ann.pk, link.pk, campaign.pk],
        )
    for condition in (
        "id IN (SELECT subscriber_id FROM campaign_views v JOIN campaigns c ON c.id = v.campaign_id"
        " WHERE c.status = 'draft' AND c.type = 'regular' AND c.sent = 0)",
        "id IN (SELECT subscriber_id FROM link_clicks JOIN links ON links.id = link_id"
        " WHERE links.url LIKE 'https:%')",
        "(SELECT count(*) FROM campaign_views WHERE subscriber_id = subscribers.id) = 1",
        "id IN (SELECT subscriber_id FROM bounces WHERE type = 'hard' AND bounces.campaign_id IS NOT NULL)",
        "EXISTS (SELECT 1 FROM campaign_lists WHERE list_name = 'News') AND name = 'Ann'",
    ):
        assert found(condition) == {"ann@example.com"}, condition


@pytest.mark.parametrize(
    "condition",
    [
        "nonsense(", "", "1", "name", "'a' 'b'", "name = 'open", "name = \"open", "1=1 ORDER BY",
        "id IN (SELECT id FROM users)", "id IN (SELECT id FROM accounts_user)",
        "id IN (SELECT id FROM public.accounts_user)", "id IN (SELECT id FROM \"public\".accounts_user)",
        "EXISTS (SELECT 1 FROM accounts_apitoken)", "EXISTS (SELECT 1 FROM configuration_setting)",
        "EXISTS (SELECT 1 FROM django_session)", "EXISTS (SELECT 1 FROM information_schema.tables)",
        "EXISTS (SELECT 1 FROM pg_catalog.pg_user)", "EXISTS (SELECT 1 FROM pg_settings)",
        "EXISTS (TABLE subscribers_subscriber)", "EXISTS (SELECT 1 FROM subscribers_importline)",
        "pg_sleep(1) IS NULL", "\"pg_sleep\"(1) IS NULL", "pg_catalog.pg_sleep(1) IS NULL",
        "(SELECT pg_read_file('/etc/passwd')) = ''", "lo_import('/etc/passwd') > 0", "lo_get(1) IS NULL",
        "set_config('search_path', 'public', false) = ''", "current_setting('data_directory') = ''",
        "query_to_xml('select 1', true, true, '') IS NULL", "table_to_xml('x', true, true, '') IS NULL",
        "dblink('x', 'select 1') IS NULL", "ts_stat('select 1') IS NULL", "nextval('x') = 1",
        "has_table_privilege('x', 'select')", "repeat('x', 1000000000) = ''",
        "id IN (SELECT generate_series(1, 1000000000))", "version() = ''", "inet_server_addr() IS NULL",
        "1=1; DELETE FROM subscribers", "1=1); DELETE FROM subscribers_subscriber; --", "1=1 -- x", "1=1 /* x */",
        "1=1) OR (1=1", ") OR (1=1", "(1=1", "1=1) UNION SELECT id FROM accounts_user WHERE (1=1",
        "name = $$x$$", "name = $1", "name = U&'\\0041'", "U&\"name\" = 'x'",
        "EXISTS (WITH RECURSIVE t AS (SELECT 1 UNION ALL SELECT 1 FROM t) SELECT 1 FROM t)",
        "EXISTS (WITH x AS (DELETE FROM subscribers RETURNING 1) SELECT 1 FROM x)",
        "EXISTS (SELECT 1 FROM lists FOR UPDATE)", "id = (SELECT id FROM subscribers", "a\\b",
        "1 OPERATOR(pg_catalog.=) 1", "'x'::regclass IS NULL AND EXISTS (SELECT 1 FROM pg_class)",
        "name = %s", "name = %(x)s",
    ],
)  # fmt: skip
def test_nothing_else_is_reachable(world, condition):
    api = make_api_client(superadmin=True)

    answer = api.get("/api/subscribers", {"query": condition}) if condition else None
    with pytest.raises(RefusedCondition):
        found(condition)

    assert answer is None or answer.status_code == 400, answer.content
    assert Subscriber.objects.count() == 2


@given(st.text(alphabet="ab'\"(),;-/*$\\ E=1%", max_size=30))
def test_no_text_gets_past_its_own_parentheses(text):
    """Whatever passes the tokens is one expression for PostgreSQL too, or PostgreSQL refuses it."""
    try:
        checked = check_text(text, refused=RefusedCondition)
    except RefusedCondition:
        return
    assert ";" not in checked.replace("'", "").rstrip(";") or "'" in checked or '"' in checked
    try:
        found(checked)
    except RefusedCondition:
        return
    except raw_conditions.DomainError:
        return
    assert Subscriber.objects.count() == 0


def test_a_value_that_does_not_convert_is_a_message(world):
    api = make_api_client(superadmin=True)
    answer = api.get("/api/subscribers", {"query": "(attribs->>'city')::int > 1"})
    assert answer.status_code == 400
    assert "integer" in answer.json()["message"]


def test_a_condition_that_takes_too_long_is_stopped(world, monkeypatch):
    many = "(SELECT count(*) FROM " + ", ".join(f"subscribers s{i}" for i in range(25)) + ") > 0"
    with pytest.raises(raw_conditions.DomainError, match="longer than 1 second"):
        with raw_conditions.reading(time_limit_s=1):
            list(Subscriber.objects.filter(pk__in=raw_conditions.ids(many)))


def test_a_reader_of_some_lists_cannot_look_at_others_through_a_condition(world):
    news, _ = world
    hidden = make_list(name="Hidden")
    ann = Subscriber.objects.get(email="ann@example.com")
    ann.subscriptions.create(list=hidden, status="confirmed")
    api = make_api_client("subscribers:get", "subscribers:sql_query", grants={news: ["list:get"]})

    def asked(condition):
        answer = api.get("/api/subscribers", {"query": condition})
        return [one["email"] for one in answer.json()["data"]["results"]]

    assert asked("1=1") == ["ann@example.com"]
    assert asked("EXISTS (SELECT 1 FROM lists WHERE name = 'News')") == ["ann@example.com"]
    assert asked("EXISTS (SELECT 1 FROM lists WHERE name = 'Hidden')") == []
    assert asked(f"id IN (SELECT subscriber_id FROM subscriber_lists WHERE list_id = {hidden.pk})") == []


def test_conditions_need_their_permission():
    news = make_list()
    api = make_api_client("subscribers:get_all", "subscribers:manage", "lists:manage_all")
    for answer in (
        api.get("/api/subscribers?query=1=1"),
        api.get("/api/subscribers/export?query=1=1"),
        api.post("/api/subscribers/query/delete", {"query": "1=1"}, content_type="application/json"),
        api.put("/api/subscribers/query/blocklist", {"query": "1=1"}, content_type="application/json"),
        api.put(
            "/api/subscribers/query/lists",
            {"query": "1=1", "action": "add", "target_list_ids": [news.pk]},
            content_type="application/json",
        ),
    ):
        assert answer.status_code == 403, answer.content


def test_a_condition_narrows_with_the_other_filters(world):
    news, _ = world
    make_subscriber(email="anna@example.com", lists={news: "unconfirmed"})
    api = make_api_client(superadmin=True)

    asked = {"query": "email LIKE 'ann%'", "list_id": news.pk, "subscription_status": "confirmed"}
    data = api.get("/api/subscribers", asked).json()["data"]

    assert [one["email"] for one in data["results"]] == ["ann@example.com"]
    assert (data["total"], data["query"]) == (1, "email LIKE 'ann%'")
