"""The test server itself, asked by the standard library's client."""

import smtplib

import pytest

from tests.sinks import Fault, SmtpSink

BODY = "Subject: Hello\r\nMessage-ID: <one@example.com>\r\n\r\n.a dot first\r\n"


def test_a_message_is_recorded_as_it_was_meant():
    with SmtpSink() as sink, smtplib.SMTP("127.0.0.1", sink.port) as client:
        client.sendmail("a@example.com", ["b@example.com", "c@example.com"], BODY)

    assert sink.wait_for(1)
    (message,) = sink.messages
    assert message.recipients == ("b@example.com", "c@example.com")
    assert message.message_id == "<one@example.com>"
    assert message.parsed.get_content() == ".a dot first\r\n"
    assert not sink.violations


def test_a_script_is_used_up():
    with SmtpSink() as sink, smtplib.SMTP("127.0.0.1", sink.port) as client:
        sink.script("rcpt", "451 4.2.1 Later", address="B@example.com", times=1)

        with pytest.raises(smtplib.SMTPRecipientsRefused):
            client.sendmail("a@example.com", ["b@example.com"], BODY)
        client.sendmail("a@example.com", ["b@example.com"], BODY)

    assert sink.recipients == ["b@example.com"]


def test_a_drop_after_the_body_is_recorded_without_a_reply():
    with SmtpSink() as sink:
        sink.script("dot", Fault.DROP)
        client = smtplib.SMTP("127.0.0.1", sink.port)
        with pytest.raises(smtplib.SMTPServerDisconnected):
            client.sendmail("a@example.com", ["b@example.com"], BODY)
        client.close()

    assert [m.reply for m in sink.messages] == [None]


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
def test_a_login_is_checked(mechanism):
    with SmtpSink(auth={"me": "secret"}, auth_mechanisms=(mechanism,)) as sink:
        with smtplib.SMTP("127.0.0.1", sink.port) as client:
            client.login("me", "secret")
            client.sendmail("a@example.com", ["b@example.com"], BODY)
        with smtplib.SMTP("127.0.0.1", sink.port) as client, pytest.raises(smtplib.SMTPAuthenticationError):
            client.login("me", "wrong")

    assert [m.user for m in sink.messages] == ["me"]
