"""What one sender does with a batch: doubts, lost answers, thresholds, limits, changes in mid-campaign."""

import uuid
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.db.models.functions import Now

from campaigns import lifecycle
from campaigns.engine import leases, ledger, persisting, planning, scan, sending, working
from campaigns.engine.checkpoint import LeaseLost, Settlement, checkpoint
from campaigns.engine.models import Batch, LedgerEntry, LedgerReason, LedgerStatus
from campaigns.models import CampaignList
from campaigns.status import Status
from listmonk_py.configuration import runtime
from listmonk_py.mail.models import DomainGroup
from subscribers.models import Subscriber, Subscription
from tests.factories import make_list
from tests.sinks import Fault

from .conftest import add_people, send_all
from .deployment import account


@pytest.fixture
def started(engine, make_campaign):
    """A campaign to ten people, started and planned, not yet offered to anybody."""

    def make(count=10, **fields):
        people = make_list()
        add_people(count, people)
        campaign = lifecycle.start(make_campaign(people, **fields))
        while planning.plan(campaign.pk, budget_s=10):
            pass
        campaign.refresh_from_db()
        return campaign

    return make


def crash_after_announcing(campaign, count):
    """What a killed sender leaves: `count` announced, nothing settled, an expired lease."""
    batch = Batch.objects.filter(campaign=campaign).order_by("pk").first()
    Batch.objects.filter(pk=batch.pk).update(
        token=uuid.uuid4(), announced=count, lease_until=Now() - timedelta(hours=1)
    )
    return batch


def test_who_is_in_doubt_is_sent_once_more_and_flagged(engine, started):
    campaign = started()
    crash_after_announcing(campaign, 4)

    send_all()

    counted = account(campaign, engine, duplicates_at_most=0)
    assert counted["accepted"] == 10
    assert LedgerEntry.objects.filter(campaign_id=campaign.pk, possible_duplicate=True).count() == 4


def test_under_hold_who_is_in_doubt_is_unknown_at_once(engine, started):
    runtime.save({"engine.in_doubt": "hold"})
    campaign = started()
    crash_after_announcing(campaign, 4)

    send_all()

    counted = account(campaign, engine, duplicates_at_most=0)
    assert (counted["accepted"], counted["unknown"]) == (6, 4)
    assert len(engine.messages) == 6


def test_a_process_that_dies_while_resending_leaves_one_unknown(engine, started, monkeypatch):
    campaign = started()
    crash_after_announcing(campaign, 3)
    with monkeypatch.context() as patch:
        patch.setattr("campaigns.engine.doubt.recipient_of", _die)
        leases.take_back()
        with pytest.raises(KeyboardInterrupt):
            working.send_batch(Batch.objects.get(campaign=campaign).pk)
    Batch.objects.filter(campaign=campaign).update(lease_until=Now() - timedelta(hours=1))

    send_all()

    counted = account(campaign, engine, duplicates_at_most=0)
    assert (counted["accepted"], counted["unknown"]) == (9, 1)


def _die(*_):
    raise KeyboardInterrupt


@pytest.mark.parametrize("written", [True, False])
def test_the_answer_to_a_commit_is_lost(engine, started, monkeypatch, written):
    campaign = started(300)
    real, calls = persisting.checkpoint, []

    def losing(*args, **kwargs):
        calls.append(1)
        if len(calls) % 3:
            return real(*args, **kwargs)
        if written:
            real(*args, **kwargs)
        connection.close()
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(persisting, "checkpoint", losing)

    send_all()

    assert len(calls) > 5
    counted = account(campaign, engine, duplicates_at_most=0)
    assert counted["accepted"] == 300


def test_who_has_lost_the_lease_writes_nothing(started):
    campaign = started()
    lease = leases.claim(Batch.objects.get(campaign=campaign).pk)
    Batch.objects.filter(campaign=campaign).update(lease_until=Now() - timedelta(hours=1))
    leases.take_back()
    other = leases.claim(lease.batch_id)
    assert other is not None

    with pytest.raises(LeaseLost):
        checkpoint(
            lease, Settlement(0, 5), announced=0, announce=5, audience=_audience(campaign), max_errors=0
        )

    assert LedgerEntry.objects.count() == 0
    batch = Batch.objects.get(campaign=campaign)
    assert (batch.done, batch.announced, batch.accepted) == (0, 0, 0)


def _audience(campaign):
    from campaigns.engine.audience import Audience

    return Audience.of(campaign)


def test_only_one_of_two_gets_a_lease(started):
    campaign = started()
    batch = Batch.objects.get(campaign=campaign)
    assert leases.claim(batch.pk) is not None
    assert leases.claim(batch.pk) is None


def test_the_error_threshold_pauses_and_nothing_further_is_announced(engine, started):
    runtime.save({"app.max_send_errors": 5})
    engine.script("rcpt", "550 5.1.1 No")
    campaign = started(1000)

    send_all(limit=3)

    campaign.refresh_from_db()
    assert campaign.status == Status.PAUSED
    assert "5 failed" in campaign.status_reason
    assert campaign.failed <= sending.MOST_UNSETTLED + 5
    untouched = Batch.objects.get(campaign=campaign)
    assert untouched.size - untouched.done >= 700

    engine.clear_scripts()
    lifecycle.change_status(campaign, status=Status.RUNNING)
    send_all()
    campaign.refresh_from_db()
    assert campaign.status == Status.FINISHED
    assert campaign.sent + campaign.failed == campaign.to_send == 1000


def test_the_skipped_have_their_reason(engine, started):
    campaign = started(10)
    people = list(Subscriber.objects.order_by("id"))
    Subscription.objects.filter(subscriber=people[0]).update(status="unsubscribed")
    Subscriber.objects.filter(pk=people[1].pk).update(status="blocklisted")
    Subscriber.objects.filter(pk=people[2].pk).update(status="disabled")
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM subscribers_subscriber WHERE id = %s", [people[3].pk])

    send_all()

    reasons = dict(
        LedgerEntry.objects.filter(campaign_id=campaign.pk, status=LedgerStatus.SKIPPED).values_list(
            "subscriber_id", "reason"
        )
    )
    assert reasons == {
        people[0].pk: LedgerReason.UNSUBSCRIBED,
        people[1].pk: LedgerReason.BLOCKLISTED,
        people[2].pk: LedgerReason.DISABLED,
        people[3].pk: LedgerReason.DELETED,
    }
    assert len(engine.messages) == 6


def test_cancelling_closes_everything(engine, started):
    campaign = started(50)
    crash_after_announcing(campaign, 5)

    lifecycle.change_status(campaign, status=Status.CANCELLED)
    send_all(limit=2)

    campaign.refresh_from_db()
    assert (campaign.skipped, campaign.unknown, campaign.to_send) == (45, 5, 50)
    assert ledger.count(campaign.pk) == {
        "accepted": 0, "deferred": 0, "failed": 0, "skipped": 45, "unknown": 5,
    }  # fmt: skip
    assert not Batch.objects.filter(campaign=campaign).exists()


def test_changing_the_lists_while_paused_plans_again(engine, started):
    campaign = started(30)
    crash_after_announcing(campaign, 3)
    leases.take_back()
    lifecycle.change_status(campaign, status=Status.PAUSED)
    other = make_list()
    add_people(20, other, prefix="other")
    CampaignList.objects.filter(campaign=campaign).delete()
    CampaignList.objects.create(campaign=campaign, list=other, list_name=other.name)

    campaign.refresh_from_db()
    lifecycle.change_status(campaign, status=Status.RUNNING)
    send_all()

    campaign.refresh_from_db()
    assert campaign.status == Status.FINISHED
    # The three of the old list were announced: their fate has to be told, whatever the lists are now.
    assert campaign.to_send == 23
    assert campaign.sent + campaign.skipped + campaign.unknown == 23
    assert {m.recipients[0][:5] for m in engine.messages if m.recipients[0].startswith("other")} == {"other"}
    assert sum(m.recipients[0].startswith("other") for m in engine.messages) == 20


def test_resuming_reaches_people_who_came_since(engine, started):
    campaign = started(10)
    lifecycle.change_status(campaign, status=Status.PAUSED)
    add_people(5, CampaignList.objects.get(campaign=campaign).list, prefix="late")

    campaign.refresh_from_db()
    lifecycle.change_status(campaign, status=Status.RUNNING)
    send_all()

    campaign.refresh_from_db()
    assert campaign.sent == campaign.to_send == 15
    assert len({m.recipients[0] for m in engine.messages}) == 15


def test_a_limited_domain_has_batches_of_its_own(engine, make_campaign):
    DomainGroup.objects.create(name="slow", domains=["slow.example"], rate=1, window_s=3600)
    people = make_list()
    add_people(10, people, prefix="s", domain="slow.example")
    add_people(10, people, prefix="q", domain="quick.example")
    campaign = lifecycle.start(make_campaign(people))

    scan.scan()
    groups = sorted(Batch.objects.filter(campaign=campaign).values_list("domain_group", "size"))
    assert groups == [("", 10), ("slow", 10)]
    for batch_id in Batch.objects.order_by("-domain_group").values_list("pk", flat=True):
        working.send_batch(batch_id)

    domains = [m.recipients[0].split("@")[1] for m in engine.messages]
    assert domains.count("quick.example") == 10
    assert domains.count("slow.example") <= 2


def test_a_connection_lost_after_the_dot_is_resent_once_and_flagged(engine, started):
    engine.script("dot", Fault.DROP, times=1, after=3)
    campaign = started(20)

    send_all()

    counted = account(campaign, engine, duplicates_at_most=1)
    assert counted["accepted"] == 20
    assert LedgerEntry.objects.filter(campaign_id=campaign.pk, possible_duplicate=True).count() == 1


def test_deferred_for_ever_fails_after_the_attempts(engine, started, monkeypatch):
    monkeypatch.setattr("campaigns.engine.verdicts.random.uniform", lambda low, high: 0.01)
    runtime.save({"engine.max_attempts": 3})
    engine.script("rcpt", "451 4.2.0 Later", address="p2@example.com")
    campaign = started(5)

    send_all()

    campaign.refresh_from_db()
    assert (campaign.status, campaign.sent, campaign.failed) == (Status.FINISHED, 4, 1)
    entry = LedgerEntry.objects.get(campaign_id=campaign.pk, status=LedgerStatus.FAILED)
    assert (entry.attempts, entry.reason, entry.code) == (3, LedgerReason.ATTEMPTS, 451)


def test_a_recipient_that_cannot_be_rendered_fails_alone(engine, started):
    campaign = started(
        10, body="<p>{% if subscriber.attribs.bad %}{{ subscriber.attribs.bad + 1 }}{% endif %}</p>"
    )
    Subscriber.objects.all().update(attribs={"city": "Rome", "bad": 1})
    odd = Subscriber.objects.order_by("id").first()
    Subscriber.objects.filter(pk=odd.pk).update(attribs={"city": "Rome", "bad": {"x": 1}})

    send_all()

    campaign.refresh_from_db()
    assert (campaign.status, campaign.sent, campaign.failed) == (Status.FINISHED, 9, 1)
    entry = LedgerEntry.objects.get(campaign_id=campaign.pk, status=LedgerStatus.FAILED)
    assert (entry.subscriber_id, entry.reason) == (odd.pk, LedgerReason.RENDERING)


def test_two_scans_queue_the_deferred_once(started):
    campaign = started(10)
    send_all_of(campaign)
    LedgerEntry.objects.filter(campaign_id=campaign.pk).update(
        status=LedgerStatus.DEFERRED, retry_at=Now() - timedelta(minutes=1)
    )

    assert ledger.queue_due(campaign.pk) == 10
    assert ledger.queue_due(campaign.pk) == 0


def test_an_unexpected_error_pauses_with_a_reason(started, monkeypatch):
    campaign = started(10)

    def broken(campaign_id):
        raise ZeroDivisionError

    monkeypatch.setattr(working.jobs, "prepare", broken)
    send_all_of(campaign)

    campaign.refresh_from_db()
    assert campaign.status == Status.PAUSED
    assert "ZeroDivisionError" in campaign.status_reason


def send_all_of(campaign):
    for batch_id in Batch.objects.filter(campaign=campaign).values_list("pk", flat=True):
        working.send_batch(batch_id)
