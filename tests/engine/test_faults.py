"""What happens to every recipient when processes are killed and servers go away."""

import os
import random
import signal
import threading
import time

import pytest
from django.db import connection

from campaigns import lifecycle
from campaigns.engine.models import Batch
from listmonk_py.configuration import runtime
from tests.factories import make_list
from tests.sinks import Fault

from .conftest import add_people
from .deployment import Deployment, account, kill_group, wait_for_end, wait_until

pytestmark = [pytest.mark.fault, pytest.mark.timeout(180)]

WINDOW = 200


def begin(make_campaign, count, **fields):
    people = make_list()
    add_people(count, people)
    campaign = make_campaign(people, **fields)
    return lifecycle.start(campaign)


def test_a_sender_is_killed_ten_times(engine, make_campaign):
    runtime.save({"app.concurrency": 1, "app.message_rate": 400})
    chance = random.Random(7)
    with Deployment() as deployment:
        campaign = begin(make_campaign, 4000)
        kills = 0
        while kills < 10:
            engine.wait_for(len(engine.messages) + chance.randrange(20, 200), timeout=20)
            kills += deployment.kill_child(chance.randrange(2))
        wait_for_end(campaign, 120)

        counted = account(campaign, engine, duplicates_at_most=kills * WINDOW)

    assert counted["accepted"] + counted["unknown"] == 4000


def test_a_whole_sender_dies_and_the_other_finishes(engine, make_campaign):
    runtime.save({"app.concurrency": 1, "app.message_rate": 500})
    with Deployment() as deployment:
        campaign = begin(make_campaign, 2000)
        assert engine.wait_for(300)
        kill_group(deployment.senders[0])
        wait_for_end(campaign)

        counted = account(campaign, engine, duplicates_at_most=WINDOW)

    assert counted["accepted"] + counted["unknown"] == 2000


def test_sigterm_to_the_whole_process_group_puts_nobody_in_doubt(engine, make_campaign):
    runtime.save({"app.concurrency": 1, "app.message_rate": 500})
    with Deployment() as deployment:
        campaign = begin(make_campaign, 2000)
        assert engine.wait_for(300)
        for sender in deployment.senders:
            os.killpg(sender.pid, signal.SIGTERM)
        for sender in deployment.senders:
            sender.wait(30)
        assert not Batch.objects.filter(token__isnull=False).exists()
        assert sum(batch.announced - batch.done for batch in Batch.objects.all()) == 0
        deployment.start_sender(7)
        wait_for_end(campaign)

        counted = account(campaign, engine, duplicates_at_most=0)

    assert counted["accepted"] == 2000


def test_a_killed_beat_is_replaced_and_nothing_is_lost(engine, make_campaign):
    runtime.save({"app.concurrency": 1, "app.message_rate": 400})
    with Deployment(tick=False) as deployment:
        beat = deployment.start_beat()
        campaign = begin(make_campaign, 1500)
        assert engine.wait_for(200, timeout=30)
        kill_group(beat)
        deployment.start_beat()
        wait_for_end(campaign)

        account(campaign, engine, duplicates_at_most=0)


def test_every_task_is_delivered_twice(engine, make_campaign, monkeypatch):
    from campaigns.engine import doorbell

    once = doorbell.app.send_task
    monkeypatch.setattr(doorbell.app, "send_task", lambda *a, **k: (once(*a, **k), once(*a, **k)))
    with Deployment():
        campaign = begin(make_campaign, 2000)
        stop = threading.Event()

        def repeat():
            while not stop.wait(0.2):
                for pk in Batch.objects.values_list("pk", flat=True)[:20]:
                    doorbell.offer(pk)
            connection.close()

        thread = threading.Thread(target=repeat, daemon=True)
        thread.start()
        wait_for_end(campaign)
        stop.set()
        thread.join()

        account(campaign, engine, duplicates_at_most=0)


@pytest.mark.parametrize("kind", ["closes", "421", "drops"])
def test_a_server_that_misbehaves(engine, make_campaign, kind):
    if kind == "closes":
        engine.close_every = 100
    elif kind == "421":
        for n in range(5):
            engine.script("mail", "421 4.3.2 Going down", times=1, after=150 * (n + 1))
    else:
        for n in range(5):
            engine.script("dot", Fault.DROP, times=1, after=150 * (n + 1))
    with Deployment():
        campaign = begin(make_campaign, 1500)
        wait_for_end(campaign)

        counted = account(campaign, engine, duplicates_at_most=5 if kind == "drops" else 0)

    assert counted["accepted"] == 1500


def test_a_server_that_stalls_after_the_dot_for_longer_than_the_lease(engine, make_campaign):
    engine.script("dot", Fault.HANG, times=1, after=200)
    with Deployment():
        campaign = begin(make_campaign, 1000)
        wait_for_end(campaign)

        counted = account(campaign, engine, duplicates_at_most=1)

    assert counted["accepted"] + counted["unknown"] == 1000


def test_nobody_else_is_mailed_after_unsubscribing(engine, make_campaign):
    from subscribers.models import Subscriber, Subscription

    runtime.save({"app.concurrency": 1, "app.message_rate": 300})
    with Deployment():
        campaign = begin(make_campaign, 2000)
        assert engine.wait_for(100)
        newest = list(Subscriber.objects.order_by("-id")[:200])
        gone, blocked = newest[:100], newest[100:]
        Subscription.objects.filter(subscriber__in=gone).update(status="unsubscribed")
        Subscriber.objects.filter(pk__in=[one.pk for one in blocked]).update(status="blocklisted")
        wait_for_end(campaign)

        counted = account(campaign, engine, duplicates_at_most=0)

    assert counted["skipped"] == 200
    arrived = {message.recipients[0] for message in engine.messages}
    assert not arrived & {one.email for one in newest}


def test_pause_and_resume_act_within_two_seconds_and_skip_nobody(engine, make_campaign):
    runtime.save({"app.concurrency": 1, "app.message_rate": 500})
    with Deployment():
        campaign = begin(make_campaign, 2000)
        assert engine.wait_for(200)
        campaign.refresh_from_db()
        lifecycle.change_status(campaign, status="paused")
        paused_at = time.monotonic()
        wait_until(lambda: not Batch.objects.filter(token__isnull=False).exists(), 2, "the leases to end")
        count = len(engine.messages)
        assert not engine.wait_for(count + 1, timeout=1.5)
        assert time.monotonic() - paused_at < 10
        campaign.refresh_from_db()
        lifecycle.change_status(campaign, status="running")
        wait_for_end(campaign)

        counted = account(campaign, engine, duplicates_at_most=0)

    assert counted["accepted"] == 2000


def test_a_recipient_whose_rendering_kills_the_process(engine, make_campaign, tmp_path):
    """A worker that dies of one recipient: that one is unknown, the others are mailed."""
    from subscribers.models import Subscriber

    poison = tmp_path / "sitecustomize.py"
    poison.write_text(
        "import os, sys, importlib.abc\n"
        "class Hook(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'campaigns.engine.sending':\n"
        "            sys.meta_path.remove(self)\n"
        "            from campaigns.engine import recipients\n"
        "            real = recipients.recipient_of\n"
        "            def deadly(person):\n"
        "                if person.email == 'p50@example.com': os.kill(os.getpid(), 9)\n"
        "                return real(person)\n"
        "            recipients.recipient_of = deadly\n"
        "sys.meta_path.insert(0, Hook())\n"
    )
    with Deployment(PYTHONPATH=str(tmp_path)):
        campaign = begin(make_campaign, 300)
        wait_for_end(campaign, 120)

        counted = account(campaign, engine, duplicates_at_most=2 * WINDOW)

    assert Subscriber.objects.filter(email="p50@example.com").exists()
    assert counted["unknown"] == 1
    assert counted["accepted"] == 299


def test_redis_goes_away_and_comes_back(engine, make_campaign, redis):
    """All that Redis knows is lost in mid-campaign: queue, permits, tokens, heartbeats."""
    runtime.save({"app.concurrency": 1, "app.message_rate": 400})
    with Deployment():
        campaign = begin(make_campaign, 1500)
        assert engine.wait_for(200)
        redis.flushdb()
        redis.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        wait_for_end(campaign)

        counted = account(campaign, engine, duplicates_at_most=0)

    assert counted["accepted"] == 1500


def test_postgresql_cuts_every_session(engine, make_campaign):
    """What a restart of PostgreSQL does to the senders: every session ends, answers get lost."""
    runtime.save({"app.concurrency": 1, "app.message_rate": 400})
    with Deployment():
        campaign = begin(make_campaign, 1500)
        for n in range(4):
            assert engine.wait_for(200 * (n + 1))
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                    " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
                )
        wait_for_end(campaign)

        counted = account(campaign, engine, duplicates_at_most=0)

    assert counted["accepted"] == 1500
