"""The registry of messengers, from entries of the settings and from the settings themselves."""

import pytest

from listmonk_py.configuration import runtime
from listmonk_py.mail import messengers
from listmonk_py.mail.outgoing import Outcome
from tests.mail.conftest import collect, letter
from tests.sinks import SmtpSink


def smtp(number: int, **changes) -> dict:
    entry = {
        "uuid": f"smtp-{number}", "name": "", "enabled": True, "host": "127.0.0.1", "port": 25, "weight": 1,
        "auth_protocol": "none", "username": "", "password": "", "hello_hostname": "", "tls_type": "none",
        "tls_skip_verify": False, "max_conns": 2, "idle_timeout": "15s", "wait_timeout": "1s",
        "max_msg_retries": 2, "msg_retry_delay": "10ms", "email_headers": [], "from_addresses": [],
    }  # fmt: skip
    return {**entry, **changes}


POSTBACK = {
    "uuid": "p",
    "enabled": True,
    "name": "sms",
    "root_url": "https://sms.example.com",
    "timeout": "5s",
}
PROVIDER = {
    "uuid": "a",
    "enabled": True,
    "name": "mailgun",
    "backend": "mailgun",
    "options": {"api_key": "k"},
}


def names(*arguments) -> list[str]:
    registry = messengers.Registry()
    registry.load(*arguments)
    return list(registry._messengers)


def test_the_names_are_in_listmonks_order():
    servers = [
        smtp(1),
        smtp(2, name="email-b"),
        smtp(3, name="email-a"),
        smtp(4, name="email-off", enabled=False),
    ]

    assert names(servers, [POSTBACK], [PROVIDER]) == ["email", "email-b", "email-a", "mailgun", "sms"]


def test_a_single_server_is_no_messenger_of_its_own():
    assert names([smtp(1, name="email-a"), smtp(2, enabled=False)], [], []) == ["email"]


def test_what_is_switched_off_is_not_there():
    assert names([], [{**POSTBACK, "enabled": False}], [{**PROVIDER, "enabled": False}]) == ["email"]


def test_http_messengers_are_kept_while_their_settings_are_the_same():
    registry = messengers.Registry()
    registry.load([], [POSTBACK], [PROVIDER])
    before = dict(registry._messengers)

    registry.load([], [{**POSTBACK, "timeout": "6s"}], [PROVIDER])

    assert registry._messengers["mailgun"] is before["mailgun"]
    assert registry._messengers["sms"] is not before["sms"]


@pytest.fixture
def fresh(monkeypatch):
    """A registry of this test's own, which reads the settings of this test's database."""
    runtime.forget()
    registry = messengers.Registry()
    monkeypatch.setattr(messengers, "_registry", registry)
    yield
    registry.servers.refresh = lambda: None
    registry.servers.update([])
    runtime.forget()


@pytest.mark.django_db
def test_an_unknown_name_is_told_with_those_there_are(fresh):
    with pytest.raises(messengers.UnknownMessenger, match=r"no messenger 'pigeon'. There are: email"):
        messengers.get("pigeon")


@pytest.mark.django_db
def test_a_change_of_the_settings_reaches_an_open_transmission(fresh, redis):
    with SmtpSink() as old, SmtpSink() as new:
        runtime.save({"smtp": [smtp(1, port=old.port)]})
        transmission = messengers.get().open("campaign", "from@example.com")
        transmission.send([letter(1)])
        assert collect(transmission)[1].outcome is Outcome.ACCEPTED

        runtime.save({"smtp": [smtp(1, port=new.port)]})
        transmission.send([letter(2)])
        assert collect(transmission)[2].outcome is Outcome.ACCEPTED

    assert [len(old.accepted), len(new.accepted)] == [1, 1]


@pytest.mark.django_db
def test_a_named_server_is_its_own_messenger(fresh, redis):
    with SmtpSink() as one, SmtpSink() as two:
        runtime.save({"smtp": [smtp(1, port=one.port), smtp(2, port=two.port, name="email-two")]})
        transmission = messengers.get("email-two").open("transactional", "from@example.com")
        transmission.send([letter(key) for key in range(5)])
        collect(transmission)

    assert [len(one.accepted), len(two.accepted)] == [0, 5]
