"""Providers through django-anymail: the real backend of Postmark against an HTTP server of ours."""

import json

import pytest

from listmonk_py.api.errors import DomainError
from listmonk_py.configuration import secrets
from listmonk_py.configuration.validation import check_one
from listmonk_py.mail.anymail_messenger import (
    BACKENDS,
    AnymailMessenger,
    AnymailMisconfigured,
    anymail_from_entry,
    make_backend,
)
from listmonk_py.mail.anymail_options import for_backend
from listmonk_py.mail.outgoing import Outcome
from tests.mail.conftest import collect
from tests.mail.http_sink import HttpSink
from tests.mail.test_postback import parts

TAKEN = {
    "ErrorCode": 0,
    "Message": "OK",
    "MessageID": "m-1",
    "SubmittedAt": "2020-01-01T00:00:00Z",
    "To": "zoe@example.com",
}


def postmark(url: str, **changes) -> AnymailMessenger:
    entry = {
        "uuid": "a", "enabled": True, "name": "postmark", "backend": "postmark",
        "options": {"server_token": "s3cret", "api_url": url}, "max_conns": 2,
    }  # fmt: skip
    return AnymailMessenger(anymail_from_entry({**entry, **changes}))


def send(target: AnymailMessenger, *messages):
    transmission = target.open("transactional", "news@example.com")
    transmission.send(messages)
    return collect(transmission)


def answering(status: int, body: object):
    return HttpSink(lambda request: (status, json.dumps(body).encode()))


def test_a_message_reaches_the_provider_with_its_headers_and_attachments():
    with answering(200, TAKEN) as sink:
        results = send(postmark(sink.url), parts(1), parts(2))

    assert {r.outcome for r in results.values()} == {Outcome.ACCEPTED}
    assert results[1].text == "m-1"
    sent = sink.requests[0].json
    assert sink.requests[0].headers["X-Postmark-Server-Token"] == "s3cret"
    assert sent["HtmlBody"] == "<p>Hi</p>"
    assert sent["TextBody"] == "Hi"
    assert "zoe@example.com" in sent["To"]
    assert {"Name": "X-Listmonk-Campaign", "Value": "c-1"} in sent["Headers"]
    assert sent["Attachments"][0]["Name"] == "a.txt"


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (
            200,
            {
                "ErrorCode": 406,
                "Message": "Found inactive addresses: zoe@example.com. Inactive recipients are",
            },
            Outcome.FAILED,
        ),
        (422, {"ErrorCode": 300, "Message": "Invalid 'To' address: 'zoe@example.com'."}, Outcome.FAILED),
        (422, {"ErrorCode": 400, "Message": "Sender signature not found."}, Outcome.FAILED),
        (401, {"ErrorCode": 10, "Message": "Bad token"}, Outcome.SERVER),
        (429, {"ErrorCode": 429, "Message": "Too many"}, Outcome.SERVER),
        (500, {"ErrorCode": 100, "Message": "Maintenance"}, Outcome.SERVER),
        (200, "no json object", Outcome.UNKNOWN),
    ],
)
def test_answers_are_told_apart(status, body, outcome):
    with answering(status, body) as sink:
        assert send(postmark(sink.url), parts())[1].outcome is outcome


def test_a_provider_that_is_away_is_the_servers_fault_and_a_lost_answer_is_unknown():
    with HttpSink() as sink:
        url = sink.url
    assert send(postmark(url), parts())[1].outcome is Outcome.SERVER
    with HttpSink(lambda request: None) as sink:
        assert send(postmark(sink.url), parts())[1].outcome is Outcome.UNKNOWN


def test_a_key_never_appears_in_a_result():
    with answering(500, {"ErrorCode": 1, "Message": "api_key=s3cret-key rejected"}) as sink:
        assert "s3cret" not in send(postmark(sink.url), parts())[1].text


def test_a_header_with_a_line_end_fails_its_message_only():
    with answering(200, TAKEN) as sink:
        results = send(postmark(sink.url), parts(1, subject="a\r\nBcc: x@example.com"), parts(2))

    assert [results[key].outcome for key in (1, 2)] == [Outcome.FAILED, Outcome.ACCEPTED]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"backend": "pigeon"}, "no provider 'pigeon'"),
        ({"options": {}}, "SERVER_TOKEN"),
        ({"options": {"x": 1}}, ""),
    ],
)
def test_an_incomplete_entry_is_told_in_words(changes, words):
    result = send(postmark("http://127.0.0.1:1", **changes), parts())[1]

    assert result.outcome is Outcome.SERVER
    assert words in result.text


MARKS = [
    ("X-Listmonk-Campaign", "11111111-1111-4111-8111-111111111111"),
    ("X-Listmonk-Subscriber", "22222222-2222-4222-8222-222222222222"),
]


def test_a_message_carries_what_its_reports_shall_bring_back():
    with answering(200, TAKEN) as sink:
        send(postmark(sink.url), parts(headers=MARKS))
        send(postmark(sink.url), parts(headers=[]))

    marked, unmarked = (request.json for request in sink.requests)
    assert marked["Metadata"] == {
        "listmonk_campaign": "11111111-1111-4111-8111-111111111111",
        "listmonk_subscriber": "22222222-2222-4222-8222-222222222222",
    }
    assert all(len(name) <= 20 and name.replace("_", "").isalnum() for name in marked["Metadata"])
    assert "Metadata" not in unmarked


def test_a_provider_without_metadata_is_given_none():
    answer = {"status": "success", "data": {"message_id": "m", "messages": {"zoe@example.com": {"id": 1}}}}
    entry = {"uuid": "a", "name": "p", "backend": "postal", "options": {"api_key": "k"}}
    with answering(200, answer) as sink:
        entry["options"]["api_url"] = sink.url
        results = send(AnymailMessenger(anymail_from_entry(entry)), parts(headers=MARKS))

    assert results[1].outcome is Outcome.ACCEPTED
    assert sink.requests[0].json["headers"]["X-Listmonk-Campaign"] == MARKS[0][1]


def test_entries_stay_keys_and_a_backend_gets_no_secret_of_its_webhook():
    given = {"Client_Params": {"region_name": "x"}, "webhook_secret": "a:b", "api_key": "k"}
    settings = anymail_from_entry({"uuid": "a", "name": "p", "backend": "brevo", "options": given})

    assert hash(settings) == hash(
        anymail_from_entry({"uuid": "a", "name": "p", "backend": "brevo", "options": given})
    )
    assert for_backend("brevo", settings.options) == {"client_params": {"region_name": "x"}, "api_key": "k"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "object"),
        ({"api_key": None}, "options.api_key"),
        ({"api_key": ["x"]}, "options.api_key"),
        ({"client_params": {"config": {"retries": 5}}}, "options.client_params"),
        ({"webhook_secret": "password"}, "user name and a password"),
    ],
)
def test_options_that_cannot_be_stored(options, words):
    entry = {"name": "p", "backend": "brevo", "options": options}

    with pytest.raises(DomainError, match=words):
        check_one("anymail", [entry])


def test_a_masked_password_of_a_webhook_may_come_back():
    entry = {"name": "p", "backend": "brevo", "options": {"webhook_secret": secrets.mask("hooks:x")}}

    assert check_one("anymail", [entry])[0]["options"] == entry["options"]


@pytest.mark.parametrize("backend", sorted(set(BACKENDS) - {"amazon_ses"}))
def test_every_backend_we_name_exists(backend):
    settings = anymail_from_entry({"uuid": "x", "name": "x", "backend": backend, "options": {"api_key": "k"}})
    try:
        backend_made = make_backend(settings)
    except AnymailMisconfigured as fault:
        backend_made, said = None, fault.message
    assert backend_made is not None or "must set" in said or "package" in said
