"""How much CPU the SMTP layer costs the sender, and how many messages a round trip carries.

    python bench/smtp.py [--messages 20000] [--bytes 24000] [--connections 10] [--delay-ms 0]

Needs a C compiler and REDIS_URL (permits). Prints JSON lines. `us_per_message` is user and system time of
this process, in which nothing is rendered: all of it is this layer.
"""

import argparse
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from redis import Redis

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from listmonk_py.mail.outgoing import Outcome, Outgoing  # noqa: E402
from listmonk_py.mail.smtp.settings import ServerSettings  # noqa: E402
from listmonk_py.mail.smtp_messenger import SmtpMessenger, SmtpServers  # noqa: E402


def build_sink() -> str:
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise SystemExit("This benchmark needs a C compiler: install gcc.")
    target = str(Path(tempfile.mkdtemp()) / "sink")
    subprocess.run([compiler, "-O2", "-o", target, str(ROOT / "bench" / "sink.c")], check=True)
    return target


def cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def run(port: int, options: argparse.Namespace) -> dict:
    """Send, half a window at a time, as the engine does; returns what was measured."""
    url = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")
    servers = SmtpServers(lambda: Redis.from_url(url))
    settings = ServerSettings(
        uuid=f"bench-{port}", host="127.0.0.1", port=port, max_conns=options.connections, renew_after=10**9
    )
    servers.update([settings])
    transmission = SmtpMessenger("email", servers).open("campaign", "news@example.com")
    line = b"x" * 74 + b"\r\n"
    head = b"Subject: Benchmark\r\nMessage-ID: <%d@bench>\r\n\r\n"
    body = line * (options.bytes // len(line))
    outcomes: dict[str, int] = {}
    key = 0

    def render() -> None:
        """Stand in for rendering: keep the interpreter busy."""
        until = time.perf_counter() + options.render_us / 1e6
        while time.perf_counter() < until:
            pass

    def hand_over(count: int) -> None:
        nonlocal key
        messages = []
        for _ in range(count):
            if options.render_us:
                render()
            messages.append(
                Outgoing(key, b"bounce@example.com", (b"%d@example.com" % key,), head % key + body)
            )
            key += 1
        transmission.send(messages)

    def drain(until: int) -> None:
        while transmission.pending > until:
            for result in transmission.wait(5):
                outcomes[result.outcome] = outcomes.get(result.outcome, 0) + 1

    hand_over(options.connections * 2)  # opens the connections
    drain(0)
    outcomes.clear()
    start, cpu = time.perf_counter(), cpu_s()
    left = options.messages
    half = max(100, options.window // 2)
    while left:
        count = min(half, left)
        hand_over(count)
        left -= count
        drain(half)
    drain(0)
    wall, cpu = time.perf_counter() - start, cpu_s() - cpu
    if set(outcomes) != {Outcome.ACCEPTED}:
        raise SystemExit(f"Not everything was accepted: {outcomes}")
    opened = servers.pool(settings, "campaign").held
    transmission.close(5)
    return {
        "messages": options.messages,
        "connections": opened,
        "delay_ms": options.delay_ms,
        "bytes": len(body),
        "per_second": round(options.messages / wall),
        "us_per_message": round(cpu / options.messages * 1e6, 1),
        "messages_per_round_trip": round(options.messages / wall * options.delay_ms / 1000 / opened, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--bytes", type=int, default=24_000)
    parser.add_argument("--connections", type=int, default=10)
    parser.add_argument("--window", type=int, default=200)
    parser.add_argument(
        "--render-us", type=float, default=0, help="busy time per message in the sender's thread"
    )
    parser.add_argument("--delay-ms", type=float, default=0)
    options = parser.parse_args()
    sink = subprocess.Popen([build_sink(), "-d", str(options.delay_ms)], stdout=subprocess.PIPE, text=True)
    assert sink.stdout is not None
    try:
        measured = run(int(sink.stdout.readline()), options)
    finally:
        sink.send_signal(signal.SIGTERM)
        counted = json.loads(sink.stdout.readline())
    print(json.dumps({**measured, "sink": counted}))


if __name__ == "__main__":
    main()
