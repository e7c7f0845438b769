"""The tracker as a process: killed, restarted, cut off from its servers; every event counts once."""

import signal
import subprocess
import sys
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import pytest

from tests import proxy, web
from tracking import events
from tracking.models import CampaignCount, DayCount, View

from .conftest import eventually

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.fault]


@contextmanager
def tracker(**env):
    process = subprocess.Popen(
        [sys.executable, "manage.py", "tracker", "--claim-after", "0.5"],
        cwd=web.ROOT,
        env=web.environment(**env),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def push(redis, campaign, count, *, per_entry=20):
    """Views in entries of several, every entry twice: as after a late acknowledgement at the door."""
    pipe = redis.pipeline(transaction=False)
    for _ in range(0, count, per_entry):
        entry = b"".join(
            events.line(str(campaign.uuid), events.NOBODY, individual=False) for _ in range(per_entry)
        )
        pipe.xadd(events.STREAM, {events.FIELD: entry})
        pipe.xadd(events.STREAM, {events.FIELD: entry})
    pipe.execute()


def counted(campaign):
    row = CampaignCount.objects.filter(pk=campaign.pk).first()
    return row.views if row else 0


def drained(redis):
    return redis.xlen(events.STREAM) == 0


def test_a_tracker_killed_again_and_again_counts_every_event_once(redis, campaign):
    total = 60_000
    push(redis, campaign, total)
    for _ in range(2):
        with tracker() as process:
            goal = counted(campaign) + 1
            eventually(lambda goal=goal: counted(campaign) >= goal or drained(redis), "some are stored")
            process.send_signal(signal.SIGKILL)
            process.wait()
    with tracker():
        eventually(lambda: drained(redis), "the rest is stored")

    assert counted(campaign) == View.objects.count() == total
    assert sum(day.views for day in DayCount.objects.all()) == total


def test_two_trackers_share_the_work_and_count_once(redis, campaign):
    with tracker(), tracker():
        push(redis, campaign, 20_000)
        eventually(lambda: drained(redis), "all events are stored")

    assert counted(campaign) == View.objects.count() == 20_000


def test_sigterm_ends_it_cleanly(redis, campaign):
    with tracker() as process:
        push(redis, campaign, 100)
        eventually(lambda: counted(campaign) == 100, "the events are stored")
        process.send_signal(signal.SIGTERM)

        assert process.wait(20) == 0

    assert redis.xinfo_consumers(events.STREAM, events.GROUP) == []


def test_while_postgresql_is_away_events_wait_and_are_counted_once_later(redis, campaign):
    parts = urlsplit(web.database_url())
    user = parts.netloc.rpartition("@")[0]
    with proxy.before(parts.hostname, parts.port) as postgresql:
        url = urlunsplit(parts._replace(netloc=f"{user}@127.0.0.1:{postgresql.port}"))
        with tracker(DATABASE_URL=url) as process:
            push(redis, campaign, 100)
            eventually(lambda: counted(campaign) == 100, "the first events are stored")
            postgresql.cut()
            push(redis, campaign, 200)
            eventually(lambda: redis.xpending(events.STREAM, events.GROUP)["pending"], "a batch is tried")
            assert counted(campaign) == 100

            postgresql.restore()

            eventually(lambda: drained(redis), "the rest is stored")
            assert process.poll() is None

    assert counted(campaign) == View.objects.count() == 300


def test_while_redis_is_away_the_tracker_waits(redis, redis_url, campaign):
    parts = urlsplit(redis_url)
    user = parts.netloc.rpartition("@")[0]
    with proxy.before(parts.hostname, parts.port) as valkey:
        url = urlunsplit(parts._replace(netloc=f"{user}@127.0.0.1:{valkey.port}"))
        with tracker(REDIS_URL=url) as process:
            push(redis, campaign, 100)
            eventually(lambda: counted(campaign) == 100, "the first events are stored")
            valkey.cut()
            push(redis, campaign, 100)
            valkey.restore()

            eventually(lambda: counted(campaign) == 200, "the rest is stored")
            assert process.poll() is None
