"""Real worker processes on the test's own database and Valkey, to be killed and watched."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any, Self

from django.conf import settings
from django.db import connection

from campaigns.engine import doorbell, heartbeats, ledger
from campaigns.engine.models import LedgerEntry
from campaigns.engine.redis_client import client
from campaigns.models import Campaign
from tests.sinks import SmtpSink

ROOT = Path(__file__).resolve().parents[2]
LEASE_S = 2.0


class Deployment:
    """`senders` Celery parents with a child each, a scan worker, and a tick twice a second."""

    def __init__(self, senders: int = 2, *, tick: bool = True, **environment: str) -> None:
        where = connection.settings_dict
        self.environment = {
            **os.environ,
            "DATABASE_URL": f"postgres://{where['USER']}:{where['PASSWORD']}@{where['HOST']}:{where['PORT']}"
            f"/{where['NAME']}",
            "DATABASE_DIRECT_URL": "",
            "REDIS_URL": settings.REDIS_URL,
            "ENGINE_LEASE_S": str(LEASE_S),
            **environment,
        }
        self.count = senders
        self.tick = tick
        self.senders: list[subprocess.Popen[bytes]] = []
        self.others: list[subprocess.Popen[bytes]] = []
        self._earlier: set[object] = set()
        self._stop = threading.Event()
        self._paused = threading.Event()

    def pause(self) -> None:
        """Stop ticking for a while, as beat does while its own database is away."""
        self._paused.set()

    def resume(self) -> None:
        self._paused.clear()

    def __enter__(self) -> Self:
        self._earlier = {pid for pid, *_ in _strangers()}
        self.others.append(self.start("-Q", "scan", "-P", "solo", name="scan"))
        for n in range(self.count):
            self.start_sender(n)
        if self.tick:
            threading.Thread(target=self._tick, daemon=True).start()
        wait_until(lambda: self.heard_of() >= self.count, 60, "the senders to start")
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for process in self.senders + self.others:
            kill_group(process)
        wait_until(lambda: not self._left(), 15, f"the killed processes' sessions to end: {self._left()}")

    def _left(self) -> list[tuple[object, ...]]:
        """Sessions of the killed processes; not those that other tests had left idle before."""
        return [session for session in _strangers() if session[0] not in self._earlier]

    def start(self, *arguments: str, name: str) -> subprocess.Popen[bytes]:
        command = [
            sys.executable,
            "-m",
            "celery",
            "--skip-checks",
            "-A",
            "listmonk_py",
            "worker",
            *arguments,
            "-n",
            f"{name}@test",
        ]
        command += ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING"]
        return subprocess.Popen(command, cwd=ROOT, env=self.environment, start_new_session=True)

    def start_sender(self, number: int) -> None:
        self.senders.append(self.start("-Q", "campaigns", "-P", "prefork", "-c", "1", name=f"sender{number}"))

    def start_beat(self) -> subprocess.Popen[bytes]:
        command = [
            sys.executable,
            "-m",
            "celery",
            "--skip-checks",
            "-A",
            "listmonk_py",
            "beat",
            "--pidfile=",
            "--loglevel",
            "WARNING",
        ]
        beat = subprocess.Popen(command, cwd=ROOT, env=self.environment, start_new_session=True)
        self.others.append(beat)
        return beat

    def _tick(self) -> None:
        while not self._stop.wait(0.5):
            if not self._paused.is_set():
                doorbell.ring()

    @staticmethod
    def heard_of() -> int:
        return len(list(client().scan_iter(match=heartbeats.PREFIX + "*")))

    @staticmethod
    def children(parent: subprocess.Popen[bytes]) -> list[int]:
        found = []
        for task in Path(f"/proc/{parent.pid}/task").glob("*/children"):
            found += [int(pid) for pid in task.read_text().split()]
        return found

    def kill_child(self, number: int) -> bool:
        """kill -9 of the process that sends; its parent starts another."""
        killed = False
        for pid in self.children(self.senders[number % len(self.senders)]):
            os.kill(pid, signal.SIGKILL)
            killed = True
        return killed


def _strangers() -> list[tuple[object, ...]]:
    """Sessions in the database that are not ours: a transaction of theirs would keep it from being emptied."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid, client_port, state, query FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        return list(cursor.fetchall())


def kill_group(process: subprocess.Popen[bytes], number: int = signal.SIGKILL) -> None:
    if process.poll() is None:
        os.killpg(process.pid, number)
        process.wait(30)


def wait_until(condition: Any, timeout_s: float, what: str) -> None:
    until = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until, f"waited in vain for {what}"
        time.sleep(0.05)


def wait_for_end(campaign: Campaign, timeout_s: float = 90) -> None:
    def over() -> bool:
        campaign.refresh_from_db()
        return campaign.status != "running"

    try:
        wait_until(over, timeout_s, "the campaign to end")
    except AssertionError as late:
        from campaigns.engine.models import Batch

        rows = list(Batch.objects.filter(campaign=campaign).values())
        for row in rows:
            row["subscriber_ids"] = len(row["subscriber_ids"])
        raise AssertionError(f"{late}: {ledger.count(campaign.pk)} {rows}") from None


def account(campaign: Campaign, sink: SmtpSink, *, duplicates_at_most: int) -> Counter[str]:
    """Hold the ledger, the counters and the independent sink against each other; returns the ledger's counts."""
    campaign.refresh_from_db()
    assert campaign.status == "finished", campaign.status_reason
    counted = Counter(ledger.count(campaign.pk))
    totals = {
        "accepted": campaign.sent,
        "deferred": campaign.deferred,
        "failed": campaign.failed,
        "skipped": campaign.skipped,
        "unknown": campaign.unknown,
    }
    assert dict(counted) == totals
    assert sum(counted.values()) == campaign.to_send
    arrived = Counter(m.recipients[0] for m in sink.messages if m.accepted)
    entries = dict(
        LedgerEntry.objects.filter(campaign_id=campaign.pk).values_list("subscriber_id", "possible_duplicate")
    )
    people = _addresses(list(entries))
    ids = {address: pk for pk, address in people.items()}
    accepted = set(
        LedgerEntry.objects.filter(campaign_id=campaign.pk, status=1).values_list("subscriber_id", flat=True)
    )
    lost = [people[pk] for pk in accepted if not arrived[people[pk]]]
    assert not lost, f"in the ledger as accepted and never arrived: {lost[:5]}"
    doubled = [address for address, times in arrived.items() if times > 1]
    unflagged = [address for address in doubled if not entries[ids[address]]]
    assert not unflagged, f"arrived more than once without a flag: {unflagged[:5]}"
    extra = sum(arrived.values()) - len(arrived)
    assert extra <= duplicates_at_most, f"{extra} duplicates"
    silent = [people[pk] for pk in entries if pk not in accepted and arrived[people[pk]] and not entries[pk]]
    assert not silent, f"arrived, and the ledger does not know: {silent[:5]}"
    return counted


def _addresses(ids: list[int]) -> dict[int, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, email FROM subscribers_subscriber WHERE id = ANY(%s)", [ids])
        return dict(cursor.fetchall())
