"""`manage.py up` as an operator meets it: the whole installation, started, hurt and stopped."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import pytest

from listmonk_py.local import children, ports

ROOT = Path(__file__).resolve().parent.parent.parent
pytestmark = [pytest.mark.slow, pytest.mark.fault, pytest.mark.timeout(400)]
READY_S = 180


class Up:
    """One `manage.py up` on its own data folder, with its output."""

    def __init__(self, data_dir: Path, port: int) -> None:
        self.data_dir, self.port = data_dir, port
        self.lines: list[str] = []
        dropped = {"DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE", "ROOT_URL"}
        environment = {name: value for name, value in os.environ.items() if name not in dropped}
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "up", "--port", str(port), "--workers", "1"],
            cwd=ROOT,
            env={**environment, "DATA_DIR": str(data_dir)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def wait_ready(self) -> "Up":
        def over() -> bool:
            return f"ready {self.url}" in self.lines or self.process.poll() is not None

        assert children.wait_until(over, timeout_s=READY_S), "\n".join(self.lines[-40:])
        assert self.process.poll() is None, "\n".join(self.lines[-40:])
        return self

    def pids(self) -> dict[str, int]:
        noted = json.loads((self.data_dir / "processes.json").read_text())
        return {name: pid for name, (pid, _) in noted.items()}

    def end(self, with_signal: signal.Signals) -> int:
        self.process.send_signal(with_signal)
        code = self.process.wait(90)
        self.reader.join(5)
        return code


def get(url: str) -> int:
    with urllib.request.urlopen(url, timeout=20) as answer:
        return answer.status


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("installation")


@pytest.fixture
def start(data_dir):
    started = []

    def start_up(port: int) -> Up:
        started.append(Up(data_dir, port))
        return started[-1]

    yield start_up
    for one in started:
        if one.process.poll() is None:
            one.end(signal.SIGTERM)
        one.process.stdout.close()


def test_it_serves_heals_and_comes_back_after_being_killed(start):
    first = start(ports.free_port(19_000)).wait_ready()
    assert get(f"{first.url}/health") == 200
    assert get(f"{first.url}/ready") == 200
    before = first.pids()
    assert set(before) >= {"postgres", "valkey", "web", "sender", "worker", "jobs", "scan", "beat", "tracker"}

    os.kill(before["tracker"], signal.SIGKILL)
    assert children.wait_until(
        lambda: first.pids().get("tracker", 0) not in {0, before["tracker"]}, timeout_s=30
    )

    everything = first.pids()
    first.process.kill()
    first.process.wait()
    second = start(ports.free_port(19_000)).wait_ready()
    assert get(f"{second.url}/ready") == 200
    for name, pid in everything.items():
        assert pid not in second.pids().values()
        assert children.wait_until(lambda pid=pid: children.identity(pid) is None, timeout_s=30), name

    running = second.pids()
    assert second.end(signal.SIGTERM) == 0
    assert all(children.identity(pid) is None for pid in running.values())


def test_a_second_one_on_the_same_folder_is_one_sentence(start):
    first = start(ports.free_port(19_100))
    assert children.wait_until((first.data_dir / "processes.json").exists, timeout_s=60)
    assert children.wait_until(lambda: any("ready to accept" in line for line in first.lines), timeout_s=60)

    second = start(ports.free_port(19_200))
    assert second.process.wait(60) == 1
    second.reader.join(5)

    assert re.search(r"already runs on .* \(process \d+\)\. Stop that one first", second.lines[-1])
    assert first.end(signal.SIGINT) == 0


def test_a_taken_port_is_one_sentence(start):

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        one = start(taken.getsockname()[1])
        assert one.process.wait(60) == 1

    one.reader.join(5)
    assert one.lines[-1].endswith("Stop it, or choose another with --port.")
