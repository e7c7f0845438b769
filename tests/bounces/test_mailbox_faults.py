"""A scanner is killed half-way through a mailbox: every bounce is recorded once, and no mail is left."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from bounces.models import Bounce, MailboxScan
from listmonk_py.configuration import entries, runtime
from subscribers.models import Subscriber
from tests.bounces.imap_server import ImapServer
from tests.bounces.mail_server import MailServer
from tests.bounces.pop_server import PopServer
from tests.bounces.test_mailboxes import bounce_of, entry_of
from tests.factories import make_subscriber
from tests.web import ROOT, environment

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.fault]

MAILS = 100
COMMAND = [sys.executable, "manage.py", "scan_mailboxes"]


@pytest.fixture(params=[PopServer, ImapServer], ids=["pop", "imap"])
def server(request: Any) -> Any:
    with request.param() as one:
        one.fill([bounce_of(number) for number in range(MAILS)])
        yield one


def surroundings() -> dict[str, str]:
    return environment(SETTINGS_KEY=",".join(settings.SETTINGS_KEYS))


def kill_in_the_middle(server: MailServer) -> None:
    """Start a scanner, and kill it while it waits for the 51st mail."""
    server.wanted = MAILS // 2 + 1
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "scanner.log"
        with log.open("wb") as out:
            scanner = subprocess.Popen(
                COMMAND, cwd=ROOT, env=surroundings(), stdout=out, stderr=out, start_new_session=True
            )
            try:
                assert server.asked_for.wait(60), log.read_text()
            finally:
                os.killpg(scanner.pid, signal.SIGKILL)
                scanner.wait()
    server.wanted = 0
    server.go_on.set()


def test_a_killed_scanner_loses_nothing_and_counts_nothing_twice(server: MailServer) -> None:
    people = [make_subscriber(email=f"person{number}@example.com") for number in range(MAILS)]
    runtime.save(
        {
            "bounce.enabled": True,
            # High enough that a bounce that was counted twice would show as two rows.
            "bounce.actions": {"hard": {"count": 10, "action": "none"}},
            "bounce.mailboxes": [entries.mailbox(entry_of(server), "mailbox")],
        }
    )

    kill_in_the_middle(server)

    assert Bounce.objects.count() == MAILS // 2
    assert MailboxScan.objects.get().token is not None
    # The lease runs out by itself within minutes; here it is made to.
    MailboxScan.objects.update(lease_until="2000-01-01T00:00:00Z")

    again = subprocess.run(COMMAND, cwd=ROOT, env=surroundings(), capture_output=True, text=True, timeout=90)

    assert again.returncode == 0, again.stderr
    assert server.mails == {}
    assert sorted(Bounce.objects.values_list("subscriber", flat=True)) == [one.pk for one in people]
    assert Subscriber.objects.filter(status="enabled").count() == MAILS
    assert MailboxScan.objects.get().error == ""
