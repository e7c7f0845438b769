"""POST /api/settings/smtp/test: a real mail to a real server, and the server's words when it fails."""

import socket

import pytest

from listmonk_py.configuration import runtime
from listmonk_py.configuration.registry import smtp_server
from tests.factories import call, make_api_client
from tests.sinks import SmtpSink

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]
UUID = "3f8a4b0e-0000-4000-8000-000000000001"


@pytest.fixture
def admin():
    return make_api_client(superadmin=True)


@pytest.fixture
def sink():
    with SmtpSink(auth={"user": "s3cret"}) as one:
        yield one


def attempt(client, sink, **changes):
    entry = {
        "uuid": UUID,
        "host": "127.0.0.1",
        "port": sink.port,
        "auth_protocol": "plain",
        "username": "user",
        "password": "s3cret",
        "tls_type": "none",
        "email": "test@example.com",
    }
    return call(client, "POST", "/api/settings/smtp/test", {**entry, **changes})


def test_a_mail_arrives_and_the_answer_says_so(admin, sink):
    status, answer = attempt(admin, sink)

    assert status == 200
    assert any("250" in line for line in answer["data"])
    assert [message.recipients for message in sink.messages] == [("test@example.com",)]
    assert b"Subject: SMTP test of Mailing list" in sink.messages[0].data
    assert "s3cret" not in str(answer)


def test_the_stored_password_is_used_when_the_mask_comes_back(admin, sink):
    runtime.save({"smtp": [smtp_server(uuid=UUID, host="127.0.0.1", password="s3cret")]})

    assert attempt(admin, sink, password="••••••")[0] == 200


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"email": None}, "email"),
        ({"email": "nobody"}, "email"),
        ({"host": ""}, "host"),
        ({"port": 0}, "smtp.port"),
        ({"password": "wrong"}, "535"),
        ({"tls_type": "STARTTLS"}, "STARTTLS"),
    ],
)
def test_what_is_wrong_is_told_in_the_servers_words(admin, sink, changes, words):
    status, answer = attempt(admin, sink, **changes)

    assert status == 400
    assert words in answer["message"]
    assert sink.messages == []


def test_a_server_that_is_not_there_is_told(admin, sink):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    status, answer = attempt(admin, sink, port=port)

    assert status == 400
    assert f"127.0.0.1:{port}" in answer["message"]
