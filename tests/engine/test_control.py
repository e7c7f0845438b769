"""Pause, cancel, rates and servers act at the next opportunity; campaigns share the senders fairly."""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone

from campaigns import lifecycle, pace
from campaigns.engine import ledger, scan, sending, working
from campaigns.engine.models import Batch
from campaigns.models import Campaign
from campaigns.status import Status
from listmonk_py.configuration import runtime
from listmonk_py.mail import messengers
from listmonk_py.mail.models import DomainGroup
from listmonk_py.mail.outgoing import Outcome
from tests.factories import make_list
from tests.mail.conftest import letter
from tests.sinks import SmtpSink

from .conftest import add_people, send_all, server_at
from .deployment import account, wait_until


class Player:
    """Beat and one sender, which works on what the scan offers in the order of the offers."""

    def __init__(self) -> None:
        self.queue: deque[int] = deque()
        self.slices: Counter[int] = Counter()  # by campaign

    def offer(self, batch_id: int) -> bool:
        self.queue.append(batch_id)
        return True

    def step(self) -> None:
        if not self.queue:
            scan.scan()
        if self.queue:
            batch_id = self.queue.popleft()
            self.slices.update(Batch.objects.filter(pk=batch_id).values_list("campaign_id", flat=True))
            working.send_batch(batch_id)

    def until(self, condition: Callable[[], bool], timeout_s: float = 15) -> None:
        def there() -> bool:
            self.step()
            return condition()

        wait_until(there, timeout_s, "the campaigns to come so far")


@pytest.fixture
def player(engine, monkeypatch) -> Player:
    playing = Player()
    monkeypatch.setattr("campaigns.engine.doorbell.offer", playing.offer)
    return playing


@pytest.fixture
def start(engine, make_campaign):
    """Start a campaign to `count` people on a list of their own."""

    def begin(count, **fields):
        people = make_list()
        add_people(count, people, prefix=f"l{people.pk}p", domain=fields.pop("domain", "example.com"))
        return lifecycle.start(make_campaign(people, **fields))

    return begin


@pytest.fixture
def other() -> Iterator[SmtpSink]:
    with SmtpSink() as running:
        yield running


def is_over(*campaigns: Campaign) -> bool:
    ids = [campaign.pk for campaign in campaigns]
    return not Campaign.objects.filter(pk__in=ids).exclude(status=Status.FINISHED).exists()


def planned(campaign: Campaign) -> Batch:
    scan.plan_all()
    return Batch.objects.filter(campaign=campaign).order_by("pk").first()


class Working:
    """A sender at work on one batch, in a thread of its own."""

    def __init__(self, batch: Batch) -> None:
        self._thread = threading.Thread(target=self._run, args=(batch.pk,))

    def _run(self, batch_id: int) -> None:
        try:
            working.send_batch(batch_id)
        finally:
            connection.close()

    def __enter__(self) -> "Working":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(30)
        assert not self._thread.is_alive()

    @property
    def is_busy(self) -> bool:
        return self._thread.is_alive()


# --- in the middle of a batch -------------------------------------------------------------------------
@pytest.mark.parametrize("status", [Status.PAUSED, Status.CANCELLED])
def test_at_most_what_is_announced_leaves_after_a_pause_or_a_cancel(engine, start, status):
    engine.reply_delay_ms = 10
    campaign = start(1000)
    batch = planned(campaign)

    with Working(batch):
        assert engine.wait_for(50)
        campaign.refresh_from_db()
        lifecycle.change_status(campaign, status=status)
        batch.refresh_from_db()
        announced = batch.announced

    # One checkpoint may have read `running` just before.
    assert len(engine.messages) <= announced + sending.MOST_UNSETTLED // 2 < 1000
    batch.refresh_from_db()
    assert batch.token is None
    assert batch.done == batch.announced == len(engine.messages)
    if status == Status.PAUSED:
        engine.reply_delay_ms = 0
        campaign.refresh_from_db()
        lifecycle.change_status(campaign, status=Status.RUNNING)
        send_all()
        assert account(campaign, engine, duplicates_at_most=0)["accepted"] == 1000
    else:
        count = len(engine.messages)
        send_all(limit=2)
        assert ledger.count(campaign.pk) == {
            "accepted": count, "deferred": 0, "failed": 0, "skipped": 1000 - count, "unknown": 0,
        }  # fmt: skip


def test_another_server_takes_over_in_the_middle_of_a_batch(engine, other, start):
    engine.reply_delay_ms = other.reply_delay_ms = 10
    campaign = start(600)

    with Working(planned(campaign)):
        assert engine.wait_for(50)
        runtime.save({"smtp": [server_at(other, uuid="22222222-2222-4222-8222-222222222222")]})
        changed_at = len(engine.messages)
        assert other.wait_for(1)
    send_all()

    assert len(engine.messages) <= changed_at + sending.MOST_UNSETTLED
    assert not set(engine.recipients) & set(other.recipients)
    assert len(engine.recipients) + len(other.recipients) == 600
    campaign.refresh_from_db()
    assert (campaign.status, campaign.sent) == (Status.FINISHED, 600)


def test_a_rate_set_in_the_middle_of_a_batch_holds_from_then_on(engine, start):
    engine.reply_delay_ms = 10
    campaign = start(1000)

    with Working(planned(campaign)):
        assert engine.wait_for(50)
        Campaign.objects.filter(pk=campaign.pk).update(rate=0.01)

    # Looked up twice a second, so within this slice.
    batch = Batch.objects.get(campaign=campaign)
    assert batch.announced < 1000
    assert Batch.objects.filter(pk=batch.pk, not_before__gt=Now()).exists()


# --- limits -------------------------------------------------------------------------------------------
def waits(campaign: Campaign) -> bool:
    return Batch.objects.filter(campaign=campaign, token=None, not_before__gt=Now()).exists()


@pytest.mark.parametrize(
    "limit",
    [
        *("campaign", "campaign's window", "deployment", "window"),
        *("provider", "provider's window", "server", "server's window"),
    ],
)
def test_a_limit_that_is_lifted_lets_the_campaign_go_at_once(engine, player, start, limit):
    """However far away the next token was: a batch that waits an hour does not wait it out."""
    if limit == "deployment":
        runtime.save({"app.concurrency": 1, "app.message_rate": 1})
    elif limit == "window":
        runtime.save(
            {
                "app.message_sliding_window": True,
                "app.message_sliding_window_rate": 2,
                "app.message_sliding_window_duration": "1h",
            }
        )
    elif limit.startswith("provider"):
        is_sliding = limit.endswith("window")
        DomainGroup.objects.create(
            name="slow", domains=["example.com"], rate=2, window_s=3600, is_sliding=is_sliding
        )
    elif limit == "server":
        runtime.save({"smtp": [server_at(engine, message_rate=1)]})
    elif limit == "server's window":
        runtime.save({"smtp": [server_at(engine, sliding_window_rate=3, sliding_window_duration="1h")]})
    own = {"campaign": {"rate": 0.001}, "campaign's window": {"sliding_window_rate": 3}}
    campaign = start(30, **own.get(limit, {}))
    player.until(lambda: waits(campaign))
    assert len(engine.messages) <= 5

    if limit == "deployment":
        runtime.save({"app.concurrency": 100, "app.message_rate": 1000})
    elif limit == "window":
        runtime.save({"app.message_sliding_window": False})
    elif limit.startswith("provider"):
        DomainGroup.objects.update(rate=10_000, window_s=1)
    elif limit.startswith("server"):
        runtime.save({"smtp": [server_at(engine)]})
    else:
        pace.change(campaign, {"rate": None, "sliding_window_rate": 0})
    for _ in range(4):  # scans, of which there is one a second and one for each ring
        player.step()

    assert is_over(campaign)
    assert len(engine.messages) == 30


def test_a_window_lets_its_number_through_and_no_more(engine, player, start):
    runtime.save(
        {
            "app.message_sliding_window": True,
            "app.message_sliding_window_rate": 10,
            "app.message_sliding_window_duration": "1h",
        }
    )
    first, second = start(8), start(8)

    player.until(lambda: waits(first) or waits(second))
    for _ in range(4):
        player.step()

    assert len(engine.messages) == 10
    runtime.save({"app.message_sliding_window_rate": 13})
    for _ in range(4):
        player.step()
    assert len(engine.messages) == 13


def test_the_deployments_rate_is_kept_by_all_campaigns_together(engine, player, start):
    runtime.save({"app.concurrency": 2, "app.message_rate": 20})
    began = time.monotonic()
    campaigns = [start(20), start(20), start(20)]

    player.until(lambda: is_over(*campaigns))

    burst = 2 * 20 * 0.2
    assert len(engine.messages) == 60
    assert (time.monotonic() - began) * 40 + burst >= 60


def test_a_rate_of_next_to_nothing_breaks_nothing(engine, player, start):
    slow = start(3, rate=1e-12)
    quick = start(20)

    player.until(lambda: is_over(quick))

    assert len([m for m in engine.messages if m.recipients[0].startswith(f"l{_list(slow)}p")]) <= 2
    slow.refresh_from_db()
    assert slow.status == Status.RUNNING


def _list(campaign: Campaign) -> int:
    return campaign.lists.get().pk


# --- several campaigns --------------------------------------------------------------------------------
def test_a_campaign_to_an_empty_list_is_finished_by_the_first_scan(engine, start):
    campaign = start(0)

    scan.scan()

    campaign.refresh_from_db()
    assert campaign.status == Status.FINISHED
    assert (campaign.to_send, campaign.to_send_exact) == (0, True)


def test_everybody_has_had_a_turn_before_anybody_has_a_third(engine, player, start, monkeypatch):
    """More campaigns than can be on offer at once; those that began first have the batches with the lowest ids."""
    monkeypatch.setattr(sending, "SLICE_S", 0.0)
    campaigns = [start(3000) for _ in range(8)]
    while scan.plan_all():
        pass

    player.until(lambda: all(player.slices[one.pk] for one in campaigns))

    assert max(player.slices.values()) <= 2, player.slices


def test_a_throttled_campaign_delays_nobody(engine, player, start):
    slow = [start(200, rate=1) for _ in range(3)]
    quick = start(2500)

    player.until(lambda: is_over(quick))

    # The quick one's turns, and between them a look at each of the slow ones' tokens.
    assert player.slices[quick.pk] <= 10
    assert all(player.slices[one.pk] <= 3 * player.slices[quick.pk] + 3 for one in slow)
    assert sum(m.recipients[0].startswith(f"l{_list(quick)}p") for m in engine.messages) == 2500


def test_a_paused_campaign_takes_nobodys_turn(engine, player, start):
    paused = start(3000)
    scan.plan_all()
    lifecycle.change_status(paused, status=Status.PAUSED)
    quick = start(50)

    player.until(lambda: is_over(quick))

    assert player.slices[paused.pk] == 0
    assert len(engine.messages) == 50


def test_a_hundred_campaigns_at_once_all_finish(engine, player, start, make_campaign, monkeypatch):
    monkeypatch.setattr("campaigns.engine.heartbeats.free_senders", lambda: 20)
    slow = start(100, rate=1)
    people = make_list()
    add_people(3, people)
    due = timezone.now() - timedelta(seconds=1)
    campaigns = [
        make_campaign(people, content_type="plain", body=f"Number {n}", status=Status.SCHEDULED, send_at=due)
        for n in range(99)
    ]

    player.until(lambda: not player.queue and is_over(*campaigns), 90)

    for campaign in campaigns:
        campaign.refresh_from_db()
        assert campaign.sent == campaign.to_send == 3
    slow.refresh_from_db()
    assert slow.status == Status.RUNNING
    assert len({m.message_id for m in engine.messages}) == len(engine.messages) >= 3 * 99


def test_a_transactional_message_overtakes_a_campaign(engine, start):
    """Connections are kept for it, so it does not wait for those that are busy."""
    engine.reply_delay_ms = 40
    campaign = start(400)

    with Working(planned(campaign)) as sender:
        assert engine.wait_for(20)
        transmission = messengers.get("email").open("transactional", "shop@example.org")
        transmission.send([letter(1, to="password@example.net")])
        results = []
        wait_until(lambda: results.extend(transmission.wait(0.5)) or results, 10, "the transactional message")
        assert sender.is_busy
        assert [one.outcome for one in results] == [Outcome.ACCEPTED]
        transmission.close(5)
