"""What arrives: campaigns as staff write them, read back from an independent SMTP server (contract 5.6)."""

import email
import email.policy
import io
from collections.abc import Callable
from email.message import EmailMessage

import dkim
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from campaigns import lifecycle
from campaigns.engine import ledger
from campaigns.engine.models import LedgerEntry, LedgerReason, LedgerStatus
from campaigns.media import uploading
from campaigns.media.models import CampaignMedia, Media
from campaigns.models import Campaign, Template
from campaigns.status import Status
from listmonk_py.configuration import runtime
from listmonk_py.mail import messengers
from subscribers.models import List, Subscriber
from tests.factories import make_list, make_subscriber
from tests.mail.test_dkim import ED25519_KEY, RSA_KEY, dns_record, pem
from tests.sinks import Fault, Received

from .conftest import send_all, server_at
from .deployment import wait_until

LONGEST_LINE = 998


@pytest.fixture(autouse=True)
def own_media(settings, tmp_path):
    settings.DATA_DIR = tmp_path


def finish(campaign: Campaign) -> None:
    def over() -> bool:
        send_all(limit=1)
        campaign.refresh_from_db()
        return campaign.status != Status.RUNNING

    wait_until(over, 30, "the campaign to end")
    assert campaign.status == Status.FINISHED, campaign.status_reason


@pytest.fixture
def friends(engine) -> List:
    return make_list(name="Friends")


@pytest.fixture
def person(friends) -> Subscriber:
    return make_subscriber(
        email="zoe@example.com",
        name="Zoë Müller",
        attribs={"city": "Köln", "n": 3},
        lists={friends: "confirmed"},
    )


@pytest.fixture
def send(engine, make_campaign, friends, person) -> Callable[..., EmailMessage]:
    """Send a campaign to the one person and return the message as a mail program reads it."""

    def sent(media: tuple[Media, ...] = (), **fields: object) -> EmailMessage:
        campaign = make_campaign(friends, **fields)
        for file in media:
            CampaignMedia.objects.create(campaign=campaign, media=file, filename=file.filename)
        finish(lifecycle.start(campaign))
        assert ledger.count(campaign.pk)["accepted"] == 1
        assert engine.violations == []
        (message,) = [m for m in engine.messages if m.accepted][-1:]
        well_formed(message)
        sent.campaign, sent.received = campaign, message
        return message.parsed

    return sent


def well_formed(message: Received) -> None:
    """RFC 5322 section 2.1.1: short lines, CRLF alone, and no character beyond ASCII in the header."""
    for line in message.data.split(b"\r\n"):
        assert len(line) <= LONGEST_LINE
        assert b"\r" not in line
        assert b"\n" not in line
    head = message.data.partition(b"\r\n\r\n")[0]
    assert head.isascii() or "SMTPUTF8" in message.parameters
    assert not email.message_from_bytes(message.data, policy=email.policy.default).defects


def part(message: EmailMessage, kind: str) -> str:
    found = message.get_body((kind,))
    assert found is not None, f"no {kind} part"
    return found.get_content()


# --- headers ------------------------------------------------------------------------------------------
def test_the_header_of_a_campaign(send, friends, person):
    message = send(subject="Hällo {{ .Subscriber.FirstName }}", from_email="Süd News <news@example.org>")

    unsubscribe = f"https://lists.example.com/subscription/{send.campaign.uuid}/{person.uuid}"
    assert message["Subject"] == "Hällo Zoë"
    assert message["From"].addresses[0].display_name == "Süd News"
    assert message["From"].addresses[0].addr_spec == "news@example.org"
    assert b"\r\nTo: <zoe@example.com>\r\n" in send.received.data
    assert message["X-Listmonk-Campaign"] == str(send.campaign.uuid)
    assert message["X-Listmonk-Subscriber"] == str(person.uuid)
    assert message["List-Unsubscribe"] == f"<{unsubscribe}>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert f"<{friends.uuid}.lists.example.com>" in message["List-Id"]
    assert "Friends" in message["List-Id"]
    assert message["Feedback-ID"].startswith(f"{send.campaign.uuid}:")
    assert message["Feedback-ID"].endswith(":lists.example.com")
    assert message["Message-ID"].endswith("@example.org>")
    assert message["Date"].datetime is not None
    assert message["MIME-Version"] == "1.0"
    assert send.received.sender == "news@example.org"
    for name in ("From", "To", "Subject", "Date", "Message-ID", "List-Unsubscribe", "MIME-Version"):
        assert len(message.get_all(name)) == 1


def test_the_unsubscribe_pair_can_be_switched_off(send):
    runtime.save({"privacy.unsubscribe_header": False})

    message = send()

    assert message["List-Unsubscribe"] is None
    assert message["List-Unsubscribe-Post"] is None


def test_custom_headers_replace_what_they_may_and_nothing_else(engine, send, person):
    message = send(
        headers=[
            {"X-City": "{{ .Subscriber.Attribs.city }}"},
            {"X-City": "second values are left out"},
            {"Reply-To": "Desk <desk@example.org>, b@example.org"},
            {"Return-Path": "<bounces+{{ .Subscriber.UUID }}@bounce.example.org>"},
            {"Cc": "Copy <copy@example.net>"},
            {"Bcc": "hidden@example.net, two@example.net"},
            {"List-Unsubscribe": "<https://evil.example>"},
            {"X-Listmonk-Subscriber": "somebody else"},
            {"Content-Type": "text/evil"},
        ],
    )

    assert message.get_all("X-City") == ["Köln"]
    assert [box.addr_spec for box in message["Reply-To"].addresses] == ["desk@example.org", "b@example.org"]
    assert [box.addr_spec for box in message["Cc"].addresses] == ["copy@example.net"]
    assert message["Return-Path"] is None
    assert message["Bcc"] is None
    assert b"hidden@example.net" not in send.received.data
    assert "evil" not in message["List-Unsubscribe"]
    assert message["X-Listmonk-Subscriber"] == str(person.uuid)
    assert message.get_content_type() == "text/html"
    assert send.received.sender == f"bounces+{person.uuid}@bounce.example.org"
    assert send.received.recipients == (
        "zoe@example.com", "copy@example.net", "hidden@example.net", "two@example.net",
    )  # fmt: skip


def test_the_servers_headers_fill_what_the_message_leaves_open(engine, send):
    headers = [{"X-Team": "mail"}, {"X-City": "Nowhere"}, {"Return-Path": "<vps@example.org>"}]
    runtime.save({"smtp": [server_at(engine, email_headers=headers)]})
    messengers.refresh()

    message = send(headers=[{"X-City": "{{ .Subscriber.Attribs.city }}"}])

    assert message.get_all("X-Team") == ["mail"]
    assert message.get_all("X-City") == ["Köln"]
    assert message["Return-Path"] is None
    assert send.received.sender == "vps@example.org"


def test_a_repeat_has_the_same_message_id(engine, send, person, monkeypatch):
    monkeypatch.setattr("campaigns.engine.verdicts.random.uniform", lambda low, high: 0.01)
    engine.script("dot", Fault.DROP, times=1)

    send()

    assert len(engine.messages) == 2
    assert len({m.message_id for m in engine.messages}) == 1


INJECTION = "x\r\nBcc: evil@example.net\r\n\r\nbody\n.\r\nMAIL FROM:<evil@example.net>\x00\x85\u2028Bcc: e@x"


def test_nothing_that_a_subscriber_is_called_becomes_a_header_or_a_command(engine, send, person):
    Subscriber.objects.filter(pk=person.pk).update(
        name=INJECTION.replace("\x00", ""), attribs={"x": INJECTION.replace("\x00", ""), "lines": ["a\nb"]}
    )

    message = send(
        subject="{{ .Subscriber.Name }} {{ .Subscriber.Attribs.x }}",
        body="<p title='{{ .Subscriber.Attribs.x }}'>{{ .Subscriber.Name }}\n.\n..</p>",
        altbody="{{ .Subscriber.Attribs.x }}\n.\nend",
        headers=[
            {"X-Name": "{{ .Subscriber.Name }}"},
            {"X-All": "{{ .Subscriber.Attribs.x }} {{ .Subscriber.Attribs.lines }}"},
        ],
    )

    assert message["Bcc"] is None
    assert send.received.recipients == ("zoe@example.com",)
    assert len(engine.messages) == 1
    assert set(message.keys()) == {
        "From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "X-Name", "X-All", "List-Id",
        "Feedback-ID", "X-Listmonk-Campaign", "X-Listmonk-Subscriber", "List-Unsubscribe",
        "List-Unsubscribe-Post", "Content-Type",
    }  # fmt: skip
    assert part(message, "plain").rstrip().endswith("end")
    assert "\n..</p>" in part(message, "html").replace("\r\n", "\n")


def test_addresses_that_need_smtputf8_or_idna(engine, make_campaign, friends, person):
    make_subscriber(email="jörg@example.com", lists={friends: "confirmed"})
    make_subscriber(email="info@müller.example", lists={friends: "confirmed"})

    finish(lifecycle.start(make_campaign(friends)))

    by_recipient = {m.recipients[0]: m for m in engine.messages}
    assert set(by_recipient) == {"zoe@example.com", "jörg@example.com", "info@xn--mller-kva.example"}
    assert "SMTPUTF8" in by_recipient["jörg@example.com"].parameters
    assert "SMTPUTF8" not in by_recipient["info@xn--mller-kva.example"].parameters
    for message in engine.messages:
        well_formed(message)


def test_without_smtputf8_only_who_needs_it_fails_and_says_why(engine, make_campaign, friends, person):
    engine.smtputf8 = False
    odd = make_subscriber(email="jörg@example.com", lists={friends: "confirmed"})
    campaign = make_campaign(friends)

    finish(lifecycle.start(campaign))

    assert engine.recipients == ["zoe@example.com"]
    failed = LedgerEntry.objects.get(campaign_id=campaign.pk, status=LedgerStatus.FAILED)
    assert failed.subscriber_id == odd.pk


def test_an_address_that_mail_cannot_carry_fails_alone(engine, make_campaign, friends, person):
    broken = make_subscriber(email="a b\r\nRCPT TO:<x@example.net>@example.com", lists={friends: "confirmed"})
    campaign = make_campaign(friends)

    finish(lifecycle.start(campaign))

    assert engine.recipients == ["zoe@example.com"]
    failed = LedgerEntry.objects.get(campaign_id=campaign.pk, status=LedgerStatus.FAILED)
    assert (failed.subscriber_id, failed.reason) == (broken.pk, LedgerReason.RENDERING)


# --- bodies -------------------------------------------------------------------------------------------
FRAME = '<html><body><div class="frame">{{ template "content" . }}</div>{{ TrackView }}</body></html>'


@pytest.fixture
def frame(db) -> Template:
    return Template.objects.create(name="Frame", body=FRAME)


@pytest.mark.parametrize(
    ("content_type", "body", "expected", "framed"),
    [
        ("html", "<p>Hi {{ .Subscriber.FirstName }} &amp; co</p>", "<p>Hi Zoë &amp; co</p>", True),
        ("richtext", "<p>Hi {{ .Subscriber.FirstName }}</p>", "<p>Hi Zoë</p>", True),
        ("markdown", "# Hi {{ .Subscriber.FirstName }}\n\n**bold**", "<strong>bold</strong>", True),
        ("visual", "<html><body><p>Hi {{ .Subscriber.FirstName }}</p></body></html>", "<p>Hi Zoë</p>", False),
        (
            "mjml",
            "<mjml><mj-body><mj-section><mj-column><mj-text>Hi {{ .Subscriber.FirstName }}</mj-text>"
            "</mj-column></mj-section></mj-body></mjml>",
            "Hi Zoë",
            False,
        ),
    ],
)
def test_each_content_type_arrives_as_html(send, frame, content_type, body, expected, framed):
    message = send(content_type=content_type, body=body, template=frame)

    html = part(message, "html")
    assert expected in html
    assert ('class="frame"' in html) is framed
    assert "mj-text" not in html
    assert message.get_body(("plain",)) is None
    assert message.get_content_type() == "text/html"


def test_plain_text_arrives_as_text_alone(send):
    message = send(
        content_type="plain", body="Dear {{ .Subscriber.Name }},\n.\n<b>& so</b>\n" + "long " * 400
    )

    assert message.get_content_type() == "text/plain"
    text = message.get_content().replace("\r\n", "\n")
    assert text.startswith("Dear Zoë Müller,\n.\n<b>& so</b>\nlong long")


def test_an_alternative_that_staff_wrote(send):
    message = send(body="<p>Hi</p>", altbody="Plain {{ .Subscriber.Name }} < >")

    assert message.get_content_type() == "multipart/alternative"
    assert [one.get_content_type() for one in message.iter_parts()] == ["text/plain", "text/html"]
    assert part(message, "plain").strip() == "Plain Zoë Müller < >"


def test_an_alternative_made_from_the_html(send):
    message = send(
        body='<h1>News</h1><p>Hi {{ .Subscriber.Name }}, <a href="https://example.com/a">read</a></p>',
        auto_altbody=True,
    )

    text = part(message, "plain")
    assert "Hi Zoë Müller" in text
    assert "<p>" not in text
    assert "http" in text


def test_go_syntax_and_tracked_links(send, frame, person):
    runtime.save({"privacy.individual_tracking": True})

    message = send(
        template=frame,
        body=(
            '<a href="https://example.com/one?a=1&amp;b=2@TrackLink">one</a>'
            '<a href="{{ TrackLink "https://example.com/two" . }}">two</a>'
            '{{ if eq .Subscriber.Attribs.city "Köln" }}near{{ else }}far{{ end }} '
            "{{ range .Subscriber.Attribs.none }}x{{ else }}none{{ end }} "
            '{{ .Subscriber.Attribs.missing | default "nothing" }} '
            "{{ with .Subscriber.Attribs.city }}in {{ . }}{{ end }} {{ upper .Subscriber.FirstName }} "
            '<a href="{{ UnsubscribeURL }}">leave</a> {{ .Campaign.Name }}'
        ),
    )

    html = part(message, "html")
    links = f"{send.campaign.uuid}/{person.uuid}"
    assert html.count("https://lists.example.com/link/") == 2
    assert html.count(f"/{links}") >= 3
    assert "example.com/one" not in html
    assert "@TrackLink" not in html
    assert f"https://lists.example.com/subscription/{links}" in html
    assert f"/campaign/{links}/px.png" in html
    assert "near none nothing in Köln ZOË" in " ".join(html.split())
    assert "{{" not in html


def test_conditional_comments_for_outlook_survive(send):
    body = "<p>a</p><!--[if mso]><v:rect>{{ .Subscriber.FirstName }}</v:rect><![endif]--><!-- note -->"

    assert "<!--[if mso]><v:rect>" in part(send(body=body), "html")


# --- files --------------------------------------------------------------------------------------------
def picture(name: str) -> Media:
    out = io.BytesIO()
    Image.new("RGB", (4, 3), "teal").save(out, "PNG")
    return uploading.upload(SimpleUploadedFile(name, out.getvalue()))


def test_attachments_and_inline_images(send):
    file = uploading.upload(SimpleUploadedFile("Übersicht.pdf", b"%PDF-1.4 " + bytes(range(256)) * 20))
    image = picture("logo.png")
    unused = '<img data-embed src="https://lists.example.com/uploads/unknown.png">'

    message = send(
        media=(file,),
        body=f'<p>Hi</p><img data-embed src="https://lists.example.com/uploads/{image.filename}">{unused}',
        altbody="Hi",
    )

    assert message.get_content_type() == "multipart/mixed"
    content, attached = message.iter_parts()
    assert content.get_content_type() == "multipart/alternative"
    _, related = content.iter_parts()
    assert related.get_content_type() == "multipart/related"
    html, inline = related.iter_parts()
    assert f"cid:{inline['Content-ID'].strip('<>')}" in html.get_content()
    assert "uploads/unknown.png" in html.get_content()
    assert inline.get_content_disposition() == "inline"
    assert inline.get_content_type() == "image/png"
    assert inline.get_content().startswith(b"\x89PNG")
    assert attached.get_content_disposition() == "attachment"
    assert attached.get_filename() == file.filename
    assert attached.get_content() == b"%PDF-1.4 " + bytes(range(256)) * 20


# --- signatures ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("key", [RSA_KEY, ED25519_KEY], ids=["rsa", "ed25519"])
def test_a_signed_campaign_is_verified_by_another_program(engine, send, key):
    """With the server's headers on top, which are added behind the signature."""
    headers = [{"X-Team": "mail"}, {"Reply-To": "desk@example.org"}, {"Return-Path": "<vps@example.org>"}]
    other = {
        "uuid": "k2",
        "enabled": True,
        "domain": "else.example",
        "selector": "x",
        "private_key": pem(key),
    }
    ours = {
        "uuid": "k1",
        "enabled": True,
        "domain": "example.org",
        "selector": "news",
        "private_key": pem(key),
    }
    runtime.save({"engine.dkim": [other, ours], "smtp": [server_at(engine, email_headers=headers)]})
    messengers.refresh()

    message = send(
        subject="Größe  {{ .Subscriber.Name }}", body="<p>a  b\t</p>\n\n.\n..x\n\n\n", altbody=".\n\n"
    )

    assert "d=example.org" in message["DKIM-Signature"].replace(" ", "")
    asked = []

    def record(name, timeout=5):
        asked.append(name)
        return dns_record(key)

    assert dkim.verify(send.received.data, dnsfunc=record)
    assert asked == [b"news._domainkey.example.org."]
    assert not dkim.verify(send.received.data.replace(b"..x", b"..y"), dnsfunc=record)
    assert not dkim.verify(b"Cc: <evil@example.net>\r\n" + send.received.data, dnsfunc=record)


def test_another_domains_key_does_not_sign(send):
    key = {
        "uuid": "k",
        "enabled": True,
        "domain": "else.example",
        "selector": "x",
        "private_key": pem(RSA_KEY),
    }
    runtime.save({"engine.dkim": [key]})

    assert send()["DKIM-Signature"] is None
