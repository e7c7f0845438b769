"""The postback messenger and the guard before it, over real HTTP."""

import base64
import ipaddress
import socket
import threading
from collections import Counter

import pytest

from listmonk_py.mail import outbound
from listmonk_py.mail.outgoing import Attachment, Outcome, Parts
from listmonk_py.mail.postback import PostbackMessenger, PostbackSettings, postback_from_entry
from tests.mail.conftest import collect
from tests.mail.http_sink import HttpSink


@pytest.fixture(autouse=True)
def _loopback_is_allowed(settings):
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]


def parts(key: int = 1, **changes) -> Parts:
    given = {
        "subject": "Hällo",
        "from_email": "News <news@example.com>",
        "to": "zoe@example.com",
        "html": "<p>Hi</p>",
        "text": "Hi",
        "content_type": "html",
        "recipient": {
            "id": 7, "uuid": "u-1", "email": "zoe@example.com", "name": "Zoe", "attribs": {"city": "Köln"},
            "status": "enabled", "first_name": "Zoe",
        },
        "campaign": {
            "uuid": "c-1", "name": "May", "from_email": "News <news@example.com>", "headers": [], "tags": ["a"],
            "subject": "not sent",
        },
        "headers": [("X-Listmonk-Campaign", "c-1")],
        "attachments": (Attachment("a.txt", b"text", "text/plain", header={"Content-Type": ["text/plain"]}),),
    }  # fmt: skip
    return Parts(key, **{**given, **changes})


def messenger(url: str, **changes) -> PostbackMessenger:
    return PostbackMessenger(
        PostbackSettings(**{"uuid": "p", "name": "sms", "root_url": url, "timeout_s": 2, **changes})
    )


def send(target: PostbackMessenger, *messages: Parts):
    transmission = target.open("campaign", "news@example.com")
    transmission.send(messages)
    return collect(transmission)


def test_a_message_is_posted_in_listmonks_protocol():
    with HttpSink() as sink:
        results = send(messenger(f"{sink.url}/hook?x=1", username="me", password="pw"), parts())

    assert results[1][1:3] == (Outcome.ACCEPTED, 200)
    (request,) = sink.requests
    assert (request.method, request.path) == ("POST", "/hook?x=1")
    assert request.headers["User-Agent"] == "listmonk"
    assert request.headers["Authorization"] == "Basic " + base64.b64encode(b"me:pw").decode()
    assert request.headers["Host"] == sink.url.removeprefix("http://")
    assert request.json == {
        "subject": "Hällo",
        "from_email": "News <news@example.com>",
        "content_type": "html",
        "body": "<p>Hi</p>",
        "recipients": [
            {
                "uuid": "u-1", "email": "zoe@example.com", "name": "Zoe", "attribs": {"city": "Köln"},
                "status": "enabled",
            }
        ],
        "campaign": {
            "uuid": "c-1", "name": "May", "from_email": "News <news@example.com>", "headers": [], "tags": ["a"],
        },
        "attachments": [
            {"name": "a.txt", "header": {"Content-Type": ["text/plain"]}, "content": "dGV4dA=="}
        ],
        "altbody": "Hi",
        "headers": {"X-Listmonk-Campaign": "c-1"},
    }  # fmt: skip


def test_a_transactional_message_has_no_campaign_and_a_plain_one_its_text():
    with HttpSink() as sink:
        send(messenger(sink.url), parts(campaign=None, html=None, content_type="plain"))

    assert sink.requests[0].json["campaign"] is None
    assert (sink.requests[0].json["body"], sink.requests[0].json["altbody"]) == ("Hi", None)


def test_connections_are_kept_and_bounded():
    with HttpSink() as sink:
        results = send(messenger(sink.url, max_conns=3), *[parts(key) for key in range(60)])

    assert Counter(r.outcome for r in results.values()) == {Outcome.ACCEPTED: 60}
    assert len({request.peer for request in sink.requests}) <= 3


@pytest.mark.parametrize(
    ("answer", "outcome", "requests"),
    [
        ((201, b""), Outcome.FAILED, 1),
        ((302, b""), Outcome.FAILED, 1),
        ((422, b"no phone"), Outcome.FAILED, 1),
        ((401, b""), Outcome.SERVER, 1),
        ((404, b""), Outcome.SERVER, 1),
        ((429, b""), Outcome.SERVER, 2),
        ((503, b"down"), Outcome.SERVER, 2),
        (None, Outcome.UNKNOWN, 1),
    ],
)
def test_answers_are_told_apart(answer, outcome, requests):
    with HttpSink(lambda request: answer) as sink:
        results = send(messenger(sink.url, max_msg_retries=2), parts())

    assert results[1].outcome is outcome
    assert len(sink.requests) == requests
    if answer and answer[1]:
        assert answer[1].decode() in results[1].text


def test_one_failure_is_mended_by_the_second_try():
    answers = [(500, b"oops"), (200, b"")]
    with HttpSink(lambda request: answers.pop(0)) as sink:
        assert send(messenger(sink.url), parts())[1].outcome is Outcome.ACCEPTED


def test_no_answer_in_time_is_unknown():
    hold = threading.Event()
    with HttpSink(lambda request: (hold.wait(10), (200, b""))[1]) as sink:
        results = send(messenger(sink.url, timeout_s=0.2), parts())
        hold.set()

    assert results[1].outcome is Outcome.UNKNOWN


def test_a_server_that_is_away_rests_and_the_reason_is_told():
    with HttpSink() as sink:
        url = sink.url
    target = messenger(url, max_msg_retries=1)
    transmission = target.open("campaign", "x")
    for key in range(4):
        transmission.send([parts(key)])
        assert collect(transmission)[key].outcome is Outcome.SERVER

    assert "cannot be reached" in (transmission.fault or "")


def test_close_settles_what_is_still_out():
    hold = threading.Event()
    with HttpSink(lambda request: (hold.wait(10), (200, b""))[1]) as sink:
        transmission = messenger(sink.url, max_conns=1, timeout_s=10).open("campaign", "x")
        transmission.send([parts(1), parts(2)])
        while not sink.requests:
            transmission.wait(0.01)
        transmission.close(0.05)
        results = {r.key: r.outcome for r in transmission.wait(0)}
        hold.set()

    assert results == {1: Outcome.UNKNOWN, 2: Outcome.SERVER}
    assert transmission.pending == 0


def test_an_entry_of_the_settings_is_read():
    entry = {
        "uuid": "p", "enabled": True, "name": "sms", "root_url": "https://x.example.com", "username": "u",
        "password": "p", "max_conns": 4, "timeout": "1m", "max_msg_retries": 0,
    }  # fmt: skip
    read = postback_from_entry(entry)

    assert (read.max_conns, read.timeout_s, read.max_msg_retries) == (4, 60, 1)


# --- the guard -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://localhost/", "http://[::1]/", "http://10.1.2.3/", "http://192.168.0.1/",
        "http://169.254.169.254/latest/meta-data", "http://0.0.0.0/", "http://100.64.1.1/", "http://224.0.0.1/",
        "http://[::ffff:10.0.0.1]/", "http://[fe80::1]/", "http://[fc00::1]/", "http://[64:ff9b::a00:1]/",
        "http://[2002:0a00:0001::]/", "http://2130706433/", "http://0x7f.1/",
    ],
)  # fmt: skip
def test_private_addresses_in_every_disguise_are_refused(settings, url):
    settings.OUTBOUND_ALLOW = []

    with pytest.raises(outbound.OutboundRefused, match="not a public address"):
        outbound.resolve(url)


@pytest.mark.parametrize(
    "url", ["ftp://example.com/", "example.com", "http:///x", "http://h:99999/", "file:///etc"]
)
def test_what_is_no_http_url_is_refused(url):
    with pytest.raises(outbound.OutboundRefused):
        outbound.resolve(url)


@pytest.mark.parametrize("entry", ["*", "localhost", "LOCALHOST", "127.0.0.1", "127.0.0.0/8"])
def test_the_operator_may_allow_an_address(settings, entry):
    settings.OUTBOUND_ALLOW = [entry, "::1"]

    target = outbound.resolve("http://localhost:8080/a?b=c")

    assert (target.port, target.path, target.host_header) == (8080, "/a?b=c", "localhost:8080")


def test_public_addresses_pass():
    assert outbound.is_public(ipaddress.ip_address("93.184.216.34"))
    assert outbound.is_public(ipaddress.ip_address("2606:2800:220:1::1"))


def test_the_connection_goes_to_the_address_that_was_checked(settings, monkeypatch):
    """A name that leads elsewhere the second time is asked only once."""
    settings.OUTBOUND_ALLOW = ["rebind.example.com"]
    asked = []

    def resolver(host, port, **options):
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    with HttpSink() as sink:
        port = sink.url.rpartition(":")[2]
        original = socket.getaddrinfo
        monkeypatch.setattr(
            socket,
            "getaddrinfo",
            lambda h, p, *a, **o: resolver(h, p) if "rebind" in h else original(h, p, *a, **o),
        )
        answer = outbound.request("GET", f"http://rebind.example.com:{port}/")

    assert answer.status == 200
    assert asked == ["rebind.example.com"]
    assert sink.requests[0].headers["Host"] == f"rebind.example.com:{port}"
