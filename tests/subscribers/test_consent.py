"""The suppression rule of contract 2.3 and 2.4, whoever changes a subscription."""

import threading
from uuid import uuid4

import pytest
from django.db import connection

from listmonk_py.api.errors import DomainError
from listmonk_py.configuration import runtime
from subscribers import consent
from subscribers.consent import Existing
from subscribers.models import List, Subscriber, Subscription
from tests.factories import make_list, make_subscriber

pytestmark = pytest.mark.django_db

UNCONFIRMED, CONFIRMED, UNSUBSCRIBED = "unconfirmed", "confirmed", "unsubscribed"


def statuses(person: Subscriber) -> dict[int, str]:
    rows = Subscription.objects.filter(subscriber_id=person.pk)
    return {row.list_id: row.status for row in rows}


@pytest.mark.parametrize(
    ("existing", "before", "given", "after"),
    [
        (Existing.KEEP, UNSUBSCRIBED, CONFIRMED, UNSUBSCRIBED),
        (Existing.KEEP, UNCONFIRMED, CONFIRMED, UNCONFIRMED),
        (Existing.OVERWRITE, UNSUBSCRIBED, CONFIRMED, CONFIRMED),
        (Existing.OVERWRITE, CONFIRMED, UNSUBSCRIBED, UNSUBSCRIBED),
        (Existing.REJOIN, UNSUBSCRIBED, UNCONFIRMED, UNCONFIRMED),
        (Existing.REJOIN, CONFIRMED, UNCONFIRMED, CONFIRMED),
        (Existing.EDIT, UNSUBSCRIBED, CONFIRMED, UNSUBSCRIBED),
        (Existing.EDIT, CONFIRMED, UNCONFIRMED, CONFIRMED),
        (Existing.EDIT, UNCONFIRMED, CONFIRMED, CONFIRMED),
    ],
)
def test_an_existing_subscription_changes_as_the_table_says(existing, before, given, after):
    one = make_list()
    person = make_subscriber(lists={one: before})

    consent.subscribe([person.pk], [one.pk], status=given, existing=existing)

    assert statuses(person) == {one.pk: after}


def test_many_people_join_many_lists_in_one_statement(django_assert_num_queries):
    lists = [make_list() for _ in range(3)]
    people = [make_subscriber() for _ in range(4)]

    with django_assert_num_queries(1):
        made = consent.subscribe([p.pk for p in people], [one.pk for one in lists], status=CONFIRMED)

    assert made == 12
    assert all(statuses(p) == {one.pk: CONFIRMED for one in lists} for p in people)


@pytest.mark.parametrize("existing", list(Existing))
def test_a_blocklisted_person_is_only_ever_added_as_unsubscribed(existing):
    old, new = make_list(), make_list()
    person = make_subscriber(status="blocklisted", lists={old: UNSUBSCRIBED})

    consent.subscribe([person.pk], [old.pk, new.pk], status=CONFIRMED, existing=existing)

    assert statuses(person) == {old.pk: UNSUBSCRIBED, new.pk: UNSUBSCRIBED}


def test_unknown_people_and_lists_are_passed_over():
    person, one = make_subscriber(), make_list()

    assert consent.subscribe([person.pk, 10**9], [one.pk, 10**9]) == 1


def test_unsubscribing_without_lists_means_every_list():
    first, second = make_list(), make_list()
    person = make_subscriber(lists={first: CONFIRMED, second: UNCONFIRMED})
    other = make_subscriber(lists={first: CONFIRMED})

    assert consent.unsubscribe([person.pk]) == 2

    assert set(statuses(person).values()) == {UNSUBSCRIBED}
    assert statuses(other) == {first.pk: CONFIRMED}


def test_blocklisting_unsubscribes_everywhere_and_is_counted_once():
    one = make_list()
    person = make_subscriber(lists={one: CONFIRMED})

    assert consent.blocklist([person.pk]) == 1
    assert consent.blocklist([person.pk]) == 0

    person.refresh_from_db()
    assert person.status == "blocklisted"
    assert statuses(person) == {one.pk: UNSUBSCRIBED}


def test_leaving_the_blocklist_restores_no_subscription():
    one = make_list()
    person = make_subscriber(lists={one: CONFIRMED})
    consent.blocklist([person.pk])

    consent.set_status([person.pk], "enabled")

    person.refresh_from_db()
    assert person.status == "enabled"
    assert statuses(person) == {one.pk: UNSUBSCRIBED}


def test_confirming_revives_no_unsubscribed_list():
    pending, left = make_list(optin="double"), make_list(optin="double")
    person = make_subscriber(lists={pending: UNCONFIRMED, left: UNSUBSCRIBED})

    assert consent.confirm_optin(person, [pending.pk, left.pk]) == 1

    assert statuses(person) == {pending.pk: CONFIRMED, left.pk: UNSUBSCRIBED}


@pytest.mark.parametrize(
    ("recorded", "meta"), [(True, {"a": 1, "optin_ip": "2001:db8::1"}), (False, {"a": 1})]
)
def test_the_address_of_a_confirmation_is_kept_only_when_asked_for(recorded, meta):
    runtime.save({"privacy.record_optin_ip": recorded})
    one = make_list(optin="double")
    person = make_subscriber(lists={one: UNCONFIRMED})
    Subscription.objects.filter(subscriber_id=person.pk).update(meta={"a": 1})

    consent.confirm_optin(person, [one.pk], ip="2001:db8::1")

    assert Subscription.objects.get(subscriber_id=person.pk).meta == meta


def test_a_blocklisted_person_confirms_nothing():
    one = make_list(optin="double")
    person = make_subscriber(lists={one: UNCONFIRMED})
    Subscriber.objects.filter(pk=person.pk).update(status="blocklisted")

    assert consent.confirm_optin(person, [one.pk]) == 0


def test_preferences_leave_unchecked_public_lists_and_keep_private_ones():
    stays, goes, private = make_list(type="public"), make_list(type="public"), make_list(type="private")
    person = make_subscriber(lists={stays: CONFIRMED, goes: CONFIRMED, private: CONFIRMED})

    consent.save_preferences(person, name=" New Name ", keep=[stays.uuid])

    person.refresh_from_db()
    assert person.name == "New Name"
    assert statuses(person) == {stays.pk: CONFIRMED, goes.pk: UNSUBSCRIBED, private.pk: CONFIRMED}


@pytest.mark.parametrize("name", ["", "   ", "x" * 257])
def test_preferences_want_a_name(name):
    one = make_list(type="public")
    person = make_subscriber(lists={one: CONFIRMED})

    with pytest.raises(DomainError):
        consent.save_preferences(person, name=name, keep=[])

    assert statuses(person) == {one.pk: CONFIRMED}


def test_a_sign_up_makes_an_enabled_person_with_unconfirmed_subscriptions():
    single, double = make_list(type="public"), make_list(type="public", optin="double")

    done = consent.sign_up(email=" New.Person@Example.com ", list_uuids=[single.uuid, double.uuid])

    assert done.is_new
    assert (done.subscriber.email, done.subscriber.name) == ("new.person@example.com", "New Person")
    assert statuses(done.subscriber) == {single.pk: UNCONFIRMED, double.pk: UNCONFIRMED}
    assert [one.pk for one in done.pending] == [double.pk]


def test_a_second_sign_up_keeps_the_name_and_revives_what_was_left():
    kept, left = make_list(type="public"), make_list(type="public")
    person = make_subscriber(email="ann@example.com", name="Ann", lists={kept: CONFIRMED, left: UNSUBSCRIBED})

    done = consent.sign_up(email="ANN@example.com", name="Other", list_uuids=[kept.uuid, left.uuid])

    assert (done.subscriber.pk, done.subscriber.name, done.is_new) == (person.pk, "Ann", False)
    assert statuses(person) == {kept.pk: CONFIRMED, left.pk: UNCONFIRMED}


def test_a_blocklisted_person_signs_up_for_nothing_and_learns_nothing():
    one = make_list(type="public", optin="double")
    person = make_subscriber(email="gone@example.com", status="blocklisted")

    done = consent.sign_up(email="gone@example.com", list_uuids=[one.uuid])

    assert done.pending == ()
    assert statuses(person) == {one.pk: UNSUBSCRIBED}


@pytest.mark.parametrize("lists", [[], ["private"], ["public", "private"]])
def test_a_sign_up_needs_public_lists_and_stores_nothing_else(lists):
    uuids = [make_list(type=kind).uuid for kind in lists]

    with pytest.raises(DomainError):
        consent.sign_up(email="new@example.com", list_uuids=uuids)

    assert not Subscriber.objects.exists()


def test_unknown_lists_are_passed_over():
    done = consent.sign_up(email="new@example.com", list_uuids=[uuid4()])

    assert statuses(done.subscriber) == {}


def test_the_domain_rules_hold_for_strangers():
    runtime.save({"privacy.domain_blocklist": ["bad.example"]})
    one = make_list(type="public")

    with pytest.raises(DomainError):
        consent.sign_up(email="x@bad.example", list_uuids=[one.uuid])


def test_replacing_lists_touches_only_those_within_reach():
    mine, theirs, wanted = make_list(), make_list(), make_list()
    person = make_subscriber(lists={mine: CONFIRMED, theirs: CONFIRMED})

    consent.replace_lists(person.pk, [wanted.pk], within={mine.pk, wanted.pk}, status=CONFIRMED)

    assert statuses(person) == {theirs.pk: CONFIRMED, wanted.pk: CONFIRMED}


def test_wiping_deletes_the_person_and_their_subscriptions():
    one = make_list()
    person = make_subscriber(lists={one: CONFIRMED})

    consent.wipe(person)

    assert not Subscriber.objects.exists()
    assert not Subscription.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_no_addition_slips_past_a_blocklisting_at_the_same_time():
    one = make_list()
    people = [make_subscriber() for _ in range(30)]
    ids = [person.pk for person in people]
    start = threading.Barrier(2)

    def add() -> None:
        start.wait()
        for pk in ids:
            consent.subscribe([pk], [one.pk], status=CONFIRMED, existing=Existing.OVERWRITE)
        connection.close()

    def block() -> None:
        start.wait()
        for pk in ids:
            consent.blocklist([pk])
        connection.close()

    threads = [threading.Thread(target=run) for run in (add, block)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert Subscription.objects.filter(list=one).exclude(status=UNSUBSCRIBED).count() == 0
    assert Subscriber.objects.filter(status="blocklisted").count() == 30
    assert List.objects.count() == 1
