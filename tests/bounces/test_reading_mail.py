"""What mails of a bounce mailbox say: a corpus of every form, and what must not break the reader."""

import email.message
import random
from pathlib import Path
from uuid import UUID

import pytest

from bounces.returned import reading
from bounces.returned.findings import Kind
from bounces.returned.reading import read
from bounces.returned.wording import verdict

MAILS = Path(__file__).parent / "mails"
ADA, BOB, JOERG = "ada@example.com", "bob@example.net", "jörg@exämple.com"
SUBSCRIBER = UUID("5b0e7d1c-9a44-4c0e-8f11-2f6f2d1f0a01")
CAMPAIGN = UUID("c3a1f6de-1d52-4f0b-9b61-7c1f5d8e2b02")

HARD, SOFT, COMPLAINT = "hard", "soft", "complaint"
OURS, STRANGER = True, False  # whether our header came back
NO_BOUNCE, NOT_UNDERSTOOD = Kind.NO_BOUNCE, Kind.NOT_UNDERSTOOD

# Mail -> events: (type, whether it gave our header back, the first address).
EXPECTED: dict[str, Kind | list[tuple[str, bool, str]]] = {
    "postfix-user-unknown": [(HARD, OURS, ADA)],
    "postfix-mailbox-full": [(SOFT, OURS, ADA)],
    "postfix-delayed-by-greylisting": NO_BOUNCE,
    "postfix-expired": [(SOFT, OURS, ADA)],
    "postfix-headers-only": [(HARD, OURS, ADA)],
    "postfix-delivered": NO_BOUNCE,
    "sendmail-two-recipients": [(HARD, STRANGER, ADA), (SOFT, STRANGER, BOB)],
    "sendmail-host-unknown": [(HARD, OURS, ADA)],
    "exim-no-such-user": [(HARD, OURS, ADA)],
    "exim-unrouteable-no-headers": [(HARD, STRANGER, ADA)],
    "exim-warning": NO_BOUNCE,
    "exchange-recipient-not-found": [(HARD, OURS, ADA)],
    "exchange-access-denied": [(HARD, OURS, ADA)],
    "exchange-blocked-sender": [(SOFT, OURS, ADA)],
    "exchange-no-blank-line": [(HARD, STRANGER, ADA)],
    "gmail-does-not-exist": [(HARD, OURS, ADA)],
    "gmail-over-quota": [(SOFT, OURS, ADA)],
    "qmail-no-mailbox": [(HARD, OURS, ADA)],
    "qmail-no-code-no-headers": [(SOFT, STRANGER, ADA)],
    "listmonk-header-in-text": [(HARD, OURS, "")],
    "listmonk-header-nothing-said": [(SOFT, OURS, "")],
    "verp-only": [(HARD, STRANGER, ADA)],
    "yahoo-complaint": [(COMPLAINT, OURS, ADA)],
    "arf-redacted-address": [(COMPLAINT, OURS, ADA)],
    "arf-address-only": [(COMPLAINT, STRANGER, ADA)],
    "arf-not-spam": NO_BOUNCE,
    "outlook-junk-report": [(COMPLAINT, STRANGER, ADA)],
    "vacation": NO_BOUNCE,
    "out-of-office-exchange": NO_BOUNCE,
    "read-receipt": NO_BOUNCE,
    "person-replies": NOT_UNDERSTOOD,
    "person-forwards-the-mail": NOT_UNDERSTOOD,
    "no-bounce-at-all": NOT_UNDERSTOOD,
    "cut-off-multipart": [(HARD, OURS, ADA)],
    "cut-off-in-report": [(HARD, STRANGER, ADA)],
    "no-boundary": [(HARD, OURS, ADA)],
    "wrong-charset": [(HARD, OURS, ADA)],
    "forwarded-as-attachment": [(HARD, OURS, ADA)],
    "international-address": [(HARD, STRANGER, JOERG)],
    "international-base64": [(HARD, STRANGER, JOERG)],
    "empty": NOT_UNDERSTOOD,
}


def mail(name: str) -> bytes:
    return (MAILS / f"{name}.eml").read_bytes()


def test_every_mail_of_the_corpus_is_in_the_table():
    assert {path.stem for path in MAILS.glob("*.eml")} == EXPECTED.keys()


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("name", EXPECTED)
def test_a_mail_says_what_it_says(name, line_end):
    expected = EXPECTED[name]

    found = read(mail(name).replace(b"\n", line_end))

    if isinstance(expected, Kind):
        assert (found.kind, found.findings) == (expected, ())
        return
    assert found.kind is Kind.BOUNCE
    told = [(one.type, one.subscriber_uuid is not None, (*one.addresses, "")[0]) for one in found.findings]
    assert told == expected
    for one in found.findings:
        assert one.subscriber_uuid in (None, SUBSCRIBER)
        assert one.campaign_uuid in (None, CAMPAIGN)
        assert one.at is not None
        assert one.meta["classify_reason"]


def test_the_record_tells_staff_what_they_ask():
    [found] = read(mail("postfix-user-unknown")).findings

    assert found.event_id == f"<p1@mx.example.com> {SUBSCRIBER}"
    assert found.at.isoformat() == "2026-05-04T10:00:00+00:00"
    assert found.meta == {
        "from": "News <news@example.org>",
        "subject": "May news",
        "message_id": "<n1.17@news.example.org>",
        "delivered_to": "bounces@example.org",
        "received": ["from mx.example.com by mail.example.org; Mon, 04 May 2026 10:00:02 +0000"],
        "classify_reason": "smtp_status=5.1.1",
        "recipient": ADA,
        "diagnostic": "smtp; 550 5.1.1 <ada@example.com>: Recipient address rejected: User unknown",
        "action": "failed",
        "status": "5.1.1",
        "remote_mta": "mx2.example.com",
    }


def test_without_a_message_id_the_bytes_are_the_id():
    content = mail("qmail-no-code-no-headers")
    [once], [again] = read(content).findings, read(content).findings
    [other] = read(content + b"x\n").findings

    assert once.event_id == again.event_id != other.event_id


def test_recipients_of_one_report_have_ids_of_their_own():
    first, second = read(mail("sendmail-two-recipients")).findings

    assert first.event_id != second.event_id


def test_an_alias_is_gone_only_when_all_its_addresses_are():
    both = mail("sendmail-two-recipients").replace(
        b"Subject: May news", b"X-Listmonk-Subscriber: %b\nSubject: May news" % str(SUBSCRIBER).encode()
    )

    [found] = read(both).findings

    assert (found.type, found.subscriber_uuid) == (SOFT, SUBSCRIBER)


def test_a_date_ahead_of_us_is_none():
    [found] = read(mail("verp-only").replace(b"May 2026", b"May 9026")).findings

    assert found.at is None


def test_a_mail_of_ten_megabytes_is_read_to_its_bound():
    content = mail("postfix-user-unknown") + b"x" * 10_000_000

    [found] = read(content).findings

    assert found.type == HARD


def test_a_long_mail_in_words_is_read_by_its_beginning():
    content = mail("exim-unrouteable-no-headers") + b"x\n" * 500_000

    [found] = read(content).findings

    assert found.addresses == (ADA,)


def test_a_mail_of_boundaries_alone_is_cut_short(monkeypatch):
    """A part costs 50 µs: two hundred thousand of them would hold the scanner for ten seconds."""
    seen = []
    parse = reading.message_from_bytes
    monkeypatch.setattr(reading, "message_from_bytes", lambda raw: seen.append(len(raw)) or parse(raw))
    frame = b"From: mailer-daemon@x.example\nContent-Type: multipart/report; boundary=b\n\n"

    assert read(frame + b"--b\n\n" * 200_000).kind is NOT_UNDERSTOOD
    assert seen == [reading.BEGINNING]


def test_messages_nested_deeper_than_the_stack_are_survived():
    content = b"Content-Type: message/rfc822\n\n" * 5000

    assert read(b"From: MAILER-DAEMON@x.example\n" + content).kind is Kind.NOT_UNDERSTOOD


def test_what_breaks_the_parser_is_not_understood(monkeypatch):
    def broken(_: bytes) -> email.message.Message:
        raise IndexError("pop from an empty deque")

    monkeypatch.setattr(reading, "message_from_bytes", broken)

    found = read(b"x")

    assert (found.kind, found.why) == (
        NOT_UNDERSTOOD,
        "It cannot be parsed (IndexError: pop from an empty deque).",
    )


@pytest.mark.parametrize("name", EXPECTED)
def test_mails_damaged_anywhere_are_read_without_an_error(name):
    """Cut at any place, and with bytes changed: never an exception, which `read` would have turned into words."""
    content, chance = mail(name), random.Random(name)
    for _ in range(40):
        damaged = bytearray(content[: chance.randint(0, len(content))])
        for _ in range(chance.randint(0, 20)):
            if damaged:
                damaged[chance.randrange(len(damaged))] = chance.randrange(256)

        assert "cannot be parsed" not in read(bytes(damaged)).why


@pytest.mark.parametrize(
    ("status", "said", "kind", "reason"),
    [
        ("5.1.1", "", HARD, "smtp_status=5.1.1"),
        ("5.2.1", "", HARD, "smtp_status=5.2.1"),
        ("5.4.4", "", HARD, "smtp_status=5.4.4"),
        ("5.2.2", "permanent failure: user unknown", SOFT, "smtp_status=5.2.2"),
        ("5.1.8", "", SOFT, "smtp_status=5.1.8"),
        ("5.7.1", "smtp; 550 5.7.1 no such user here", HARD, "body_match=no such user"),
        ("5.7.1", "smtp; 550 5.7.1 spam, permanent failure", SOFT, "smtp_status=5.7.1"),
        ("4.2.1", "user unknown", SOFT, "smtp_status=4.2.1"),
        ("4.0.0", "user unknown", SOFT, "smtp_status=4.0.0"),
        ("5.0.0", "smtp; 550-5.1.1 no account", HARD, "smtp_status=5.1.1"),
        ("5.0.0", "smtp; 450 user unknown", SOFT, "body_match=smtp; 450"),
        ("5.0.0", "smtp; 554 this is a permanent error", HARD, "body_match=permanent error"),
        ("5.0.0", "", SOFT, "smtp_status=5.0.0"),
        ("", "552 5.2.2 over quota", SOFT, "smtp_status=5.2.2"),
        ("", "recipient is invalid", HARD, "body_match=recipient is invalid"),
        ("", "the account has been disabled", HARD, "body_match=account has been disabled"),
        ("", "Blocked by reputation; undeliverable", SOFT, "body_match=blocked"),
        ("", "version 5.1.1.9 of 10.5.1.1", SOFT, "default"),
        ("", "", SOFT, "default"),
    ],
)
def test_hard_is_only_what_speaks_of_the_address(status, said, kind, reason):
    assert verdict(status, said) == (kind, reason)
