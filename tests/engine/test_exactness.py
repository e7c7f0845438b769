"""Every recipient is accounted for: random orders of everything that can happen, and the corners by name."""

import random
import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.db.models.functions import Now

from campaigns import deleting, lifecycle
from campaigns.engine import doubt, jobs, leases, ledger, limits, persisting, planning, scan, sending, working
from campaigns.engine.checkpoint import LeaseLost, Settlement, checkpoint
from campaigns.engine.models import Batch, LedgerEntry, LedgerReason, LedgerStatus, Run
from campaigns.engine.recipients import recipient_of
from campaigns.engine.verdicts import Verdict
from campaigns.models import Campaign, CampaignList, Template
from campaigns.pace import Pace
from campaigns.status import IllegalTransition, Status
from listmonk_py.api.errors import Conflict, DomainError
from listmonk_py.configuration import runtime
from listmonk_py.mail.models import DomainGroup
from subscribers.models import Subscriber, Subscription
from tests.factories import make_list
from tests.sinks import Fault

from .conftest import add_people, send_all
from .deployment import wait_until

# What the campaign and its batches say together, and what the ledger says: equal after every step.
BOOKS = """
    SELECT c.sent + COALESCE(sum(b.accepted), 0), c.deferred + COALESCE(sum(b.deferred), 0),
           c.failed + COALESCE(sum(b.failed), 0), c.skipped + COALESCE(sum(b.skipped), 0),
           c.unknown + COALESCE(sum(b.unknown), 0)
      FROM campaigns_campaign c LEFT JOIN engine_batch b ON b.campaign_id = c.id
     WHERE c.id = %s GROUP BY c.id
"""
NAMES = ("accepted", "deferred", "failed", "skipped", "unknown")


def balanced(campaign: Campaign) -> dict[str, int]:
    """Hold the counters against the ledger; returns the ledger's counts."""
    with connection.cursor() as cursor:
        cursor.execute(BOOKS, [campaign.pk])
        books = dict(zip(NAMES, map(int, cursor.fetchone()), strict=True))
    counted = ledger.count(campaign.pk)
    assert books == counted
    return counted


def finished(campaign: Campaign) -> None:
    """Play beat and a sender until the campaign is over, with time for retries to fall due."""

    def over() -> bool:
        send_all(limit=1)
        campaign.refresh_from_db()
        return campaign.status != Status.RUNNING

    wait_until(over, 30, "the campaign to end")
    assert campaign.status == Status.FINISHED, campaign.status_reason


def settled_once(campaign: Campaign) -> dict[str, int]:
    """The equation at the end: exact, and nothing left over."""
    campaign.refresh_from_db()
    counted = balanced(campaign)
    assert not Batch.objects.filter(campaign=campaign).exists()
    assert [campaign.sent, campaign.deferred, campaign.failed, campaign.skipped, campaign.unknown] == [
        counted[name] for name in NAMES
    ]
    assert campaign.to_send_exact
    assert sum(counted.values()) == campaign.to_send
    return counted


def at_once(*calls: Callable[[], object]) -> list[object]:
    """Run `calls` in threads with connections of their own; what each returned or raised."""
    results: list[object] = [None] * len(calls)
    start = threading.Barrier(len(calls))

    def run(position: int) -> None:
        start.wait(10)
        try:
            results[position] = calls[position]()
        except Exception as fault:
            results[position] = fault
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return results


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    """Retries fall due within milliseconds; the order of events is the test's, not the clock's."""
    monkeypatch.setattr("campaigns.engine.verdicts.random.uniform", lambda low, high: 0.1)
    monkeypatch.setattr("campaigns.engine.verdicts.THROTTLED_RETRY_S", 0.01)


@pytest.fixture
def planned(engine, make_campaign):
    """A campaign to `count` people, started and planned, not yet offered to anybody."""

    def make(count=10, **fields):
        runtime.save({"engine.retry_base": "20ms"})
        people = make_list()
        add_people(count, people)
        campaign = lifecycle.start(make_campaign(people, **fields))
        while planning.plan(campaign.pk, budget_s=10):
            pass
        campaign.refresh_from_db()
        return campaign

    return make


def crash(campaign: Campaign, *, announced: int, delivered: int) -> Batch | None:
    """A sender that announces, gets `delivered` of those messages out, and is gone without a word."""
    batch = Batch.objects.filter(campaign=campaign, state=0, token=None).order_by("?").first()
    lease = leases.claim(batch.pk) if batch else None
    if lease is None:
        return None
    if lease.doubtful <= lease.done:
        job = jobs.prepare(campaign.pk)
        found = checkpoint(
            lease,
            Settlement(lease.done, lease.done, {}, lease.is_retry),
            announced=lease.done,
            announce=lease.done + announced,
            audience=job.audience,
            max_errors=0,
        )
        transmission = job.messenger.open("campaign", job.from_email)
        mailable = [person for person in found.people if not person.obstacle][:delivered]
        transmission.send([job.write(person.position, recipient_of(person)) for person in mailable])
        transmission.close(10)
    Batch.objects.filter(pk=lease.batch_id).update(lease_until=Now() - timedelta(hours=1))
    return batch


class History:
    """One campaign and a chance that decides what happens to it next."""

    def __init__(self, chance: random.Random, campaign: Campaign, sink) -> None:
        self.chance = chance
        self.campaign = campaign
        self.sink = sink
        self.taken_as_reached: set[int] = set()
        self.touched: set[int] = set()  # people whose standing was changed on the way
        self.steps = [
            (6, self.scan),
            (6, self.send),
            (2, self.crash),
            (2, self.pause),
            (4, self.resume),
            (2, self.trouble),
            (1, self.calm),
            (2, self.lose_somebody),
            (1, self.gain_somebody),
            (1, self.retry),
            (1, self.resolve),
            (1, self.limit),
        ]

    def play(self, steps: int) -> None:
        weights = [weight for weight, _ in self.steps]
        for _ in range(steps):
            step = self.chance.choices(self.steps, weights)[0][1]
            try:
                step()
            except (IllegalTransition, Conflict, DomainError):
                pass  # asked for at the wrong time, and refused in words
            self.campaign.refresh_from_db()
            balanced(self.campaign)

    def scan(self) -> None:
        scan.scan()

    def send(self) -> None:
        batches = list(Batch.objects.filter(campaign=self.campaign, state=0).values_list("pk", flat=True))
        if batches:
            working.send_batch(self.chance.choice(batches))

    def crash(self) -> None:
        announced = self.chance.randint(1, 12)
        crash(self.campaign, announced=announced, delivered=self.chance.randint(0, announced))

    def pause(self) -> None:
        lifecycle.change_status(self.campaign, status=Status.PAUSED)

    def resume(self) -> None:
        if self.campaign.status in (Status.PAUSED, Status.FINISHED):
            lifecycle.change_status(self.campaign, status=Status.RUNNING)

    def trouble(self) -> None:
        stage, reply = self.chance.choice(
            [
                ("rcpt", "550 5.1.1 No such user"),
                ("rcpt", "451 4.2.0 Later"),
                ("mail", "421 4.3.2 Going down"),
                ("dot", "452 4.3.1 Full"),
                ("dot", Fault.DROP),
                ("data", Fault.DROP),
            ]
        )
        times, after = self.chance.randint(1, 4), self.chance.randint(0, 20)
        self.sink.script(stage, reply, times=times, after=after)

    def calm(self) -> None:
        self.sink.clear_scripts()

    def _somebody(self) -> Subscriber | None:
        return self.chance.choice(list(Subscriber.objects.order_by("id")) or [None])

    def lose_somebody(self) -> None:
        person = self._somebody()
        if person is None:
            return
        self.touched.add(person.pk)
        match self.chance.randrange(4):
            case 0:
                Subscription.objects.filter(subscriber=person).update(status="unsubscribed")
            case 1:
                Subscriber.objects.filter(pk=person.pk).update(status="blocklisted")
            case 2:
                Subscriber.objects.filter(pk=person.pk).update(status="disabled")
            case 3:
                person.delete()

    def gain_somebody(self) -> None:
        one = CampaignList.objects.filter(campaign=self.campaign).first()
        number = Subscriber.objects.count() + self.chance.randrange(10**6)
        add_people(1, one.list, prefix=f"late{number}-")

    def retry(self) -> None:
        lifecycle.retry_failed(self.campaign)

    def resolve(self) -> None:
        unknown = LedgerEntry.objects.filter(campaign_id=self.campaign.pk, status=LedgerStatus.UNKNOWN)
        if self.chance.random() < 0.5:
            self.taken_as_reached |= set(unknown.values_list("subscriber_id", flat=True))
            lifecycle.resolve_unknown(self.campaign, "accept")
        else:
            lifecycle.resolve_unknown(self.campaign, "resend")

    def limit(self) -> None:
        if self.chance.random() < 0.5:
            DomainGroup.objects.update_or_create(
                name="limited", defaults={"domains": ["example.com"], "rate": 1000}
            )
        else:
            DomainGroup.objects.filter(name="limited").delete()


def truthful(history: History, addresses: dict[int, str]) -> None:
    """The independent sink agrees with the ledger, recipient by recipient."""
    arrived = Counter(m.recipients[0] for m in history.sink.messages if m.accepted)
    for entry in LedgerEntry.objects.filter(campaign_id=history.campaign.pk):
        if entry.subscriber_id not in addresses:
            continue  # somebody who came later and was deleted again
        times = arrived[addresses[entry.subscriber_id]]
        if entry.status == LedgerStatus.ACCEPTED and entry.subscriber_id not in history.taken_as_reached:
            assert times >= 1, f"lost: {entry}"
        if times > 1:
            assert entry.possible_duplicate, f"arrived {times} times without a flag: {entry}"
        if entry.status in (LedgerStatus.FAILED, LedgerStatus.SKIPPED) and times:
            assert entry.possible_duplicate, f"arrived, and the ledger does not know: {entry}"


@pytest.mark.parametrize("seed", range(10))
def test_whatever_happens_in_whatever_order_everybody_is_accounted_for(engine, planned, seed):
    chance = random.Random(seed)
    campaign = planned(chance.randint(5, 60))
    first = dict(Subscriber.objects.values_list("pk", "email"))
    history = History(chance, campaign, engine)

    history.play(40)
    people = {**first, **dict(Subscriber.objects.values_list("pk", "email"))}
    engine.clear_scripts()
    campaign.refresh_from_db()
    if seed % 4 == 3 and campaign.status in (Status.RUNNING, Status.PAUSED):
        lifecycle.change_status(campaign, status=Status.CANCELLED)
        Batch.objects.filter(campaign=campaign).update(lease_until=Now() - timedelta(hours=1))
        send_all(limit=3)
    else:
        if campaign.status == Status.PAUSED:
            lifecycle.change_status(campaign, status=Status.RUNNING)
        finished(campaign)

    settled_once(campaign)
    truthful(history, people)
    assert engine.violations == []
    if campaign.status == Status.FINISHED:
        told = set(
            LedgerEntry.objects.filter(campaign_id=campaign.pk).values_list("subscriber_id", flat=True)
        )
        assert set(first) - history.touched <= told


# --- planning -----------------------------------------------------------------------------------------
def test_a_domain_in_two_limited_groups_is_mailed_once(engine, make_campaign):
    DomainGroup.objects.create(name="one", domains=["example.com", "EXAMPLE.com"], rate=1000)
    DomainGroup.objects.create(name="two", domains=["example.com"], rate=1000)
    people = make_list()
    add_people(20, people)
    campaign = lifecycle.start(make_campaign(people))

    finished(campaign)

    assert settled_once(campaign)["accepted"] == 20
    assert len(engine.messages) == 20


def test_a_limit_added_after_planning_holds_for_the_rest(engine, planned):
    campaign = planned(30)
    DomainGroup.objects.create(name="slow", domains=["example.com"], rate=2, window_s=3600)

    send_all(limit=3)

    assert len(engine.messages) <= 2
    assert set(Batch.objects.filter(campaign=campaign).values_list("domain_group", flat=True)) == {"slow"}
    balanced(campaign)
    DomainGroup.objects.all().delete()
    finished(campaign)
    assert settled_once(campaign)["accepted"] == 30
    assert len(engine.messages) == 30


def test_retries_go_at_their_providers_rate_too(engine, planned):
    campaign = planned(10)
    engine.script("rcpt", "451 4.7.0 Slow down", times=10)
    working.send_batch(Batch.objects.get(campaign=campaign).pk)
    assert ledger.count(campaign.pk)["deferred"] == 10
    DomainGroup.objects.create(name="slow", domains=["example.com"], rate=1, window_s=3600)

    wait_until(lambda: scan.scan() or _retry_batches(campaign), 10, "the deferred to be due")

    assert list(_retry_batches(campaign).values_list("domain_group", "size")) == [("slow", 10)]


def _retry_batches(campaign):
    return Batch.objects.filter(campaign=campaign, kind=Batch.Kind.RETRY)


def test_planning_again_costs_the_same_however_much_is_planned(planned):
    campaign = planned(3000)
    crash(campaign, announced=7, delivered=0)
    lifecycle.change_status(campaign, status=Status.PAUSED)
    campaign.refresh_from_db()
    campaign = lifecycle.change_status(campaign, status=Status.RUNNING)

    assert len(planning._held(campaign)) == 7
    planning._step(campaign.pk)
    campaign.refresh_from_db()
    assert campaign.planning == Campaign.Planning.ACTIVE
    assert len(planning._held(campaign)) <= 7  # not the two thousand that are planned now
    while planning.plan(campaign.pk, budget_s=10):
        pass
    planned_ids = [pk for batch in Batch.objects.filter(campaign=campaign) for pk in batch.subscriber_ids]
    assert len(planned_ids) == len(set(planned_ids)) == 3000


@pytest.mark.parametrize("moment", ["before planning", "in mid-plan", "paused"])
def test_cancelling_early_leaves_an_exact_equation(engine, make_campaign, moment):
    people = make_list()
    add_people(2500, people)
    campaign = lifecycle.start(make_campaign(people))
    if moment != "before planning":
        planning._step(campaign.pk)
    if moment == "paused":
        lifecycle.change_status(campaign, status=Status.PAUSED)
    campaign.refresh_from_db()

    lifecycle.change_status(campaign, status=Status.CANCELLED)
    send_all(limit=2)

    counted = settled_once(campaign)
    assert counted["skipped"] == campaign.to_send == (0 if moment == "before planning" else 2000)
    assert engine.messages == []


def test_the_last_subscriber_id_never_runs_ahead(engine, planned):
    campaign = planned(30)
    ids = list(Subscriber.objects.order_by("id").values_list("pk", flat=True))
    crash(campaign, announced=10, delivered=0)
    scan.scan()
    campaign.refresh_from_db()
    assert campaign.last_subscriber_id < ids[0]

    finished(campaign)

    assert campaign.last_subscriber_id == ids[-1] == campaign.max_subscriber_id


# --- two at once --------------------------------------------------------------------------------------
def test_two_clicks_on_retry_send_once(engine, planned):
    engine.script("rcpt", "550 5.1.1 No", times=20)
    campaign = planned(20)
    finished(campaign)
    assert campaign.failed == 20

    results = at_once(*[lambda: lifecycle.retry_failed(Campaign.objects.get(pk=campaign.pk))] * 3)

    assert sorted(one for one in results if isinstance(one, int)) == [20]
    assert sum(isinstance(one, DomainError) for one in results) == 2
    finished(campaign)
    assert settled_once(campaign)["accepted"] == 20
    assert len(engine.messages) == 20


def test_scans_at_once_plan_offer_and_queue_everybody_once(engine, planned, make_campaign):
    campaign = planned(40)
    engine.script("rcpt", "451 4.2.0 Later", times=40)
    send_all(limit=1)
    other = lifecycle.start(make_campaign(CampaignList.objects.get(campaign=campaign).list))

    def scans() -> None:
        for _ in range(10):
            scan.scan()

    assert at_once(scans, scans, scans) == [None] * 3
    finished(campaign)
    finished(other)

    assert settled_once(campaign)["accepted"] == settled_once(other)["accepted"] == 40
    assert len(engine.messages) == 80


def test_a_start_and_a_cancel_at_once_leave_one_of_both(engine, make_campaign):
    people = make_list()
    add_people(10, people)
    campaign = lifecycle.start(make_campaign(people))
    lifecycle.change_status(campaign, status=Status.PAUSED)

    def ask(status):
        return lambda: lifecycle.change_status(Campaign.objects.get(pk=campaign.pk), status=status).status

    at_once(ask(Status.RUNNING), ask(Status.CANCELLED), scan.scan)
    campaign.refresh_from_db()
    if campaign.status == Status.RUNNING:
        finished(campaign)
    else:
        assert campaign.status == Status.CANCELLED
        send_all(limit=3)

    settled_once(campaign)


# --- who holds the batch ------------------------------------------------------------------------------
def test_a_settlement_whose_answer_is_late_is_counted_once(engine, planned):
    """A retry batch has no key that would refuse the second writing; the position does."""
    campaign = planned(5)
    engine.script("rcpt", "451 4.2.0 Later", times=5)
    working.send_batch(Batch.objects.get(campaign=campaign).pk)
    wait_until(lambda: ledger.queue_due(campaign.pk), 5, "the deferred to be due")
    lease = leases.claim(_retry_batches(campaign).get().pk)
    audience = jobs.prepare(campaign.pk).audience
    settlement = Settlement(0, 5, {}, is_retry=True)

    def write():
        return checkpoint(lease, settlement, announced=0, announce=5, audience=audience, max_errors=0)

    write()
    with pytest.raises(LeaseLost):
        write()

    assert balanced(campaign)["accepted"] == 5


def test_a_checkpoint_that_was_written_after_all_is_read_back(engine, planned, monkeypatch):
    campaign = planned(120)
    real, find_out = persisting.checkpoint, persisting._find_out
    late, asked_again = [], []

    def losing(lease, settlement, **values):
        if settlement.start == settlement.end or late:
            return real(lease, settlement, **values)
        late.append(lambda: real(lease, settlement, **values))
        raise OperationalError("the connection went, and the server has not noticed")

    def finding_out(window, settlement, job, until):
        found = find_out(window, settlement, job, until)
        if len(late) == 1:
            late.append(late[0]())  # the server writes it now, after it was found missing
        else:
            asked_again.append(found)
        return found

    monkeypatch.setattr(persisting, "checkpoint", losing)
    monkeypatch.setattr(persisting, "_find_out", finding_out)

    finished(campaign)

    assert len(asked_again) == 1
    assert settled_once(campaign)["accepted"] == 120
    assert len(engine.messages) == 120
    assert not LedgerEntry.objects.filter(campaign_id=campaign.pk, possible_duplicate=True).exists()


def test_only_the_holder_corrects_who_was_in_doubt(engine, planned):
    campaign = planned(5)
    crash(campaign, announced=1, delivered=0)
    leases.take_back()
    lease = leases.claim(Batch.objects.get(campaign=campaign).pk)
    job = jobs.prepare(campaign.pk)
    person = doubt.reread(lease, announced=0, audience=job.audience).people[0]
    doubt._write_unknown(lease, job, [person])
    leases.release(lease)

    ledger.correct(lease, person.id, Verdict(LedgerStatus.ACCEPTED, code=250, attempts=1))

    assert balanced(campaign)["unknown"] == 1


def test_who_fails_when_sent_again_has_the_servers_words(engine, planned):
    campaign = planned(5)
    crash(campaign, announced=1, delivered=0)
    engine.script("rcpt", "550 5.1.1 Never heard of", times=1)

    finished(campaign)

    assert settled_once(campaign)["failed"] == 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT text FROM engine_ledger_text WHERE campaign_id = %s", [campaign.pk])
        assert cursor.fetchall() == [("Never heard of",)]


def test_who_fails_when_sent_again_counts_towards_the_error_threshold(engine, planned):
    runtime.save({"app.max_send_errors": 2})
    campaign = planned(10)
    crash(campaign, announced=5, delivered=0)
    leases.take_back()
    engine.script("rcpt", "550 5.1.1 Never heard of")

    working.send_batch(Batch.objects.get(campaign=campaign).pk)

    campaign.refresh_from_db()
    assert (campaign.status, campaign.run_errors) == (Status.PAUSED, 2)
    batch = Batch.objects.get(campaign=campaign)
    assert (batch.failed, batch.done, batch.doubtful) == (2, 2, 5)


def test_large_messages_are_announced_a_few_at_a_time(engine, planned, monkeypatch):
    engine.reply_delay_ms = 5
    campaign = planned(60)
    size = jobs.prepare(campaign.pk).message_bytes
    monkeypatch.setattr(sending, "MOST_UNSETTLED_BYTES", 3 * size)
    real, unsettled = sending.persist, []

    def watched(window, settlement, *others):
        found = real(window, settlement, *others)
        unsettled.append(found.announced - settlement.end)
        return found

    monkeypatch.setattr(sending, "persist", watched)
    working.send_batch(Batch.objects.get(campaign=campaign).pk)

    assert len(engine.messages) == 60
    assert max(unsettled) == 3


@pytest.mark.parametrize("why", ["no server", "no tokens"])
def test_doubts_that_have_to_wait_do_not_spin(engine, planned, why):
    campaign = planned(5)
    crash(campaign, announced=2, delivered=0)
    leases.take_back()
    if why == "no server":
        runtime.save({"smtp": []})
    else:
        Campaign.objects.filter(pk=campaign.pk).update(rate=0.001)
        batch = Batch.objects.get(campaign=campaign)
        sending.Pacer(jobs_redis()).take(limits.limits_of(campaign.pk, Pace(rate=0.001), ""), 100)
    batch = Batch.objects.get(campaign=campaign)

    working.send_batch(batch.pk)

    batch.refresh_from_db()
    assert batch.token is None
    assert (batch.done, batch.announced, batch.doubtful) == (0, 2, 2)
    assert Batch.objects.filter(pk=batch.pk, not_before__gt=Now() + timedelta(seconds=1)).exists()
    assert engine.messages == []


def jobs_redis():
    from campaigns.engine.redis_client import client

    return client()


def test_deleting_a_campaign_in_mid_batch_leaves_nothing(engine, planned, monkeypatch):
    campaign = planned(300)
    real, calls = persisting.checkpoint, []

    def checkpoint_and_delete(*args, **kwargs):
        calls.append(1)
        if len(calls) == 3:
            assert at_once(lambda: deleting.delete([campaign.pk])) == [1]
        return real(*args, **kwargs)

    monkeypatch.setattr(persisting, "checkpoint", checkpoint_and_delete)

    working.send_batch(Batch.objects.get(campaign=campaign).pk)

    assert len(calls) >= 3
    assert len(engine.messages) <= sending.MOST_UNSETTLED
    for model in (Batch, Run):
        assert not model.objects.filter(campaign_id=campaign.pk).exists()
    assert not LedgerEntry.objects.filter(campaign_id=campaign.pk).exists()
    scan.scan()


# --- outcomes -----------------------------------------------------------------------------------------
def test_cancelling_skips_the_deferred(engine, planned):
    engine.script("rcpt", "451 4.2.0 Later", times=4)
    campaign = planned(10)
    runtime.save({"engine.retry_base": "1h"})
    send_all(limit=1)
    assert ledger.count(campaign.pk)["deferred"] == 4

    campaign.refresh_from_db()
    lifecycle.change_status(campaign, status=Status.CANCELLED)
    send_all(limit=2)

    assert settled_once(campaign) == {
        "accepted": 6, "deferred": 0, "failed": 0, "skipped": 4, "unknown": 0,
    }  # fmt: skip
    reasons = LedgerEntry.objects.filter(campaign_id=campaign.pk, status=LedgerStatus.SKIPPED)
    assert set(reasons.values_list("reason", flat=True)) == {LedgerReason.CANCELLED}


def test_a_reply_that_postgresql_cannot_store_is_stored_without_it(engine, planned):
    engine.script("rcpt", "550 5.1.1 No \x00 such user", times=1)
    campaign = planned(5)

    finished(campaign)

    assert settled_once(campaign)["failed"] == 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT text FROM engine_ledger_text WHERE campaign_id = %s", [campaign.pk])
        assert cursor.fetchall() == [("No  such user",)]


def test_the_error_count_starts_anew_with_each_resume(engine, planned):
    runtime.save({"app.max_send_errors": 3, "app.concurrency": 1, "app.message_rate": 10})
    engine.script("rcpt", "550 5.1.1 No", times=6)
    campaign = planned(30)

    for failed in (3, 6):
        wait_until(lambda: send_all(limit=1) or _status(campaign) == Status.PAUSED, 20, "the pause")
        assert campaign.failed >= failed
        lifecycle.change_status(campaign, status=Status.RUNNING)
    runtime.save({"app.message_rate": 10_000})
    finished(campaign)

    assert settled_once(campaign)["failed"] == 6


def _status(campaign):
    campaign.refresh_from_db()
    return campaign.status


@pytest.mark.parametrize("defect", ["template", "messenger", "file"])
def test_what_breaks_after_the_start_pauses_with_a_reason_and_goes_on_when_mended(engine, planned, defect):
    template = Template.objects.create(name="Frame", body='<div>{{ template "content" . }}</div>')
    campaign = planned(10, template=template)
    if defect == "template":
        Template.objects.filter(pk=template.pk).update(body='{{ template "content" . }}{% if %}')
    elif defect == "messenger":
        Campaign.objects.filter(pk=campaign.pk).update(messenger="gone")
    else:
        from campaigns.media.models import CampaignMedia, Media

        lost = Media.objects.create(filename="lost.pdf", content_type="application/pdf", thumb="")
        CampaignMedia.objects.create(campaign=campaign, media=lost, filename=lost.filename)

    send_all(limit=2)

    assert _status(campaign) == Status.PAUSED
    assert len(campaign.status_reason) > 20
    assert engine.messages == []
    if defect == "template":
        Template.objects.filter(pk=template.pk).update(body=template.body)
    elif defect == "messenger":
        Campaign.objects.filter(pk=campaign.pk).update(messenger="email")
    else:
        CampaignMedia.objects.all().delete()
    campaign.refresh_from_db()
    lifecycle.change_status(campaign, status=Status.RUNNING)
    finished(campaign)
    assert settled_once(campaign)["accepted"] == 10
