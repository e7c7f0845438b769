"""A campaign to a segment: who gets it, that its rule is frozen at Start, and what its planning costs."""

import re
from functools import partial

import pytest
from django.db import connection

from campaigns import cloning, lifecycle, preflight, writing
from campaigns.engine import planning, scan
from campaigns.engine.audience import Audience
from campaigns.models import Campaign, CampaignList
from campaigns.status import Status
from listmonk_py.api.errors import DomainError
from subscribers.models import Subscriber
from subscribers.segments import rules, saved, sql
from tests.factories import api_client, call, make_list, make_subscriber, make_user
from tests.subscribers.test_races import at_once

from .conftest import add_people, send_all
from .deployment import account

LONDON = {"op": "EQ", "field": "attribs.city", "value": "London"}
OSLO = {**LONDON, "value": "Oslo"}


@pytest.fixture
def user(engine):
    return make_user(superadmin=True)


@pytest.fixture
def make_segment(user):
    def make(rule=LONDON, name="Londoners"):
        return saved.create({"name": name, "rule": rule}, user)

    return make


def move(prefix: str, city: str, *, up_to: int) -> None:
    """Let the people prefix1 ... prefix<up_to> live in `city`."""
    emails = [f"{prefix}{n}@example.com" for n in range(1, up_to + 1)]
    Subscriber.objects.filter(email__in=emails).update(attribs={"city": city})


def mailed(engine) -> set[str]:
    found = [message.recipients[0].split("@")[0] for message in engine.messages]
    assert len(found) == len(set(found))
    return set(found)


def test_people_of_the_lists_who_are_in_the_segment_get_it(engine, make_campaign, make_segment):
    first, second, other = make_list(), make_list(), make_list()
    add_people(30, first, second, prefix="a")
    add_people(30, second, prefix="b")
    add_people(30, other, prefix="c")
    for prefix in "abc":
        move(prefix, "London", up_to=7)
    Subscriber.objects.filter(email="a1@example.com").update(status="disabled")
    campaign = make_campaign(first, second, segment=make_segment())

    lifecycle.start(campaign)
    send_all()

    campaign.refresh_from_db()
    assert campaign.status == Status.FINISHED
    assert mailed(engine) == {f"a{n}" for n in range(2, 8)} | {f"b{n}" for n in range(1, 8)}
    assert campaign.to_send == campaign.sent == 13
    assert campaign.to_send_exact
    account(campaign, engine, duplicates_at_most=0)


def test_editing_the_segment_changes_nothing_about_a_campaign_that_has_started(
    engine, make_campaign, make_segment
):
    people, late = make_list(), make_list()
    add_people(20, people)
    move("p", "London", up_to=10)
    segment = make_segment()
    campaign = lifecycle.start(make_campaign(people, segment=segment))

    saved.update(segment, {"rule": OSLO, "name": "In Oslo"})
    scan.plan_all()
    lifecycle.change_status(campaign, status=Status.PAUSED)
    add_people(10, late, prefix="late")
    move("late", "London", up_to=4)
    Subscriber.objects.filter(email__in=["late5@example.com", "p20@example.com"]).update(
        attribs={"city": "Oslo"}
    )
    CampaignList.objects.create(campaign=campaign, list=late, list_name=late.name)
    campaign.refresh_from_db()
    # Planned again, with one list more.
    lifecycle.change_status(campaign, status=Status.RUNNING)
    send_all()

    campaign.refresh_from_db()
    assert campaign.segment_rule == LONDON
    assert campaign.segment_name == "In Oslo"
    assert mailed(engine) == {f"p{n}" for n in range(1, 11)} | {f"late{n}" for n in range(1, 5)}
    assert campaign.to_send == campaign.sent == 14


def test_choosing_another_segment_while_paused_plans_by_that_one(engine, make_campaign, make_segment, user):
    people = make_list()
    add_people(20, people)
    move("p", "London", up_to=10)
    move("p", "Oslo", up_to=3)
    campaign = lifecycle.start(make_campaign(people, segment=make_segment()))
    scan.plan_all()
    lifecycle.change_status(campaign, status=Status.PAUSED)
    oslo = make_segment(OSLO, "In Oslo")

    writing.update(campaign.pk, {"lists": [people.pk], "segment_id": oslo.pk}, user)
    campaign.refresh_from_db()
    assert preflight.count_recipients(campaign) == (3, True)
    lifecycle.change_status(campaign, status=Status.RUNNING)
    send_all()

    assert mailed(engine) == {"p1", "p2", "p3"}
    campaign.refresh_from_db()
    assert (campaign.to_send, campaign.segment_rule) == (3, OSLO)


def test_taking_the_segment_away_reaches_everybody_once(engine, make_campaign, make_segment, user):
    people = make_list()
    add_people(20, people)
    move("p", "London", up_to=10)
    campaign = lifecycle.start(make_campaign(people, segment=make_segment()))
    send_all()
    campaign.refresh_from_db()
    Campaign.objects.filter(pk=campaign.pk).update(status=Status.PAUSED)

    writing.update(campaign.pk, {"lists": [people.pk], "segment_id": None}, user)
    campaign.refresh_from_db()
    lifecycle.change_status(campaign, status=Status.RUNNING)
    send_all()

    campaign.refresh_from_db()
    assert len(mailed(engine)) == campaign.sent == campaign.to_send == 20
    assert (campaign.segment_id, campaign.segment_name, campaign.segment_rule) == (None, "", None)


def test_what_the_page_before_start_says_is_about_the_segment(engine, make_campaign, make_segment):
    people = make_list()
    add_people(20, people)
    move("p", "Oslo", up_to=6)
    segment = make_segment(OSLO, "In Oslo")
    campaign = make_campaign(people, segment=segment, segment_name=segment.name)

    sheet = preflight.sheet(campaign)

    assert (sheet.recipients, sheet.is_exact, sheet.segment) == (6, True, "In Oslo")
    assert sheet.person.attribs == {"city": "Oslo"}
    assert preflight.count_recipients(make_campaign(people)) == (20, True)


def test_an_audience_that_takes_long_to_count_is_estimated(engine, make_campaign, make_segment, monkeypatch):
    """Everybody on the lists is counted quickly; the rule is what takes long."""
    people = make_list()
    add_people(400, people)
    move("p", "London", up_to=100)
    monkeypatch.setattr(preflight, "COUNT_TIMEOUT_MS", 1500)
    # Of `few` people it is quick.
    monkeypatch.setitem(
        sql._extensions,
        "slow",
        lambda test, scope: ("true" if scope.few else "pg_sleep(0.05) IS NOT NULL", []),
    )
    rule = {"op": "AND", "rules": [{"op": "EXISTS", "field": "slow"}, LONDON]}

    assert preflight.count_recipients(make_campaign(people, segment=make_segment(rule))) == (100, False)


def test_content_that_counts_on_what_the_segment_asks_for_may_start(engine, make_campaign, make_segment):
    people = make_list()
    make_subscriber(attribs={}, lists={people: "confirmed"})
    make_subscriber(attribs={"shop": {"name": "Nord"}}, lists={people: "confirmed"}, email="nord@example.com")
    segment = make_segment({"op": "EXISTS", "field": "attribs.shop.name"}, "Shops")
    body = "<p>{{ .Subscriber.Attribs.shop.name }}</p>"

    lifecycle.start(make_campaign(people, segment=segment, body=body))
    send_all()

    assert mailed(engine) == {"nord"}


def test_an_estimate_goes_by_people_from_all_over_the_list(engine, make_campaign, make_segment):
    """A quarter is in the segment: the newest ones. The first thousands alone would say nobody."""
    people = make_list()
    add_people(8000, people)
    newest = Subscriber.objects.order_by("-pk").values_list("pk", flat=True)[:2000]
    Subscriber.objects.filter(pk__in=list(newest)).update(attribs={"city": "London"})
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE subscribers_subscriber, subscribers_subscription")
    campaign = make_campaign(people, segment=make_segment())
    up_to = Subscriber.objects.order_by("-pk").first().pk

    everybody = planning.estimate(Audience.of(campaign), up_to)
    about = planning.estimate(Audience.of(campaign), up_to, rule=rules.parse(LONDON))

    assert everybody > 1000
    assert 0.2 <= about / everybody <= 0.3


def test_without_a_segment_nothing_is_asked_about_people(engine, make_campaign, make_segment):
    people = make_list()
    add_people(5, people)
    with_one, without = make_campaign(people, segment=make_segment()), make_campaign(people)

    def statement(campaign):
        lifecycle.start(campaign)
        with CaptureStep() as step:
            planning.plan(campaign.pk, budget_s=0)
        return step.sql

    plain = statement(without)
    assert "attribs" not in plain
    assert plain == planning.WRITE_STEP.format(segment="")
    assert statement(with_one).replace("{segment}", "").startswith(plain[:200])


class CaptureStep:
    """The statement of a planning step as it is handed to the database, before its parameters are filled in."""

    def __enter__(self):
        self.sql = ""
        self._wrapper = connection.execute_wrapper(self._note)
        self._wrapper.__enter__()
        return self

    def _note(self, execute, sql, parameters, many, context):
        if "engine_batch" in sql and "candidate AS MATERIALIZED" in sql:
            self.sql, self.parameters = sql, parameters
        return execute(sql, parameters, many, context)

    def __exit__(self, *error):
        self._wrapper.__exit__(*error)


FILL = """
    WITH people AS (
        INSERT INTO subscribers_subscriber (uuid, email, name, attribs, status, updated_at)
        SELECT gen_random_uuid(), 'p' || n || '@example.com', 'P', '{"city": "London"}', 'enabled', now()
          FROM generate_series(1, %(count)s) n RETURNING id)
    INSERT INTO subscribers_subscription (list_id, subscriber_id, status, meta, updated_at)
    SELECT l, id, 'confirmed', '{}', now() FROM people, unnest(%(lists)s::bigint[]) l
"""


@pytest.mark.parametrize(
    "rule",
    [
        {"op": "NE", "field": "lists", "value": "OTHER"},
        {"op": "EXISTS", "field": "lists.unsubscribed", "value": False},
        {"op": "OR", "rules": [{"op": "EQ", "field": "lists", "value": "OTHER"}, OSLO]},
    ],
)
def test_a_step_looks_at_its_own_people_alone(engine, make_campaign, make_segment, rule, monkeypatch):
    """In blocks: a step on a list of 40,000, with a rule about another list that as many are on."""
    monkeypatch.setattr(planning, "FIRST_STEP", 5000)
    people, other = make_list(), make_list()
    with connection.cursor() as cursor:
        cursor.execute(FILL, {"count": 40_000, "lists": [people.pk, other.pk]})
        cursor.execute("VACUUM ANALYZE subscribers_subscriber, subscribers_subscription")
    text = str(rule).replace("'OTHER'", str(other.pk))
    campaign = make_campaign(people, segment=make_segment(eval(text)))
    lifecycle.start(campaign)
    with CaptureStep() as step:
        planning.plan(campaign.pk, budget_s=0)
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("EXPLAIN (ANALYZE, TIMING OFF) " + step.sql, step.parameters)
        plan = "\n".join(line for (line,) in cursor.fetchall())
        # Where PostgreSQL reads people in one go, it would like to read the other list in one go as well.
        cursor.execute("SET LOCAL enable_nestloop = off")
        cursor.execute("EXPLAIN " + step.sql, step.parameters)
        in_one_go = "\n".join(line for (line,) in cursor.fetchall())
        cursor.execute("ROLLBACK")

    assert "hashed SubPlan" not in plan + in_one_go
    scanned = [float(rows) for rows in re.findall(r"on subscribers_subscri\w+ .*?actual rows=([\d.]+)", plan)]
    assert scanned
    assert max(scanned) <= 5000, plan


class TestThroughTheApi:
    @pytest.fixture
    def api(self, user):
        return api_client(make_user(superadmin=True, type="api"))

    @pytest.fixture
    def news(self, engine):
        return make_list(name="News")

    def body(self, news, **more):
        return {
            "name": "May",
            "subject": "Hi",
            "lists": [news.pk],
            "body": "x",
            "content_type": "html",
            **more,
        }

    def test_a_campaign_takes_keeps_and_drops_a_segment(self, api, news, make_segment):
        segment = make_segment()

        _, made = call(api, "POST", "/api/campaigns", self.body(news, segment_id=segment.pk))
        path = f"/api/campaigns/{made['data']['id']}"
        _, kept = call(api, "PUT", path, {"lists": [news.pk], "name": "June"})
        _, read = call(api, "GET", path)
        _, dropped = call(api, "PUT", path, {"lists": [news.pk], "segment_id": None})

        assert [one["data"]["segment_id"] for one in (made, kept, read)] == [segment.pk] * 3
        assert (read["data"]["segment_name"], dropped["data"]["segment_id"]) == ("Londoners", None)
        assert dropped["data"]["segment_name"] == ""

    def test_by_default_there_is_none(self, api, news):
        _, made = call(api, "POST", "/api/campaigns", self.body(news))

        assert made["data"]["segment_id"] is None

    @pytest.mark.parametrize("number", [999, -1, 2**63])
    def test_an_unknown_one_is_refused_in_words(self, api, news, number):
        status, answer = call(api, "POST", "/api/campaigns", self.body(news, segment_id=number))

        assert status == 400
        assert answer["message"].startswith(f"There is no segment {number}")
        assert not Campaign.objects.exists()

    def test_a_rule_about_hidden_lists_is_not_for_who_may_not_see_them(self, news, make_segment):
        hidden = make_list()
        rule = {"op": "NOT", "rules": [{"op": "EQ", "field": "lists.confirmed", "value": hidden.pk}]}
        probing, plain = make_segment(rule, "Probing"), make_segment()
        permissions = ("campaigns:get", "campaigns:manage", "subscribers:get")
        api = api_client(make_user(*permissions, type="api", grants={news: ["list:get", "list:manage"]}))

        status, answer = call(api, "POST", "/api/campaigns", self.body(news, segment_id=probing.pk))
        assert (status, "lists that you may not see" in answer["message"]) == (400, True)
        assert call(api, "POST", "/api/campaigns", self.body(news, segment_id=plain.pk))[0] == 200

    def test_only_who_works_with_people_chooses_one_but_others_may_save(self, api, news, make_segment):
        segment = make_segment()
        writer = api_client(
            make_user("campaigns:get", "campaigns:manage", type="api", grants={news: ["list:manage"]})
        )
        assert call(writer, "POST", "/api/campaigns", self.body(news, segment_id=segment.pk))[0] == 400
        _, made = call(api, "POST", "/api/campaigns", self.body(news, segment_id=segment.pk))
        path = f"/api/campaigns/{made['data']['id']}"

        status, answer = call(writer, "PUT", path, self.body(news, name="New", segment_id=segment.pk))

        assert (status, answer["data"]["name"], answer["data"]["segment_id"]) == (200, "New", segment.pk)

    @pytest.mark.parametrize("status", [Status.DRAFT, Status.SCHEDULED, Status.RUNNING, Status.PAUSED])
    def test_a_segment_of_a_campaign_that_is_not_over_stays(
        self, api, news, make_campaign, make_segment, status
    ):
        segment = make_segment()
        make_campaign(news, segment=segment, status=status, name="May")

        code, answer = call(api, "DELETE", f"/api/segments/{segment.pk}")

        assert code == 400
        assert "the campaign “May”" in answer["message"]
        assert call(api, "GET", f"/api/segments/{segment.pk}")[0] == 200

    @pytest.mark.parametrize("status", [Status.FINISHED, Status.CANCELLED])
    def test_a_campaign_that_is_over_lets_it_go_and_is_not_cloned_for_everybody(
        self, api, user, news, make_campaign, make_segment, status
    ):
        segment = make_segment()
        campaign = make_campaign(news, segment=segment, segment_name="Londoners", segment_rule=LONDON)
        Campaign.objects.filter(pk=campaign.pk).update(status=status)
        assert cloning.clone(campaign, user).segment_id == segment.pk
        Campaign.objects.exclude(pk=campaign.pk).delete()

        assert call(api, "DELETE", f"/api/segments/{segment.pk}")[0] == 200

        campaign.refresh_from_db()
        assert (campaign.segment_id, campaign.segment_name, campaign.segment_rule) == (
            None,
            "Londoners",
            LONDON,
        )
        with pytest.raises(DomainError, match="is deleted"):
            cloning.clone(campaign, user)


def test_a_rule_that_cannot_be_evaluated_pauses_its_campaign_and_no_other(
    engine, make_campaign, make_segment, monkeypatch
):
    people = make_list()
    add_people(5, people)
    broken, fine = make_segment({"op": "EXISTS", "field": "name"}, "Broken"), make_segment(OSLO, "Fine")
    first = lifecycle.start(make_campaign(people, segment=broken, segment_name="Broken"))
    second = lifecycle.start(make_campaign(people, segment=fine))
    Campaign.objects.filter(pk=first.pk).update(segment_rule={"op": "EXISTS", "field": "gone"})
    third = make_campaign(people, segment=broken, segment_name="Broken")
    monkeypatch.setitem(sql._extensions, "dividing", lambda test, scope: ("1 / (person.id * 0) = 1", []))
    Campaign.objects.filter(pk=third.pk).update(segment_rule={"op": "EXISTS", "field": "dividing"})
    third.refresh_from_db()
    lifecycle.start(third)

    send_all()

    statuses = {one.pk: (one.status, one.status_reason) for one in Campaign.objects.all()}
    assert statuses[first.pk][0] == statuses[third.pk][0] == Status.PAUSED
    assert "there is no field gone" in statuses[first.pk][1]
    assert "division by zero" in statuses[third.pk][1]
    assert statuses[second.pk][0] == Status.FINISHED
    with pytest.raises(DomainError, match="The segment “Broken” cannot be evaluated"):
        lifecycle.start(Campaign.objects.get(pk=first.pk))
    assert preflight.sheet(Campaign.objects.get(pk=first.pk)).may_start is False


def test_deleting_a_segment_while_somebody_chooses_it_never_widens_a_campaign(engine, user, make_segment):
    """Two at once: whoever comes second is refused in words."""
    news = make_list()
    for number in range(6):
        segment = make_segment(name=f"Segment {number}")
        values = {"name": "May", "subject": "Hi", "lists": [news.pk], "body": "x", "segment_id": segment.pk}
        deleting = partial(saved.delete, segment.pk, user)
        choosing = partial(writing.create, values, user)
        deleted, chosen = at_once(deleting, choosing)

        if isinstance(chosen, Campaign):
            assert isinstance(deleted, DomainError)
            assert Campaign.objects.get(pk=chosen.pk).segment_id == segment.pk
        else:
            assert deleted is None
            assert isinstance(chosen, DomainError)
            assert f"There is no segment {segment.pk}" in chosen.message
    assert Campaign.objects.filter(segment=None).count() == 0
