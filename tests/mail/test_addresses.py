import pytest
from hypothesis import given
from hypothesis import strategies as st

from listmonk_py.mail.addresses import (
    DomainRefused,
    DomainRules,
    InvalidEmail,
    Mailbox,
    envelope_address,
    name_from_email,
    normalise_email,
    parse_mailbox,
    parse_mailboxes,
)


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("  John.Doe+news@Example.COM ", "john.doe+news@example.com"),
        ("root@localhost", "root@localhost"),
        ("o'neil@example.ie", "o'neil@example.ie"),
        ("Zoë@Exämple.com", "zoë@exämple.com"),
        ('"john doe"@example.com', '"john doe"@example.com'),
        ("a@xn--exmple-cua.com", "a@xn--exmple-cua.com"),
    ],
)
def test_an_address_is_trimmed_and_lower_cased(text, stored):
    assert normalise_email(text) == stored


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain",
        "a@",
        "@b.com",
        "a@b@c.com",
        "a b@c.com",
        "Name <a@b.com>",
        "<a@b.com>",
        "a..b@c.com",
        ".a@c.com",
        "a@-c.com",
        "a@c..com",
        "a@c.com,b@c.com",
        "a@c.com\r\nBcc: x@y.com",
        "a@c.com\n.",
        "a\x00@c.com",
        "a\u2028@c.com",
        "a@c.com\u2029",
        "x" * 1000 + "@example.com",
    ],
)
def test_what_is_not_a_bare_address_is_refused_with_a_reason(text):
    text = text if text.strip() == text else text + "x"
    with pytest.raises(InvalidEmail) as caught:
        normalise_email(text)
    assert caught.value.message == "Invalid email."
    assert caught.value.reason


@given(st.text(max_size=60))
def test_no_accepted_address_can_break_out_of_a_header_or_a_command(text):
    try:
        email = normalise_email(text + "@example.com")
    except InvalidEmail:
        return
    assert email.isprintable()
    octets, smtputf8 = envelope_address(email)
    assert not set(octets) & set(b"\r\n\0<>")
    assert smtputf8 or octets.isascii()


def test_normalising_twice_changes_nothing():
    once = normalise_email("ZOË@EXÄMPLE.com")
    assert normalise_email(once) == once


@pytest.mark.parametrize(
    ("email", "name"),
    [
        ("john.doe@example.com", "John Doe"),
        ("JANE@example.com", "Jane"),
        ("o'neil.x@example.com", "O'neil X"),
        ("anna-maria@example.com", "Anna-Maria"),
    ],
)
def test_a_name_is_derived_from_the_local_part(email, name):
    assert name_from_email(email) == name


@pytest.mark.parametrize(
    ("text", "mailbox"),
    [
        ("a@b.com", Mailbox("", "a@b.com")),
        ("<a@b.com>", Mailbox("", "a@b.com")),
        ("News <News@b.com>", Mailbox("News", "News@b.com")),
        ('"Acme, Inc." <a@b.com>', Mailbox("Acme, Inc.", "a@b.com")),
        ('"A \\"B\\" C" <a@b.com>', Mailbox('A "B" C', "a@b.com")),
        ("Zoë Ölm <a@exämple.com>", Mailbox("Zoë Ölm", "a@exämple.com")),
        ("Bad\r\nBcc: x@y.z <a@b.com>", Mailbox("Bad Bcc: x@y.z", "a@b.com")),
    ],
)
def test_a_mailbox_is_read(text, mailbox):
    assert parse_mailbox(text) == mailbox


@pytest.mark.parametrize("text", ["", "Name", "Name <>", "Name <a@b", "a@b.com>", "x <a@b.com> y"])
def test_a_mailbox_without_an_address_is_refused(text):
    with pytest.raises(InvalidEmail):
        parse_mailbox(text)


def test_writing_and_reading_a_mailbox_is_the_identity():
    mailbox = Mailbox('A "B" \\ C, D', "a@b.com")
    assert parse_mailbox(str(mailbox)) == mailbox


def test_a_list_is_split_at_commas_outside_quotes():
    assert parse_mailboxes('a@b.com, "Doe, John" <c@d.com>,') == [
        Mailbox("", "a@b.com"),
        Mailbox("Doe, John", "c@d.com"),
    ]


@pytest.mark.parametrize(
    ("address", "octets", "smtputf8"),
    [
        ("a@b.com", b"a@b.com", False),
        ("a@exämple.com", b"a@xn--exmple-cua.com", False),
        ("zoë@exämple.com", "zoë@xn--exmple-cua.com".encode(), True),
    ],
)
def test_an_international_domain_becomes_ascii_in_the_envelope(address, octets, smtputf8):
    assert envelope_address(address) == (octets, smtputf8)


def test_an_address_too_long_for_smtp_is_refused():
    with pytest.raises(InvalidEmail, match=r"Invalid email"):
        envelope_address("x" * 300 + "@example.com")


@pytest.mark.parametrize(
    ("allow", "block", "email", "permitted"),
    [
        ([], [], "a@b.com", True),
        ([], ["b.com"], "a@b.com", False),
        ([], ["b.com"], "a@x.b.com", True),
        ([], ["*.b.com"], "a@b.com", False),
        ([], ["*.b.com"], "a@x.b.com", False),
        ([], ["*.b.com"], "a@y.x.b.com", True),
        (["b.com"], ["b.com"], "a@b.com", True),
        (["b.com"], [], "a@c.com", False),
        ([], ["EXÄMPLE.com"], "a@xn--exmple-cua.com", False),
        ([], ["  "], "a@b.com", True),
    ],
)
def test_domain_rules(allow, block, email, permitted):
    rules = DomainRules(allow, block)
    assert rules.permits(email) is permitted
    if not permitted:
        with pytest.raises(DomainRefused):
            rules.check(email)
