"""Reading bounce mailboxes, over POP3 and IMAP, from real servers on this machine."""

import logging
import math
import socket
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from bounces import recording, tasks
from bounces.mailboxes import aside, scanning
from bounces.mailboxes.box import MailboxError, from_entry
from bounces.mailboxes.opening import opened
from bounces.models import AsideMail, Bounce, MailboxScan
from campaigns.models import Campaign
from listmonk_py.celery import app as celery
from listmonk_py.configuration import entries, runtime
from tests.bounces.imap_server import ImapServer
from tests.bounces.mail_server import PASSWORD, USER, MailServer
from tests.bounces.pop_server import PopServer
from tests.factories import call, make_api_client, make_subscriber
from tests.mail.certificates import make_certificate

pytestmark = pytest.mark.django_db

MAILS = Path(__file__).parent / "mails"
SUBSCRIBER = "5b0e7d1c-9a44-4c0e-8f11-2f6f2d1f0a01"
CAMPAIGN = "c3a1f6de-1d52-4f0b-9b61-7c1f5d8e2b02"
KINDS = {"pop": PopServer, "imap": ImapServer}


def mail(name: str) -> bytes:
    return (MAILS / f"{name}.eml").read_bytes()


def bounce_of(number: int) -> bytes:
    """A report about person<number>@example.com, without our header."""
    content = mail("exchange-no-blank-line").replace(b"ada@example.com", b"person%d@example.com" % number)
    return content.replace(b"<x4@exchange.example.com>", b"<x%d@exchange.example.com>" % number)


@pytest.fixture(params=KINDS)
def server(request: Any) -> Any:
    with KINDS[request.param]() as one:
        yield one


def entry_of(server: MailServer, **changes: Any) -> dict[str, Any]:
    return {
        "enabled": True,
        "type": "imap" if isinstance(server, ImapServer) else "pop",
        "host": "127.0.0.1",
        "port": server.port,
        "username": USER,
        "password": PASSWORD,
        "tls_enabled": False,
        **changes,
    }


def box_of(server: MailServer, **changes: Any) -> Any:
    return from_entry(entries.mailbox(entry_of(server, **changes), "mailbox"))


def configure(*servers: MailServer, **changes: Any) -> list[Any]:
    """Store the servers as enabled mailboxes; they, as boxes."""
    stored = [entries.mailbox(entry_of(one, **changes), "mailbox") for one in servers]
    runtime.save({"bounce.enabled": True, "bounce.mailboxes": stored})
    return scanning.boxes()


def scan(box: Any) -> Any:
    return scanning.scan(box, stop_at=math.inf)


def last(box: Any) -> MailboxScan:
    return MailboxScan.objects.get(mailbox=box.key)


# --- Recording -------------------------------------------------------------------------------------


def test_bounces_are_recorded_and_the_mailbox_is_empty(server):
    ada = make_subscriber(uuid=SUBSCRIBER, email="ada@example.com")
    bob = make_subscriber(email="Bob@example.net")
    campaign = Campaign.objects.create(uuid=CAMPAIGN, name="May", subject="May", from_email="a@example.org")
    server.fill([mail("postfix-mailbox-full"), mail("sendmail-two-recipients"), mail("vacation")])
    [box] = configure(server)

    tally = scan(box)

    assert (tally.mails_read, tally.bounces, tally.passed_over, tally.mails_left) == (3, 3, 1, 0)
    assert server.mails == {}
    rows = Bounce.objects.order_by("id").values_list("subscriber", "type", "source", "campaign")
    assert list(rows) == [
        (ada.pk, "soft", "127.0.0.1", campaign.pk),
        (ada.pk, "hard", "127.0.0.1", None),
        (bob.pk, "soft", "127.0.0.1", None),
    ]
    ada.refresh_from_db()
    assert ada.status == "blocklisted"


def test_complaints_count_as_complaints(server):
    ada = make_subscriber(uuid=SUBSCRIBER)
    server.fill([mail("yahoo-complaint")])
    [box] = configure(server)

    scan(box)

    assert list(Bounce.objects.values_list("subscriber", "type")) == [(ada.pk, "complaint")]


def test_the_header_counts_before_the_address(server):
    moved = make_subscriber(uuid=SUBSCRIBER, email="new@example.com")
    make_subscriber(email="ada@example.com")
    server.fill([mail("postfix-user-unknown")])
    [box] = configure(server)

    scan(box)

    assert Bounce.objects.get().subscriber == moved


def test_the_address_counts_when_nobody_has_the_header_s_uuid(server):
    again = make_subscriber(email="ADA@example.com")
    server.fill([mail("postfix-user-unknown")])
    [box] = configure(server)

    scan(box)

    assert Bounce.objects.get().subscriber == again


def test_a_domain_may_be_written_in_punycode(server):
    person = make_subscriber(email="jörg@exämple.com")
    server.fill(
        [mail("exchange-no-blank-line").replace(b"ada@example.com", "jörg@xn--exmple-cua.com".encode())]
    )
    [box] = configure(server)

    scan(box)

    assert Bounce.objects.get().subscriber == person


def test_mails_about_nobody_here_are_passed_over(server):
    server.fill([mail("postfix-user-unknown")])
    [box] = configure(server)

    tally = scan(box)

    assert (tally.bounces, tally.passed_over, server.mails) == (0, 1, {})


def test_the_same_mail_again_counts_once(server):
    runtime.save({"bounce.actions": {"hard": {"count": 5, "action": "none"}}})
    make_subscriber(uuid=SUBSCRIBER)
    server.fill([mail("postfix-user-unknown")] * 2)
    [box] = configure(server)

    scan(box)
    server.fill([mail("postfix-user-unknown")])
    scan(box)

    assert Bounce.objects.count() == 1


def test_every_mail_of_the_corpus_leaves_the_mailbox(server):
    server.fill([path.read_bytes() for path in sorted(MAILS.glob("*.eml"))])
    make_subscriber(uuid=SUBSCRIBER)
    [box] = configure(server)

    tally = scan(box)

    assert (server.mails, last(box).error) == ({}, "")
    assert tally.mails_read == len(list(MAILS.glob("*.eml")))
    assert tally.kept_aside == AsideMail.objects.count() > 0


def test_lines_and_mails_of_any_length_are_read(server):
    make_subscriber(uuid=SUBSCRIBER)
    long = mail("postfix-user-unknown") + b"\n" + b"x" * 3_000_000 + b"\n..\n.dot\n" + b"y" * 100_000
    server.fill([long, mail("vacation")])
    [box] = configure(server)

    tally = scan(box)

    assert (tally.mails_read, tally.bounces, server.mails) == (2, 1, {})


def test_leading_dots_are_what_was_sent():
    with PopServer() as server:
        content = b"Subject: x\r\n\r\n.one\r\n..two\r\n.\r\nthree\r\n"
        server.fill([content])

        with opened(box_of(server)) as session:
            assert session.content("1", 1000) == content


# --- What goes wrong with one mail -----------------------------------------------------------------


def test_a_mail_that_is_not_understood_is_kept_aside_once(server, caplog):
    caplog.set_level(logging.WARNING)
    server.fill([mail("person-replies")])
    [box] = configure(server)

    scan(box)
    server.fill([mail("person-replies")])
    scan(box)

    kept = AsideMail.objects.get()
    assert (kept.sender, kept.subject, kept.host) == ("Ada <ada@example.com>", "Re: May news", "127.0.0.1")
    assert bytes(kept.content).replace(b"\r\n", b"\n") == mail("person-replies")
    assert server.mails == {}
    assert caplog.text.count("was not understood") == 1


def test_a_mail_that_cannot_be_recorded_does_not_block_the_others(server, monkeypatch):
    people = [make_subscriber(email=f"person{i}@example.com") for i in (901, 902)]
    server.fill([bounce_of(901), bounce_of(902)])
    [box] = configure(server)
    record = recording.record

    def broken(event: Any) -> Any:
        if event.email == "person901@example.com":
            raise ValueError("odd")
        return record(event)

    monkeypatch.setattr(recording, "record", broken)

    tally = scan(box)

    assert (tally.bounces, tally.kept_aside, server.mails) == (1, 1, {})
    assert Bounce.objects.get().subscriber == people[1]
    assert AsideMail.objects.get().reason == "It could not be recorded (ValueError: odd)."


def test_while_the_database_is_away_mails_stay(server, monkeypatch):
    server.fill([bounce_of(1)])
    [box] = configure(server)

    def away(event: Any) -> Any:
        raise OperationalError("the connection is lost")

    monkeypatch.setattr(recording, "record", away)

    with pytest.raises(OperationalError):
        scan(box)

    assert len(server.mails) == 1
    assert AsideMail.objects.count() == 0
    assert last(box).token is None


def test_a_mail_that_is_not_given_out_stays_and_blocks_nobody(server):
    make_subscriber(email="person903@example.com")
    server.fill([bounce_of(902), bounce_of(903)])
    server.withheld = {1}
    [box] = configure(server)

    tally = scan(box)

    assert (tally.bounces, tally.mails_left, list(server.mails)) == (1, 0, [1])
    assert scanning.due() == []


def test_a_mail_that_breaks_the_connection_blocks_the_others_for_two_scans_at_most(server):
    """POP3 deletes nothing after a broken connection, so the next scan ends well before that mail."""
    for number in range(911, 916):
        make_subscriber(email=f"person{number}@example.com")
    server.fill([bounce_of(number) for number in range(911, 916)])
    server.drops_at = {3}
    [box] = configure(server)

    for _ in range(4):
        scan(box)

    assert list(server.mails) == [3]
    assert Bounce.objects.count() == 4


def test_what_was_kept_aside_is_forgotten(monkeypatch):
    with PopServer() as server:
        box = box_of(server)
        for number in range(5):
            aside.keep(box, b"Subject: %d\n\nx" % number, "odd")
        AsideMail.objects.filter(subject="4").update(created_at=timezone.now() - timedelta(days=31))
        monkeypatch.setattr(aside, "KEPT_MOST", 3)

        aside.forget_old()

        assert set(AsideMail.objects.values_list("subject", flat=True)) == {"1", "2", "3"}


# --- What goes wrong with the mailbox --------------------------------------------------------------


def test_a_wrong_password_is_told_once_in_the_log_and_kept_for_staff(server, caplog):
    caplog.set_level(logging.WARNING)
    [box] = configure(server, password="wrong")

    scan(box)
    scan(box)

    assert f"127.0.0.1:{server.port} refused the user name or the password" in last(box).error
    assert caplog.text.count("refused the user name") == 1


def test_an_error_is_forgotten_after_a_good_scan(server):
    [box] = configure(server, password="wrong")
    scan(box)
    [entry] = runtime.get("bounce.mailboxes")
    runtime.save({"bounce.mailboxes": [{**entry, "password": PASSWORD}]})

    [box] = scanning.boxes()
    scan(box)

    assert last(box).error == ""


def test_two_scanners_do_not_look_at_once(server):
    server.fill([bounce_of(1)])
    [box] = configure(server)
    scan(box)
    MailboxScan.objects.update(token=SUBSCRIBER, lease_until=timezone.now() + timedelta(minutes=1))

    assert scan(box) is None

    MailboxScan.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert scan(box) is not None


def test_a_scanner_that_lost_its_lease_stops(server, monkeypatch):
    monkeypatch.setattr(scanning, "CHUNK", 1)
    server.fill([bounce_of(1), bounce_of(2)])
    [box] = configure(server)
    keep = scanning.take

    def take(*args: Any) -> None:
        MailboxScan.objects.update(token=SUBSCRIBER)
        keep(*args)

    monkeypatch.setattr(scanning, "take", take)

    tally = scan(box)

    assert tally.mails_read == 1
    assert str(last(box).token) == SUBSCRIBER


def test_a_turn_ends_in_time_and_goes_on_the_next(server):
    server.fill([bounce_of(number) for number in range(3)])
    [box] = configure(server)

    tally = scanning.scan(box, stop_at=0, clock=lambda: 1)

    assert (tally.mails_read, tally.mails_left, len(server.mails)) == (1, 2, 2)
    assert scanning.due() == [box]
    scan(box)
    assert (server.mails, scanning.due()) == ({}, [])


# --- When --------------------------------------------------------------------------------------------


def test_beat_rings_and_a_worker_knows_the_task():
    row = PeriodicTask.objects.get(name="Read bounce mailboxes")
    celery.loader.import_default_modules()

    assert (row.queue, row.enabled) == ("jobs", True)
    assert row.task in celery.tasks


def test_each_mailbox_is_read_as_often_as_its_setting_says():
    with PopServer() as often, ImapServer() as seldom:
        stored = [
            entries.mailbox(entry_of(one, scan_interval=interval), "mailbox")
            for one, interval in ((often, "1m"), (seldom, "1h"))
        ]
        runtime.save({"bounce.enabled": True, "bounce.mailboxes": stored})

        tasks.scan_mailboxes()
        assert (often.counts["signed in"], seldom.counts["signed in"]) == (1, 1)
        tasks.scan_mailboxes()
        assert (often.counts["signed in"], seldom.counts["signed in"]) == (1, 1)

        MailboxScan.objects.update(started_at=timezone.now() - timedelta(minutes=2))
        tasks.scan_mailboxes()
        assert (often.counts["signed in"], seldom.counts["signed in"]) == (2, 1)


@pytest.mark.parametrize("changes", [{"bounce.enabled": False}, {"bounce.mailboxes": []}])
def test_nothing_is_read_while_it_is_switched_off(server, changes):
    configure(server)
    runtime.save(changes)

    tasks.scan_mailboxes()

    assert server.counts["signed in"] == 0


def test_a_disabled_mailbox_is_left_alone(server):
    configure(server, enabled=False)

    tasks.scan_mailboxes()

    assert server.counts["signed in"] == 0


def test_the_command_reads_until_nothing_is_left(server, monkeypatch, capsys):
    monkeypatch.setattr(scanning, "MAX_MAILS", 2)
    server.fill([bounce_of(number) for number in range(5)])
    configure(server)

    call_command("scan_mailboxes")

    assert server.mails == {}
    assert capsys.readouterr().out.count("127.0.0.1") == 3


def test_the_command_says_what_is_wrong(server):
    with pytest.raises(CommandError, match="no such mailbox"):
        call_command("scan_mailboxes")
    configure(server, password="wrong")
    with pytest.raises(CommandError, match="refused the user name"):
        call_command("scan_mailboxes")


# --- Ways in -----------------------------------------------------------------------------------------


@pytest.fixture
def certificate(tmp_path, monkeypatch):
    context, public = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(public))
    return context


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", ["tls", "starttls"])
def test_encryption(kind, way, certificate, monkeypatch):
    with KINDS[kind](**{way: certificate}) as server:
        server.fill([bounce_of(1)])
        if way == "starttls":
            monkeypatch.setattr("bounces.mailboxes.box.STARTTLS_PORTS", {server.port})

        tally = scan(configure(server, tls_enabled=True)[0])

        assert (tally.mails_read, server.mails, server.counts["tls"]) == (1, {}, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_certificate_that_is_not_trusted_is_refused_unless_staff_say_so(kind, tmp_path):
    context, _ = make_certificate(tmp_path)
    with KINDS[kind](tls=context) as server:
        box = box_of(server, tls_enabled=True)
        with pytest.raises(MailboxError, match=r"The certificate of .* is not valid"), opened(box):
            pass
        assert server.counts["signed in"] == 0

        with opened(box_of(server, tls_enabled=True, tls_skip_verify=True)) as session:
            assert session.mails() == []


def test_an_imap_server_without_uidplus_and_a_password_beyond_ascii():
    with ImapServer(uidplus=False, password="schlüssel") as server:
        server.fill([bounce_of(1)])

        scan(configure(server, password="schlüssel")[0])

        assert (server.mails, server.counts["uid expunge"]) == ({}, 0)


def test_another_folder_of_imap():
    with ImapServer(folder="Bounced mail") as server:
        server.fill([bounce_of(1)])
        scan(configure(server, folder="Bounced mail")[0])
        assert server.mails == {}

        with pytest.raises(MailboxError, match="has no folder 'INBOX'"), opened(box_of(server)):
            pass


# --- Trying one, and looking at them ---------------------------------------------------------------


def attempt(client: Any, entry: dict[str, Any]) -> tuple[int, Any]:
    return call(client, "POST", "/api/settings/mailbox/test", entry)


def test_a_mailbox_is_tried_and_left_as_it_is(server):
    server.fill([bounce_of(1), bounce_of(2)])

    status, answer = attempt(make_api_client(superadmin=True), entry_of(server, enabled=False))

    assert status == 200
    assert answer["data"][1:] in (
        ["Signed in as bounces.", "2 mails wait to be read."],
        ["Signed in as bounces.", "2 mails in INBOX wait to be read."],
    )
    assert (len(server.mails), server.counts["fetched"]) == (2, 0)
    assert PASSWORD not in str(answer)


def test_the_stored_password_is_used_when_the_mask_comes_back(server):
    configure(server)
    [stored] = runtime.get("bounce.mailboxes")

    status, _ = attempt(make_api_client(superadmin=True), {**stored, "password": "••••••"})

    assert status == 200


def closed_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"password": "wrong"}, "refused the user name or the password: "),
        ({"host": ""}, "Name the server."),
        ({"host": "no-such-host.invalid"}, "The host name no-such-host.invalid is not known."),
        ({"host": "a..b"}, "The host name a..b is not known."),
        ({"tls_enabled": True}, "does not speak TLS as it should"),
        ({"type": "pop3"}, "must be one of: pop, imap"),
        ({"port": 0}, "must be a whole number from 1 to 65535"),
    ],
)
def test_what_is_wrong_is_said_in_words(server, changes, words):
    status, answer = attempt(make_api_client(superadmin=True), entry_of(server, **changes))

    assert (status, words in answer["message"]) == (400, True), answer


@pytest.mark.parametrize("kind", ["pop", "imap"])
def test_nothing_listens_there(kind):
    entry = {"type": kind, "host": "127.0.0.1", "port": closed_port(), "tls_enabled": False}

    status, answer = attempt(make_api_client(superadmin=True), entry)

    assert (status, "Nothing listens at" in answer["message"]) == (400, True)


@pytest.mark.parametrize("kind", ["pop", "imap"])
def test_a_server_that_says_nothing_is_given_up(kind, monkeypatch):
    monkeypatch.setattr("bounces.mailboxes.checking.TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        entry = {"type": kind, "host": "127.0.0.1", "port": silent.getsockname()[1], "tls_enabled": False}

        status, answer = attempt(make_api_client(superadmin=True), entry)

    assert (status, "does not answer in time" in answer["message"]) == (400, True)


def test_the_wrong_protocol_is_no_riddle():
    with PopServer() as server:
        status, answer = attempt(make_api_client(superadmin=True), entry_of(server, type="imap"))

    assert status == 400
    assert f"127.0.0.1:{server.port}" in answer["message"]


def test_the_api_tells_of_the_last_scan(server):
    [box] = configure(server)
    client = make_api_client("settings:get")

    status, before = call(client, "GET", "/api/bounces/mailboxes")
    server.fill([mail("person-replies")])
    scan(box)
    _, after = call(client, "GET", "/api/bounces/mailboxes")

    assert (status, before["data"][0]["last_scan"]) == (200, None)
    [told] = after["data"]
    assert (told["uuid"], told["host"], told["type"]) == (str(box.key), "127.0.0.1", box.type)
    scanned = told["last_scan"]
    assert (scanned["mails_read"], scanned["kept_aside"], scanned["error"]) == (1, 1, "")
    assert scanned["is_running"] is False
    assert PASSWORD not in str(after)
