"""What an engine benchmark stands on: durable PostgreSQL, Valkey, people, a newsletter, workers, a sink.

Everything is started in a temporary folder by this process and goes with it.
"""

import atexit
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from listmonk_py.local import ports, postgres, saved, valkey  # noqa: E402

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
FIELDS = (
    "first_name", "name", "email", "attribs.city", "attribs.company", "attribs.plan", "attribs.points",
    "attribs.country", "attribs.street", "attribs.zip", "attribs.renewal", "attribs.shop",
)  # fmt: skip
FILLER = (
    "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et "
    "dolore magna aliqua für über café naïve; quis nostrud exercitation ullamco laboris nisi. "
)
ADD_PEOPLE = """
    WITH people AS (
        INSERT INTO subscribers_subscriber (uuid, email, name, attribs, status, updated_at)
        SELECT gen_random_uuid(), %(prefix)s || n || '@' || substr(md5(n::text), 1, 6) || '.example.com',
               initcap(substr(md5(n || 'a'), 1, 4 + n %% 5)) || ' ' || initcap(substr(md5(n || 'b'), 1, 5 + n %% 7)),
               jsonb_build_object(
                   'city', initcap(substr(md5(random()::text), 1, 4 + (random() * 9)::int)),
                   'company', initcap(substr(md5(random()::text), 1, 6 + (random() * 12)::int)) || ' Ltd',
                   'plan', (ARRAY['free', 'basic', 'pro'])[1 + (random() * 2.9)::int %% 3],
                   'points', (random() * 10000)::int, 'country', substr(md5(random()::text), 1, 7),
                   'street', (random() * 200)::int || ' ' || substr(md5(random()::text), 1, 11) || ' street',
                   'zip', lpad((random() * 99999)::int::text, 5, '0'), 'renewal', now()::date::text,
                   'shop', 'Café ' || substr(md5(random()::text), 1, 6)),
               'enabled', now()
          FROM generate_series(1, %(count)s) n
     RETURNING id)
    INSERT INTO subscribers_subscription (list_id, subscriber_id, status, meta, updated_at)
    SELECT l.id, people.id, 'confirmed', '{}', now()
      FROM people CROSS JOIN unnest(%(lists)s::bigint[]) WITH ORDINALITY l (id, n)
     WHERE l.n = 1 OR people.id %% (l.n * 3) = 0
"""


class Stage:
    """Servers and Django; `people`, `campaign` and `workers` fill it."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="listmonk-py-bench-"))
        self.log = (self.folder / "log").open("wb")
        self.children: list[subprocess.Popen[bytes]] = []
        atexit.register(self.close)
        password = secrets.token_hex(8)
        self.postgres = postgres.Postgres(self.folder / "pg", tuning={"shared_buffers": "1GB"})
        self.postgres.create(password)
        server = saved.Server(ports.free_port(28500), password)
        self.postgres.start(server, output=self.log)
        self.valkey = valkey.Valkey(self.folder / "valkey", durable=False)
        cache = saved.Server(ports.free_port(27500), password)
        self.servers = {"postgres": server, "valkey": cache}
        self.valkey.start(cache, output=self.log)
        os.environ["DATABASE_URL"] = f"postgres://listmonk:{password}@127.0.0.1:{server.port}/listmonk"
        os.environ["REDIS_URL"] = f"redis://:{password}@127.0.0.1:{cache.port}/0"
        os.environ["DATA_DIR"] = str(self.folder / "data")
        os.environ.setdefault("LOG_LEVEL", "WARNING")
        os.environ["DJANGO_SETTINGS_MODULE"] = "listmonk_py.settings"
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        self._assert_durable()
        from redis import Redis

        from listmonk_py.mail.pacing import Pacer

        Pacer(Redis.from_url(os.environ["REDIS_URL"])).vouch()

    def _assert_durable(self) -> None:
        with self.cursor() as cursor:
            for name in ("fsync", "synchronous_commit"):
                cursor.execute(f"SHOW {name}")
                if cursor.fetchone()[0] != "on":
                    raise SystemExit(f"The benchmark needs {name} on.")
            cursor.execute(
                "SELECT count(*) FROM pg_class WHERE relpersistence = 'u' AND relkind IN ('r', 'p')"
            )
            if cursor.fetchone()[0]:
                raise SystemExit("The benchmark needs logged tables.")

    @staticmethod
    def cursor() -> Any:
        from django.db import connection

        return connection.cursor()

    def settings(self, port: int, *, connections: int, **values: Any) -> None:
        from listmonk_py.configuration import runtime
        from listmonk_py.configuration.registry import smtp_server

        server = smtp_server(
            uuid="11111111-1111-4111-8111-111111111111", host="127.0.0.1", port=port, auth_protocol="none",
            tls_type="none", max_conns=connections, idle_timeout="60s",
        )  # fmt: skip
        runtime.save(
            {
                "smtp": [server],
                "app.concurrency": 1000,
                "app.message_rate": 1000,
                "privacy.individual_tracking": True,
                "app.root_url": "https://lists.example.com",
                **values,
            }
        )

    def people(self, count: int, *, lists: int = 1) -> list[Any]:
        from subscribers.models import List

        made = [List.objects.create(name=f"List {n}") for n in range(lists)]
        with self.cursor() as cursor:
            parameters = {"count": count, "prefix": f"p{made[0].pk}-", "lists": [one.pk for one in made]}
            cursor.execute(ADD_PEOPLE, parameters)
            cursor.execute("VACUUM ANALYZE subscribers_subscriber, subscribers_subscription")
        return made

    def campaign(self, lists: list[Any], *, body: str, **fields: Any) -> Any:
        from campaigns.models import Campaign, CampaignList

        campaign = Campaign.objects.create(
            name="Bench", subject="News for {{ subscriber.first_name }}", body=body, content_type="visual",
            from_email="News <news@example.org>", **fields,
        )  # fmt: skip
        for one in lists:
            CampaignList.objects.create(campaign=campaign, list=one, list_name=one.name)
        campaign.refresh_from_db()
        return campaign

    def workers(self, senders: int) -> "Workers":
        return Workers(self, senders)

    def celery(self, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "celery", "--skip-checks", "-A", "listmonk_py", "worker", *arguments]
        command += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        child = subprocess.Popen(command, cwd=ROOT, stdout=self.log, stderr=self.log, start_new_session=True)
        self.children.append(child)
        return child

    def close(self) -> None:
        for child in self.children:
            if child.poll() is None:
                try:
                    os.killpg(child.pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
                child.wait()
        self.children = []
        self.valkey.stop()
        self.postgres.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Workers:
    """One sender with `count` processes, one scan, and a beat that ticks every second."""

    def __init__(self, stage: Stage, count: int) -> None:
        self.stage = stage
        self._forget_earlier()
        self.sender = stage.celery("-Q", "campaigns", "-n", "sender@bench", "-P", "prefork", "-c", str(count))
        self.scan = stage.celery("-Q", "scan", "-n", "scan@bench", "-P", "solo")
        self._stop = threading.Event()
        threading.Thread(target=self._tick, daemon=True).start()
        self._await_senders(count)

    @staticmethod
    def _forget_earlier() -> None:
        """Heartbeats outlive their senders by a few seconds; ours must not be taken for those."""
        from campaigns.engine import heartbeats
        from campaigns.engine.redis_client import client

        for key in client().scan_iter(match=heartbeats.PREFIX + "*"):
            client().delete(key)

    def _tick(self) -> None:
        from campaigns.engine import doorbell

        while not self._stop.wait(1.0):
            doorbell.ring()

    @staticmethod
    def _await_senders(count: int) -> None:
        from campaigns.engine import heartbeats
        from campaigns.engine.redis_client import client

        until = time.monotonic() + 60
        while len(list(client().scan_iter(match=heartbeats.PREFIX + "*"))) < count:
            if time.monotonic() > until:
                raise SystemExit("The senders did not start; see their log.")
            time.sleep(0.1)

    def cpu_by_program_s(self) -> dict[str, float]:
        """User and system time so far of each that takes part but the sink, its children included."""
        roots = {"sender": self.sender, "scan": self.scan}
        roots |= {"postgresql": self.stage.postgres.child, "valkey": self.stage.valkey.child}
        return {
            name: sum(cpu_s(pid, ended=True) for pid in tree(root.pid))
            for name, root in roots.items()
            if root
        }

    def children(self) -> list[int]:
        return [pid for pid in tree(self.sender.pid) if pid != self.sender.pid]

    def peak_mb(self) -> float:
        """The largest peak RSS of a sender child."""
        return max(_status_kb(pid, "VmHWM") for pid in self.children()) / 1024

    def stop(self) -> None:
        self._stop.set()
        for child in (self.sender, self.scan):
            os.killpg(child.pid, signal.SIGTERM)
        for child in (self.sender, self.scan):
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)


def tree(pid: int) -> list[int]:
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += tree(int(child))
    return found


def cpu_s(pid: int, *, ended: bool = False) -> float:
    """User and system time of a process; with `ended`, also of its children that have ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except FileNotFoundError:
        return 0.0
    count = 4 if ended else 2
    return sum(int(field) for field in fields[11 : 11 + count]) / TICKS_PER_S


def _status_kb(pid: int, name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) if found else 0


class Sink:
    """The light C sink as a child."""

    def __init__(self, binary: str, *, delay_ms: float = 0, work_us: float = 0) -> None:
        command = [binary, "-d", str(delay_ms), "-w", str(work_us)]
        self.child = subprocess.Popen(command, stdout=subprocess.PIPE)
        atexit.register(self.child.kill)
        assert self.child.stdout is not None
        self.port = int(self.child.stdout.readline())

    def stop(self) -> float:
        """End it; returns the CPU time that it took per message [us]. A message it objects to is a failure."""
        self.child.terminate()
        out, _ = self.child.communicate(timeout=20)
        counted = json.loads(out.splitlines()[-1])
        if counted["violations"]:
            raise SystemExit(f"The sink saw {counted['violations']} violations of SMTP.")
        return float(counted["cpu_s"] / max(1, counted["messages"]) * 1e6)


class PostfixSink:
    """Postfix's `smtp-sink`, which at these sizes is the limit itself; it keeps no count of its own."""

    def __init__(self, binary: str) -> None:
        self.port = ports.free_port(26500)
        drop = ["-u", "nobody"] if os.geteuid() == 0 else []
        self.child = subprocess.Popen([binary, *drop, f"127.0.0.1:{self.port}", "256"])
        atexit.register(self.child.kill)
        until = time.monotonic() + 10
        while ports.is_free(self.port, "127.0.0.1"):
            if time.monotonic() > until or self.child.poll() is not None:
                raise SystemExit("smtp-sink did not start.")
            time.sleep(0.05)

    def stop(self) -> None:
        self.child.terminate()
        self.child.wait(10)


def build_sink() -> str:
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise SystemExit("This benchmark needs a C compiler: install gcc.")
    folder = tempfile.mkdtemp(prefix="listmonk-py-sink-")
    atexit.register(shutil.rmtree, folder, True)
    target = str(Path(folder, "sink"))
    subprocess.run([compiler, "-O2", "-o", target, str(ROOT / "bench" / "sink.c")], check=True)
    return target


def newsletter(size: int = 24_000) -> str:
    """HTML of about `size` characters with 12 merge fields, one condition and 15 tracked links."""
    pieces = ["<html><body>"]
    for n in range(15):
        field = FIELDS[n % len(FIELDS)] if n < len(FIELDS) else ""
        pieces.append(f"<h2>Part {n}</h2><p>" + (f"{{{{ subscriber.{field} }}}} " if field else ""))
        pieces.append(FILLER * max(1, (size // 15 - 120) // len(FILLER)))
        pieces.append(
            f'</p><a href="https://example.com/article/{n}?from=news@TrackLink">Read part {n}</a>\n'
        )
    pieces.append(
        "{% if subscriber.attribs.plan %}<p>You have a plan.</p>{% else %}<p>No plan.</p>{% endif %}"
    )
    pieces.append('{{ TrackView }}<a href="{{ UnsubscribeURL }}">Unsubscribe</a></body></html>')
    return "".join(pieces)


def full_language(size: int = 24_000) -> str:
    """The same with a loop and filters, which need the whole template language."""
    loop = (
        "<ul>{% for word in [subscriber.name, subscriber.attribs.city, subscriber.attribs.shop] %}"
        "<li>{{ loop.index }}. {{ word|upper|replace('E', '3') }}</li>{% endfor %}</ul>"
    )
    return newsletter(size).replace("<h2>Part 3</h2>", loop + "<h2>Part 3</h2>")
