"""Opens and clicks per second, beside a bare RSGI application in the same run; prints JSON lines.

    python bench/tracking.py [--seconds 5] [--connections 50 200 1000] [--rounds 3]

Four pixels to one click, random subscribers, wrk and all servers on this machine. Each line has `ratio` to
the bare application just before, the server's CPU per request, and `lost`: requests that wrk counted as
answered and whose events are not in the stream (0, or the test is void). Then: how fast the tracker moves
those events to PostgreSQL. Needs wrk, and what the tests need.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests import servers  # noqa: E402

MIX = """
local hex = "0123456789abcdef"
local function uuid()
  return (("xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx"):gsub("x", function()
    local n = math.random(16) return hex:sub(n, n) end))
end
local campaign, links = os.getenv("CAMPAIGN"), {}
for link in os.getenv("LINKS"):gmatch("%S+") do links[#links + 1] = link end
local n = 0
request = function()
  n = n + 1
  local path
  if n % 5 == 0 then path = "/link/" .. links[math.random(#links)] .. "/" .. campaign .. "/" .. uuid()
  else path = "/campaign/" .. campaign .. "/" .. uuid() .. "/px.png" end
  return wrk.format("GET", path)
end
done = function(summary, latency)
  io.write(string.format("RESULT %d %d %d %d %d\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99),
    summary.errors.status + summary.errors.read + summary.errors.timeout))
end
"""
AGENT = "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def cpu_s(pid: int) -> float:
    """User and system time of a process and its living children."""
    total = 0.0
    for one in [pid, *children(pid)]:
        fields = Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
        total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def rss_mb(pid: int) -> float:
    status = Path(f"/proc/{children(pid)[0]}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]


def load(url: str, *, connections: int, seconds: int, script: str, env: dict[str, str]) -> dict[str, float]:
    command = ["wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "--latency", "-H", AGENT]
    done = subprocess.run(
        [*command, "-s", script, url], env={**os.environ, **env}, capture_output=True, text=True, check=True
    )
    found = [int(number) for number in re.search(r"RESULT (.*)", done.stdout)[1].split()]  # type: ignore[index]
    requests, duration_us, p50_us, p99_us, errors = found
    return {
        "requests": requests,
        "per_second": round(requests / duration_us * 1e6),
        "p50_ms": p50_us / 1000,
        "p99_ms": p99_us / 1000,
        "errors": errors,
    }


def in_stream(client: Any, *, at_least: int) -> int:
    """How many different events the stream holds, after waiting for those that are late."""
    from tracking import events

    deadline = time.monotonic() + 10
    while True:
        ids, last = set(), "-"
        while entries := client.xrange(events.STREAM, min=last, count=5000):
            for _, fields in entries:
                ids.update(line.split(b",", 2)[1] for line in fields[events.FIELD.encode()].splitlines())
            last = "(" + entries[-1][0].decode()
        if len(ids) >= at_least or time.monotonic() > deadline:
            return len(ids)
        time.sleep(0.2)


def measure(options: argparse.Namespace) -> None:
    import redis
    from django.conf import settings

    from campaigns.models import Campaign
    from tests import web
    from tracking import events, links

    campaign = Campaign.objects.create(name="Bench", subject="Bench")
    uuids = links.register([f"https://example.com/{n}" for n in range(20)]).values()
    env = {"CAMPAIGN": str(campaign.uuid), "LINKS": " ".join(uuids)}
    client = redis.Redis.from_url(settings.REDIS_URL)
    script = tempfile.NamedTemporaryFile("w", suffix=".lua", delete=False)  # noqa: SIM115
    script.write(MIX)
    script.close()
    with (
        web.running("bench.bare_rsgi:app", ready_path="/") as bare,
        web.running(LOG_LEVEL="WARNING") as ours,
    ):
        load(ours.url, connections=10, seconds=1, script=script.name, env=env)
        for connections in options.connections:
            for _ in range(options.rounds):
                shape = {"connections": connections, "seconds": options.seconds, "script": script.name}
                least = load(bare.url, env=env, **shape)
                client.delete(events.STREAM)
                cpu = cpu_s(ours.process.pid)
                found = load(ours.url, env=env, **shape)
                cpu = cpu_s(ours.process.pid) - cpu
                kept = in_stream(client, at_least=found["requests"])
                line = {
                    "what": "tracking",
                    "connections": connections,
                    **found,
                    "bare_per_second": least["per_second"],
                    "ratio": round(found["per_second"] / least["per_second"], 2),
                    "us_per_request": round(cpu / found["requests"] * 1e6, 1),
                    "lost": max(0, found["requests"] - kept),
                    "rss_mb": round(rss_mb(ours.process.pid)),
                }
                print(json.dumps(line), flush=True)
    drain(client, options.events)


def drain(client: Any, count: int) -> None:
    """How fast the tracker stores `count` events that wait in the stream."""
    from campaigns.models import Campaign
    from tests import web
    from tracking import events
    from tracking.models import CampaignCount

    client.delete(events.STREAM)
    campaign = Campaign.objects.create(name="Drain", subject="Drain")
    per_entry = 50
    for _ in range(0, count, per_entry):
        lines = (events.line(str(campaign.uuid), events.NOBODY, individual=False) for _ in range(per_entry))
        client.xadd(events.STREAM, {events.FIELD: b"".join(lines)})
    size = client.memory_usage(events.STREAM)
    environment = {**web.environment(), "DJANGO_SETTINGS_MODULE": "listmonk_py.settings"}
    code = (
        "import time, resource, django; django.setup()\n"
        "from tracking.consumer import Consumer\n"
        "c = Consumer(); c.make_group(); t = time.perf_counter()\n"
        "u = resource.getrusage(resource.RUSAGE_SELF)\n"
        "while c.turn(): pass\n"
        "v = resource.getrusage(resource.RUSAGE_SELF)\n"
        "print(time.perf_counter() - t - 0.5, v.ru_utime + v.ru_stime - u.ru_utime - u.ru_stime)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    took_s, cpu = map(float, done.stdout.split()[-2:])
    stored = CampaignCount.objects.get(pk=campaign.pk).views
    line = {
        "what": "tracker",
        "events": stored,
        "per_second": round(stored / took_s),
        "us_per_event": round(cpu / stored * 1e6, 2),
        "stream_bytes_per_event": round(size / count),
        "lost": count - stored,
    }
    print(json.dumps(line), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--connections", type=int, nargs="+", default=[50, 200, 1000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--events", type=int, default=500_000, help="for the tracker")
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("This benchmark needs wrk: apt install wrk.")
    stage = servers.Servers()
    stage.start()
    try:
        os.environ["DJANGO_SETTINGS_MODULE"] = "listmonk_py.settings"
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0, interactive=False, skip_checks=True)
        measure(options)
    finally:
        from django.db import connections

        connections.close_all()
        stage.stop()


if __name__ == "__main__":
    main()
