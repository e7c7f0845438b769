"""What a bounce means (contract 8.2), decided with the person locked."""

import threading
import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from bounces.events import BounceEvent
from bounces.models import Bounce
from bounces.recording import Recorded, record
from campaigns.models import Campaign
from listmonk_py.api.errors import DomainError
from listmonk_py.configuration import runtime
from subscribers.models import Subscriber, Subscription
from tests.factories import make_list, make_subscriber

pytestmark = pytest.mark.django_db


def rules(**changes):
    rule = {"soft": {"count": 2, "action": "none"}, "hard": {"count": 1, "action": "blocklist"}}
    runtime.save({"bounce.actions": {**rule, "complaint": {"count": 1, "action": "blocklist"}, **changes}})


def bounce(person, **fields):
    return record(BounceEvent(**{"type": "soft", "source": "test", "email": person.email, **fields}))


def test_a_hard_bounce_blocklists_and_unsubscribes():
    person = make_subscriber(lists={make_list(): "confirmed"})

    assert bounce(person, type="hard", email=person.email.upper()) is Recorded.STORED

    person.refresh_from_db()
    assert person.status == "blocklisted"
    assert Subscription.objects.get(subscriber=person).status == "unsubscribed"


def test_rows_stop_after_the_threshold():
    person = make_subscriber()

    outcomes = [bounce(person) for _ in range(4)]

    assert outcomes == [Recorded.STORED, Recorded.STORED, Recorded.COUNTED_OUT, Recorded.COUNTED_OUT]
    assert Bounce.objects.count() == 2
    person.refresh_from_db()
    assert person.status == "enabled"


def test_types_are_counted_apart():
    rules(soft={"count": 2, "action": "blocklist"}, complaint={"count": 2, "action": "blocklist"})
    person = make_subscriber()

    bounce(person, type="soft")
    bounce(person, type="complaint")

    person.refresh_from_db()
    assert person.status == "enabled"
    bounce(person, type="soft")
    person.refresh_from_db()
    assert person.status == "blocklisted"


def test_unsubscribing_leaves_the_person_enabled():
    rules(hard={"count": 1, "action": "unsubscribe"})
    person = make_subscriber(lists={make_list(): "confirmed"})

    bounce(person, type="hard")

    person.refresh_from_db()
    assert person.status == "enabled"
    assert Subscription.objects.get(subscriber=person).status == "unsubscribed"


def test_deleting_takes_person_and_bounces():
    rules(hard={"count": 1, "action": "delete"})
    person = make_subscriber()

    bounce(person, type="hard")

    assert not Subscriber.objects.exists()
    assert not Bounce.objects.exists()


def test_a_blocklisted_person_collects_no_more_rows():
    person = make_subscriber(status="blocklisted")

    assert bounce(person, type="hard") is Recorded.COUNTED_OUT
    assert not Bounce.objects.exists()


def test_nobody_known_is_no_error():
    assert record(BounceEvent(type="hard", source="x", email="nobody@example.com")) is Recorded.UNKNOWN
    assert record(BounceEvent(type="hard", source="x", subscriber_uuid=uuid.uuid4())) is Recorded.UNKNOWN
    assert record(BounceEvent(type="hard", source="x")) is Recorded.UNKNOWN


def test_the_uuid_counts_before_the_address():
    person, other = make_subscriber(), make_subscriber()

    bounce(other, subscriber_uuid=person.uuid)

    assert Bounce.objects.get().subscriber == person


def test_the_same_event_twice_is_one():
    rules(soft={"count": 9, "action": "none"})
    person = make_subscriber()

    assert bounce(person, event_id="e1") is Recorded.STORED
    assert bounce(person, event_id="e1") is Recorded.REPEATED
    assert bounce(person, event_id="e1", source="other") is Recorded.STORED
    assert Bounce.objects.count() == 2


def test_a_window_forgets_what_is_long_ago():
    runtime.save({"bounce.window_days": 30})
    rules(soft={"count": 2, "action": "blocklist"})
    person = make_subscriber()
    bounce(person, at=timezone.now() - timedelta(days=40))

    bounce(person)
    person.refresh_from_db()
    assert person.status == "enabled"

    bounce(person)
    person.refresh_from_db()
    assert person.status == "blocklisted"


def test_the_campaign_is_linked_and_counts_its_bounces():
    campaign = Campaign.objects.create(
        name="x", subject="x", from_email="a@b.example", body="x", messenger="email"
    )
    person = make_subscriber()

    bounce(person, campaign_uuid=campaign.uuid)
    bounce(person, campaign_uuid=uuid.uuid4())

    campaign.refresh_from_db()
    assert campaign.bounces == 1
    assert sorted(row.campaign_id is None for row in Bounce.objects.all()) == [False, True]
    person.delete()
    campaign.refresh_from_db()
    assert campaign.bounces == 0


def test_characters_that_cannot_be_stored_are_left_out():
    person = make_subscriber()

    bounce(person, meta={"a\0": ["b\0c"]})

    assert Bounce.objects.get().meta == {"a": ["bc"]}


def test_a_type_without_a_rule_is_refused():
    with pytest.raises(DomainError, match="type"):
        record(BounceEvent(type="weird", source="x", email=make_subscriber().email))


@pytest.mark.django_db(transaction=True)
def test_two_at_once_cannot_both_miss_the_threshold():
    rules(soft={"count": 2, "action": "blocklist"})
    person = make_subscriber()
    barrier = threading.Barrier(2)

    def tell():
        barrier.wait()
        bounce(person)
        connection.close()

    threads = [threading.Thread(target=tell) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    person.refresh_from_db()
    assert person.status == "blocklisted"
    assert Bounce.objects.count() == 2


def test_each_rule_may_have_a_window_of_its_own():
    """Older bounces of this type count no more; those of the other types do as before."""
    rules(
        soft={"count": 2, "action": "blocklist", "window": "48h"},
        hard={"count": 2, "action": "unsubscribe"},
    )
    runtime.save({"bounce.window_days": 30})
    tired, gone = make_subscriber(), make_subscriber()
    three_days_ago = timezone.now() - timedelta(days=3)
    bounce(tired, type="soft", at=three_days_ago)
    bounce(gone, type="hard", at=three_days_ago)
    lists = [make_list(), make_list()]
    for person, one in zip((tired, gone), lists, strict=True):
        Subscription.objects.create(list=one, subscriber=person, status="confirmed")

    bounce(tired, type="soft")
    bounce(gone, type="hard")

    tired.refresh_from_db()
    assert tired.status == "enabled"
    assert Subscription.objects.get(subscriber=gone).status == "unsubscribed"
    bounce(tired, type="soft")
    tired.refresh_from_db()
    assert tired.status == "blocklisted"
