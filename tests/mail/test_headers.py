from email import message_from_bytes, policy
from email.header import decode_header
from email.headerregistry import Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listmonk_py.mail import headers
from listmonk_py.mail.addresses import InvalidEmail, Mailbox

ANY_TEXT = st.text(
    st.one_of(st.sampled_from("\r\n\0\x0b\u2028\u2029\x85 =?_ü日"), st.characters()), max_size=400
)


def parsed(field, name):
    """The field as a reader sees it; fails on anything that is not exactly one clean field."""
    assert field.endswith(b"\r\n")
    lines = field.removesuffix(b"\r\n").split(b"\r\n")
    assert all(line.startswith(b" ") for line in lines[1:])
    assert all(line.strip() for line in lines)
    assert not any(set(line) & set(b"\r\n\0") for line in lines)
    assert all(len(line) <= headers.LONGEST_LINE for line in lines)
    message = message_from_bytes(field + b"\r\nbody", policy=policy.default)
    assert message.keys() == [name]
    assert not message.defects
    return message[name]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Weekly news",
        "Zwölf Neuigkeiten",
        "日本語のニュース" * 12,
        "a" * 60 + " " + "b" * 60 + " c",
        "double  blanks   stay",
        "=?utf-8?q?not_encoded?=",
        "100% = fine? (yes)",
        "emoji 🎉🎉🎉 " * 12,
        "x" * 3000,
        "ü " * 300,
    ],
)
def test_a_subject_reads_back_as_it_was_written(text):
    field = headers.unstructured("Subject", text, literal=True)
    assert parsed(field, "Subject") == text.strip()
    assert all(len(line) <= 78 for line in field.split(b"\r\n") if b" " in line.strip())


@given(ANY_TEXT)
def test_no_text_can_end_a_header_line(text):
    value = parsed(headers.unstructured("X-Note", text, literal=True), "X-Note")
    assert not set(value) & set("\r\n\0\u2028\u2029\x85")


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp", "Zs"]), max_size=300))
def test_any_printable_text_survives(text):
    text = "ü" + text
    field = headers.unstructured("Subject", text, literal=True)
    assert parsed(field, "Subject") == text
    assert all(len(line) <= 78 for line in field.split(b"\r\n"))


def test_a_value_made_of_header_lines_stays_one_header():
    field = headers.unstructured("Subject", "Hello\r\nBcc: all@example.com\r\n\r\nbody")
    assert field == b"Subject: Hello Bcc: all@example.com body\r\n"


@pytest.mark.parametrize("name", ["", "A B", "Bcc:", "X-Ü", "X\r\nBcc", "x" * 77, "\0"])
def test_a_name_that_is_no_field_name_is_refused(name):
    with pytest.raises(headers.InvalidHeader):
        headers.check_name(name)


@pytest.mark.parametrize(
    "name",
    ["", "Acme", 'The "Best", Inc.', "Zoë Ölm", "back\\slash", "=?utf-8?q?x?="],
)
def test_a_display_name_reads_back(name):
    field = headers.addresses("From", [Mailbox(name, "a@example.com")])
    assert parsed(field, "From").addresses == (Address(name, addr_spec="a@example.com"),)


@pytest.mark.parametrize("name", ["日本" * 40, "a" * 200, "Zoë " * 30 + "Ölm"])
def test_a_long_display_name_becomes_several_encoded_words(name):
    field = headers.addresses("From", [Mailbox(name, "a@example.com")])
    assert all(len(line) <= 78 for line in field.split(b"\r\n"))
    # Not email.headerregistry: it keeps the blank between two encoded words of a phrase (RFC 2047 6.2).
    words = decode_header(field.decode("ascii").removeprefix("From: ").partition("<")[0].strip())
    assert "".join(word.decode(charset) for word, charset in words) == name


@given(ANY_TEXT)
def test_no_display_name_can_add_an_address_or_a_line(name):
    field = headers.addresses("From", [Mailbox(name, "a@example.com")])
    assert [box.addr_spec for box in parsed(field, "From").addresses] == ["a@example.com"]


def test_several_addresses_share_a_field():
    boxes = [Mailbox("Doe, John", "john@example.com"), Mailbox("", "zoe@exämple.com")]
    field = headers.addresses("Cc", boxes)
    assert [box.addr_spec for box in parsed(field, "Cc").addresses] == [
        "john@example.com",
        "zoe@xn--exmple-cua.com",
    ]


@pytest.mark.parametrize("address", ["", "a", "a@b\r\nBcc: c@d.e", "a@b>,<c@d.e", "a@b.c, d@e.f"])
def test_an_address_that_would_break_out_is_refused(address):
    with pytest.raises(InvalidEmail):
        headers.addresses("To", [Mailbox("", address)])


def test_a_list_id_has_a_phrase_and_an_identifier():
    assert headers.list_id("news.example.com") == b"List-Id: <news.example.com>\r\n"
    value = parsed(headers.list_id("Wöchentlich <news.example.com>"), "List-Id")
    assert value == "Wöchentlich <news.example.com>"


@pytest.mark.parametrize("text", ["", "News <>", "a b", "x <a>\r\nBcc: y>"])
def test_a_bad_list_id_is_refused(text):
    with pytest.raises(headers.InvalidHeader):
        headers.list_id(text)


def test_the_date_is_written_once_a_second():
    now = 1_000_000_000.0
    date = headers.DateField(clock=lambda: now)
    first = date()
    assert parsed(first, "Date").datetime.timestamp() == now
    now += 0.5
    assert date() is first
    now += 0.5
    assert parsed(date(), "Date").datetime.timestamp() == now


def test_a_web_address_stays_on_its_line():
    assert headers.web_address("https://exämple.com/a\r\nb/") == b"https://ex%C3%A4mple.com/a%20b"
