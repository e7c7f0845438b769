"""A real Celery worker imports; it is killed half-way, and nothing is lost or counted twice."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from subscribers import counts, tasks
from subscribers.importing import jobs
from subscribers.models import ImportJob, Subscriber, Subscription
from tests.factories import make_api_client, make_list
from tests.web import ROOT, environment, running

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.fault, pytest.mark.slow]

ROWS = 60_000


def wait_for(condition: Callable[[], bool], what: str, log: Path, *, timeout_s: float = 90) -> None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come about:\n{log.read_text()[-4000:]}")


@contextmanager
def worker(data_folder: Path) -> Iterator[tuple["subprocess.Popen[bytes]", Path]]:
    """A Celery worker for the queue `jobs`, in a process group of its own."""
    with tempfile.NamedTemporaryFile(prefix="worker-", suffix=".log", delete=False) as log:
        command = [sys.executable, "-m", "celery", "-A", "listmonk_py", "worker", "-Q", "jobs", "-c", "1"]
        process = subprocess.Popen(
            [*command, "--without-gossip", "--without-mingle", "--without-heartbeat"],
            cwd=ROOT,
            env=environment(DATA_DIR=str(data_folder)),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process, Path(log.name)
    finally:
        kill(process)
        Path(log.name).unlink(missing_ok=True)


def kill(process: "subprocess.Popen[bytes]") -> None:
    """SIGKILL to the worker and its child, as when the machine loses power."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def data_folder(settings, tmp_path) -> Path:
    settings.DATA_DIR = tmp_path
    return tmp_path


def test_a_worker_that_is_killed_loses_nothing(redis, data_folder):
    news = make_list()
    api = make_api_client(superadmin=True)
    lines = [f"p{i}@example.com,Person {i}" if i % 1000 else f"bad row {i}," for i in range(ROWS)]
    content = "\n".join(["email,name", *lines]).encode()
    params = json.dumps({"mode": "subscribe", "delim": ",", "lists": [news.pk]})
    form = {"params": params, "file": SimpleUploadedFile("in.csv", content)}

    with worker(data_folder) as (process, log):
        assert api.post("/api/import/subscribers", form).status_code == 200
        wait_for(lambda: ImportJob.objects.get().rows_done > 0, "The first chunk", log)
        kill(process)

    job = ImportJob.objects.get()
    assert job.status == "importing"
    assert 0 < job.rows_done < ROWS
    assert Subscriber.objects.count() == job.imported == job.rows_done - job.rejected
    # The lease runs out by itself within a minute; here it is made to.
    ImportJob.objects.update(lease_until="2000-01-01T00:00:00Z")

    with worker(data_folder) as (process, log):
        tasks.scan_imports.delay()
        wait_for(lambda: ImportJob.objects.get().status == "finished", "The end of the import", log)

    job.refresh_from_db()
    assert (job.total, job.imported, job.rejected) == (ROWS, ROWS - 60, 60)
    assert Subscriber.objects.count() == Subscription.objects.count() == ROWS - 60
    assert job.lines.filter(rejected=True).values("line").distinct().count() == 60
    assert counts.of_lists([news.pk]) == {news.pk: {"unconfirmed": ROWS - 60}}
    assert counts.people() == ROWS - 60
    assert jobs.log(job).count("Finished") == 1
    assert not list(data_folder.glob("imports/*"))


def test_a_large_upload_passes_the_real_server_and_worker(redis, data_folder):
    news = make_list()
    api = make_api_client(superadmin=True)
    rows = 50_000
    filler = "x" * 150
    lines = "".join(f'p{i}@example.com,"Person {i}","{{""filler"": ""{filler}""}}"\n' for i in range(rows))
    params = json.dumps({"mode": "subscribe", "delim": ",", "lists": [news.pk]})
    headers = {"Authorization": api.defaults["HTTP_AUTHORIZATION"]}

    with running(DATA_DIR=str(data_folder)) as web, worker(data_folder) as (_, log):
        answer = web.post(
            "/api/import/subscribers",
            headers=headers,
            data={"params": params},
            files={"file": ("people.csv", f"email,name,attributes\n{lines}".encode())},
            timeout=120,
        )
        assert answer.status_code == 200, answer.text

        def status() -> dict[str, object]:
            return web.get("/api/import/subscribers", headers=headers).json()["data"]

        wait_for(lambda: status()["status"] != "importing", "The end of the import", log, timeout_s=120)
        assert status() == {
            "name": "people.csv", "total": rows, "imported": rows, "status": "finished", "rejected": 0,
        }  # fmt: skip
        exported = web.get("/api/subscribers/export", headers=headers, timeout=120)

    assert exported.headers["Content-Encoding"] == "gzip"
    assert exported.text.count("\n") == rows + 1
