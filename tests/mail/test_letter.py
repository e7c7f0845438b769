"""Whole letters, read back by the standard library's parser."""

from base64 import b64encode
from email import message_from_bytes, policy

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from listmonk_py.mail.addresses import InvalidEmail
from listmonk_py.mail.dkim import Signer
from listmonk_py.mail.headers import InvalidHeader
from listmonk_py.mail.letter import LetterSpec, RenderError, compile_letter
from listmonk_py.mail.outgoing import Attachment
from listmonk_py.templating.errors import TemplateError

CAMPAIGN = "6c8a1e54-9d2f-4c55-8b7e-0f6a2f6f7a11"
PERSON = "293256b6-593f-43df-85ad-81d79a575555"
ROOT = "https://news.example.com"


def make_person(**changes):
    return {
        "id": 7,
        "uuid": PERSON,
        "email": "zoe@example.org",
        "name": "Zoë Ölm",
        "first_name": "Zoë",
        "last_name": "Ölm",
        "status": "enabled",
        "attribs": {"city": "Köln"},
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
        **changes,
    }


def make_letter(**changes):
    spec = {
        "from_email": "Acme News <news@example.com>",
        "subject": "News",
        "body": "<p>Hello {{ subscriber.name }}</p>",
        "campaign_uuid": CAMPAIGN,
        "root_url": ROOT,
        "unsubscribe": True,
    }
    return compile_letter(LetterSpec(**{**spec, **changes}))


def read(outgoing):
    """The message as a receiver parses it; checks what every wire form must keep."""
    data = outgoing.data
    assert data.endswith(b"\r\n")
    assert b"\n" not in data.replace(b"\r\n", b"") and b"\r" not in data.replace(b"\r\n", b"")
    lines = data.split(b"\r\n")
    assert not any(line.startswith(b".") and not line.startswith(b"..") for line in lines)
    assert all(len(line) <= 998 for line in lines)
    assert b"\0" not in data
    unstuffed = b"\r\n".join(line[1:] if line.startswith(b".") else line for line in lines)
    message = message_from_bytes(unstuffed, policy=policy.default)
    for part in message.walk():
        assert not part.defects
    names = [name.lower() for name, _ in message.items()]
    assert len(names) == len(set(names))
    return message


def written(*, person=None, wire=None, **changes):
    return read(make_letter(**changes).wire(1, person or make_person(), **(wire or {})))


def test_an_ordinary_letter():
    outgoing = make_letter(altbody="Hello {{ subscriber.name }} & all").wire(42, make_person())
    message = read(outgoing)
    assert (outgoing.key, outgoing.sender, outgoing.recipients) == (
        42,
        b"news@example.com",
        (b"zoe@example.org",),
    )
    assert not outgoing.smtputf8 and not outgoing.eight_bit and outgoing.data.isascii()
    assert message["From"] == "Acme News <news@example.com>"
    assert outgoing.data.startswith(b'From: "Acme News" <news@example.com>\r\n')
    assert b"\r\nTo: <zoe@example.org>\r\n" in outgoing.data
    assert message["Subject"] == "News"
    assert message["MIME-Version"] == "1.0"
    assert message["Date"].datetime is not None
    assert message["X-Listmonk-Campaign"] == CAMPAIGN
    assert message["X-Listmonk-Subscriber"] == PERSON
    assert message["List-Unsubscribe"] == f"<{ROOT}/subscription/{CAMPAIGN}/{PERSON}>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message.get_content_type() == "multipart/alternative"
    text, html = message.iter_parts()
    assert text.get_content() == "Hello Zoë Ölm & all"
    assert html.get_content() == "<p>Hello Zoë Ölm</p>"
    for absent in ("Precedence", "List-Id", "Feedback-ID", "Auto-Submitted", "Bcc", "Return-Path"):
        assert absent not in message


def test_a_plain_letter_has_one_part_and_no_escaping():
    message = written(content_type="plain", body="a & b {{ subscriber.name }}\n.\nend", altbody="ignored")
    assert message.get_content_type() == "text/plain"
    assert message.get_content().replace("\r\n", "\n") == "a & b Zoë Ölm\n.\nend"


def test_the_message_id_is_the_same_for_the_same_pair_and_differs_for_a_test_copy():
    first, second = written()["Message-ID"], written()["Message-ID"]
    assert first == second == f"<{CAMPAIGN.replace('-', '')}.{PERSON.replace('-', '')}@example.com>"
    assert written(message_id_suffix=".test1")["Message-ID"] != first
    assert written(message_id_domain="id.example.net")["Message-ID"].endswith("@id.example.net>")
    assert written(wire={"message_id": "tx.17"})["Message-ID"] == "<tx.17@example.com>"


def test_mail_without_a_campaign_links_to_the_dummy():
    message = written(campaign_uuid="", auto_submitted="auto-generated")
    assert "X-Listmonk-Campaign" not in message
    assert message["X-Listmonk-Subscriber"] == PERSON
    assert (
        message["List-Unsubscribe"] == f"<{ROOT}/subscription/00000000-0000-0000-0000-000000000000/{PERSON}>"
    )
    assert message["Auto-Submitted"] == "auto-generated"


def test_somebody_who_is_no_subscriber_gets_no_subscriber_headers():
    message = written(person=make_person(uuid="", id=0), wire={"message_id": "x"})
    assert "X-Listmonk-Subscriber" not in message
    assert "List-Unsubscribe" not in message


def test_without_the_switch_there_is_no_unsubscribe_header_and_a_custom_one_passes():
    assert "List-Unsubscribe" not in written(unsubscribe=False)
    message = written(unsubscribe=False, headers=[("List-Unsubscribe", "<mailto:u@example.com>")])
    assert message["List-Unsubscribe"] == "<mailto:u@example.com>"


def test_list_headers():
    message = written(list_id="Weekly Wörld <weekly.example.com>", feedback_id="c1:l2:campaign:acme")
    assert message["List-Id"] == "Weekly Wörld <weekly.example.com>"
    assert message["Feedback-ID"] == "c1:l2:campaign:acme"


def test_custom_headers_are_templates_and_the_first_value_of_a_name_counts():
    message = written(
        headers=[("X-City", "in {{ subscriber.attribs.city }}"), ("x-city", "second"), ("X-Plain", "<b>&")]
    )
    assert message["X-City"] == "in Köln"
    assert message["X-Plain"] == "<b>&"


def test_custom_headers_replace_the_generated_ones():
    message = written(
        headers=[
            ("From", "Other <other@example.net>"),
            ("to", "Everybody <all@example.net>"),
            ("Subject", "For {{ subscriber.first_name }}"),
            ("Reply-To", "a@example.net, B <b@example.net>"),
            ("Message-Id", "<own@example.net>"),
            ("Feedback-ID", "mine"),
        ],
        feedback_id="generated",
    )
    assert message["From"] == "Other <other@example.net>"
    assert message["To"] == "Everybody <all@example.net>"
    assert message["Subject"] == "For Zoë"
    assert [box.addr_spec for box in message["Reply-To"].addresses] == ["a@example.net", "b@example.net"]
    assert message["Message-ID"] == "<own@example.net>"
    assert message["Feedback-ID"] == "mine"


PROTECTED = [
    "List-Unsubscribe", "list-unsubscribe-post", "X-Listmonk-Campaign", "X-LISTMONK-SUBSCRIBER",
    "MIME-Version", "Content-Type", "Content-Transfer-Encoding", "DKIM-Signature", "Received",
]  # fmt: skip


@pytest.mark.parametrize("name", PROTECTED)
@pytest.mark.parametrize("origin", ["headers", "server_headers"])
def test_no_custom_header_touches_what_is_protected(name, origin):
    kept = written()
    message = written(**{origin: [(name, "forged")]})
    assert [(n, str(v)) for n, v in message.items() if n != "Date"] == [
        (n, str(v)) for n, v in kept.items() if n != "Date"
    ]


def test_server_headers_fill_what_the_message_leaves_open():
    letter = make_letter(headers=[("X-A", "message")], server_headers=[("X-A", "server"), ("X-B", "server")])
    message = read(letter.wire(1, make_person()))
    assert (message["X-A"], message["X-B"]) == ("message", "server")
    other = read(letter.for_server([("X-B", "{{ literal }}")]).wire(1, make_person()))
    assert (other["X-A"], other["X-B"]) == ("message", "{{ literal }}")


def test_copies_and_return_path_go_to_the_envelope():
    outgoing = make_letter(
        headers=[
            ("Return-Path", "<bounce+{{ subscriber.id }}@example.net>"),
            ("Cc", '"Doe, John" <john@example.net>, zoe@exämple.com'),
            ("Bcc", "{{ subscriber.first_name|lower|replace('ë', 'e') }}@hidden.example"),
        ]
    ).wire(1, make_person())
    message = read(outgoing)
    assert outgoing.sender == b"bounce+7@example.net"
    assert outgoing.recipients == (
        b"zoe@example.org",
        b"john@example.net",
        b"zoe@xn--exmple-cua.com",
        b"zoe@hidden.example",
    )
    assert [box.addr_spec for box in message["Cc"].addresses] == [
        "john@example.net",
        "zoe@xn--exmple-cua.com",
    ]
    assert "Bcc" not in message and "Return-Path" not in message and b"hidden.example" not in outgoing.data


def test_the_null_return_path():
    assert make_letter(return_path="<>").wire(1, make_person()).sender == b""


def test_only_a_local_part_outside_ascii_needs_smtputf8():
    letter = make_letter(from_email="News <news@exämple.com>")
    outgoing = letter.wire(1, make_person(email="a@bücher.example"))
    assert (outgoing.sender, outgoing.recipients) == (
        b"news@xn--exmple-cua.com",
        (b"a@xn--bcher-kva.example",),
    )
    assert not outgoing.smtputf8 and outgoing.data.isascii()
    outgoing = letter.wire(1, make_person(email="zoë@example.org"))
    assert outgoing.smtputf8
    assert "To: <zoë@example.org>\r\n".encode() in outgoing.data
    assert make_letter(reply_to="zoë@example.org").wire(1, make_person()).smtputf8


def test_attachments_and_images_are_laid_out():
    message = written(
        altbody="text",
        body='<img src="cid:aa@email">{{ subscriber.name }}',
        attachments=[
            Attachment("logo.png", b"png", "image/png", "aa@email"),
            Attachment("März.pdf", b"pdf", "application/pdf"),
        ],
    )
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
        "application/pdf",
    ]
    assert [part.get_filename() for part in message.iter_attachments()] == ["März.pdf"]


def test_a_transactional_letter_takes_data_of_its_own():
    letter = make_letter(
        subject="Order {{ tx.data.number }}",
        body="{% for item in tx.data['items'] %}{{ item }};{% endfor %}{{ tx.data.note }}{{ tx.missing.x }}",
        extra_names=["tx"],
    )
    tx = {"data": {"number": 17, "items": ["a<", "b"], "note": "né"}}
    message = read(letter.wire(1, make_person(), {"tx": tx}))
    assert message["Subject"] == "Order 17"
    assert message.get_content() == "a&lt;;b;né"


def test_the_pieces_for_http_providers_say_the_same():
    letter = make_letter(
        subject="Hi {{ subscriber.first_name }}",
        altbody="Hello {{ subscriber.name }}",
        headers=[
            ("X-City", "{{ subscriber.attribs.city }}"),
            ("Cc", "C <c@example.net>"),
            ("Reply-To", "r@x.org"),
        ],
        constants={"campaign": {"uuid": CAMPAIGN, "name": "c"}},
    )
    parts = letter.parts(9, make_person())
    assert (parts.key, parts.to, parts.subject) == (9, "zoe@example.org", "Hi Zoë")
    assert parts.from_email == '"Acme News" <news@example.com>'
    assert parts.html == "<p>Hello Zoë Ölm</p>"
    assert parts.text == "Hello Zoë Ölm"
    assert (parts.cc, parts.bcc, parts.reply_to) == (("c@example.net",), (), ("r@x.org",))
    assert parts.campaign == {"uuid": CAMPAIGN, "name": "c"}
    headers = dict(parts.headers)
    assert headers["X-City"] == "Köln"
    assert headers["List-Unsubscribe"] == f"<{ROOT}/subscription/{CAMPAIGN}/{PERSON}>"
    assert headers["Message-ID"] == read(letter.wire(1, make_person()))["Message-ID"]
    assert not {"From", "To", "Cc", "Subject", "Date"} & set(headers)


# --- what cannot be sent ---


@pytest.mark.parametrize(
    "changes",
    [
        {"email": "no address"},
        {"email": "a@b.c\r\nBcc: x@y.z"},
        {"email": "a@b.c>\r\nRCPT TO:<x@y.z"},
        {"email": ""},
        {"email": "x" * 300 + "@example.com"},
        {"uuid": "a\r\nX: y"},
        {"uuid": "><script>"},
    ],
)
def test_a_recipient_with_a_bad_address_is_refused_alone(changes):
    letter = make_letter()
    with pytest.raises(RenderError) as caught:
        letter.wire(5, make_person(**changes))
    assert caught.value.key == 5
    assert caught.value.message
    read(letter.wire(6, make_person()))


@pytest.mark.parametrize(
    "body",
    [
        "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}",
        "{{ subscriber.nothing.at_all() }}",
        "{{ 1 / 0 }}",
    ],
)
def test_a_template_that_fails_for_a_recipient_says_so(body):
    letter = make_letter(body=body)
    for write in (letter.wire, letter.parts):
        with pytest.raises(RenderError) as caught:
            write(5, make_person())
        assert caught.value.key == 5


def test_attributes_nested_too_deep_are_refused_alone():
    deep = {}
    for _ in range(100_000):
        deep = {"a": deep}
    with pytest.raises(RenderError):
        make_letter(body="{{ subscriber.name|upper }}").wire(1, make_person(attribs=deep))
    while deep:  # taken apart by hand: the garbage collector would recurse
        deep = deep["a"]


def test_a_templated_return_path_that_is_no_address_is_refused():
    with pytest.raises(RenderError):
        make_letter(return_path="{{ subscriber.name }}").wire(1, make_person())


def test_what_is_wrong_for_everybody_is_said_when_compiling():
    for changes, error in [
        ({"from_email": "nobody"}, InvalidEmail),
        ({"from_email": "A <a@b.c>\r\nBcc: x@y.z"}, InvalidEmail),
        ({"headers": [("Bad Name", "x")]}, InvalidHeader),
        ({"headers": [("Cc", "no address")]}, InvalidEmail),
        ({"body": "{% if %}"}, TemplateError),
        ({"subject": "{{ "}, TemplateError),
        ({"campaign_uuid": "a b"}, InvalidHeader),
    ]:
        with pytest.raises(error):
            make_letter(**changes)


@settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=150)
@given(
    st.text(
        st.one_of(st.sampled_from('\r\n\0:<>,";=?@\u2028\u2029\x85 .'), st.characters(exclude_categories=[]))
    ),
)
def test_no_value_of_a_person_can_add_a_header_or_a_part(text):
    person = make_person(name=text, first_name=text, attribs={"x": text})
    letter = make_letter(
        subject="Hi {{ subscriber.name }}",
        headers=[
            ("X-Note", "{{ subscriber.attribs.x }}!"),
            ("X-Loop", "{% for x in [1] %}{{ subscriber.name }}{% endfor %}!"),
        ],
        body="{{ subscriber.name }}|{{ subscriber.attribs.x|safe }}",
        altbody="{{ subscriber.name }}",
    )
    try:
        message = read(letter.wire(1, person))
    except RenderError:
        # minijinja takes no lone surrogates, PostgreSQL keeps none
        assert any(0xD800 <= ord(character) <= 0xDFFF for character in text)
        return
    expected = [
        "From", "MIME-Version", "To", "Message-ID", "X-Listmonk-Campaign", "X-Listmonk-Subscriber",
        "List-Unsubscribe", "List-Unsubscribe-Post", "Date", "Subject", "X-Note", "X-Loop", "Content-Type",
    ]  # fmt: skip
    assert message.keys() == expected
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]


def test_a_signed_letter_verifies():
    key = ed25519.Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    signer = Signer(domain="example.com", selector="news", private_key_pem=private.decode())
    body = "<p>\n  indented\n.\n..x {{ subscriber.name }} \n</p>\n\n\n" * 20
    for changes in ({}, {"altbody": "  text  \n.\n"}, {"content_type": "plain"}):
        letter = make_letter(signer=signer, body=body, headers=[("Cc", "c@example.net")], **changes)
        for name in ("Zoë", ".", "a  b\t\n.\n", ""):
            outgoing = letter.wire(1, make_person(name=name))
            message = outgoing.data.replace(b"\r\n..", b"\r\n.")
            assert message.startswith(b"DKIM-Signature:")
            record = b"v=DKIM1; k=ed25519; p=" + b64encode(public)
            assert dkim.verify(message, dnsfunc=lambda name, timeout=5, record=record: record)


def test_the_size_grows_with_what_is_kept():
    small = make_letter().size_bytes
    file = Attachment("a.bin", bytes(100_000), "application/octet-stream")
    assert make_letter(attachments=[file]).size_bytes > small + 230_000
    assert make_letter(body="x" * 50_000).size_bytes > small + 50_000


def test_the_cost_of_quoted_printable_stays_small():
    line = '<td style="padding:12px">Some words of a newsletter, {{ subscriber.first_name }}, and more</td>\n'
    body = line * 250
    outgoing = make_letter(body=body).wire(1, make_person(first_name="Anna"))
    rendered = len(body.replace("{{ subscriber.first_name }}", "Anna"))
    assert len(outgoing.data) < 1.25 * rendered
