"""Amazon SES through Anymail: its real backend and boto3, against a server of ours that answers like SES v2."""

import base64
import email
import email.policy
import json

import pytest

from listmonk_py.configuration.validation import check_one
from listmonk_py.mail.anymail_messenger import AnymailMessenger, anymail_from_entry
from listmonk_py.mail.outgoing import Attachment, Outcome
from tests.mail.http_sink import HttpSink
from tests.mail.test_anymail_messenger import send
from tests.mail.test_postback import parts

pytest.importorskip("boto3", reason="needs the extra aws")

TAKEN = (200, b'{"MessageId": "0100018f-1"}')


@pytest.fixture(autouse=True)
def nothing_from_the_environment(monkeypatch, tmp_path):
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def amazon(url, **changes):
    """The messenger for an entry as staff store it."""
    client = {
        "region_name": "eu-west-1", "endpoint_url": url, "aws_access_key_id": "AKIDEXAMPLE",
        "aws_secret_access_key": "secret", **changes,
    }  # fmt: skip
    given = {
        "uuid": "", "enabled": True, "name": "ses", "backend": "amazon_ses", "max_conns": 1,
        "options": {
            "client_params": {name: value for name, value in client.items() if value},
            "webhook_secret": "hooks:s3cret",
        },
    }  # fmt: skip
    (entry,) = check_one("anymail", [given])
    return AnymailMessenger(anymail_from_entry(entry))


def test_a_message_reaches_ses_as_raw_mime():
    message = parts(
        1,
        cc=("boss@example.com",),
        bcc=("archive@example.com",),
        html="<p>Grüße, Zoë</p><img src=cid:pic>",
        text="Grüße, Zoë",
        attachments=(
            Attachment("a.txt", b"text", "text/plain"),
            Attachment("p.png", b"\x89PNG", "image/png", inline_id="pic"),
        ),
        headers=[
            ("X-Listmonk-Campaign", "11111111-1111-4111-8111-111111111111"),
            ("X-Listmonk-Subscriber", "22222222-2222-4222-8222-222222222222"),
            ("List-Unsubscribe", "<https://example.com/u>"),
        ],
    )
    with HttpSink(lambda request: TAKEN) as sink:
        result = send(amazon(sink.url), message)[1]

    assert (result.outcome, result.text) == (Outcome.ACCEPTED, "0100018f-1")
    (request,) = sink.requests
    assert request.path == "/v2/email/outbound-emails"
    assert "AKIDEXAMPLE/" in request.headers["Authorization"]
    assert "/eu-west-1/ses/aws4_request" in request.headers["Authorization"]
    assert request.json["Destination"] == {
        "ToAddresses": ["zoe@example.com"],
        "CcAddresses": ["boss@example.com"],
        "BccAddresses": ["archive@example.com"],
    }
    raw = base64.b64decode(request.json["Content"]["Raw"]["Data"])
    assert raw.isascii()
    read = email.message_from_bytes(raw, policy=email.policy.default)
    assert (read["Subject"], str(read["From"])) == ("Hällo", "News <news@example.com>")
    assert (read["To"], read["Cc"], read["Bcc"]) == ("Zoe <zoe@example.com>", "boss@example.com", None)
    assert read["List-Unsubscribe"] == "<https://example.com/u>"
    assert read["X-Listmonk-Campaign"] == "11111111-1111-4111-8111-111111111111"
    assert json.loads(read["X-Metadata"]) == {
        "listmonk_campaign": "11111111-1111-4111-8111-111111111111",
        "listmonk_subscriber": "22222222-2222-4222-8222-222222222222",
    }
    assert len(read.get_all("X-Listmonk-Campaign")) == len(read.get_all("From")) == 1
    assert read.get_body(("html",)).get_content().strip() == "<p>Grüße, Zoë</p><img src=cid:pic>"
    assert read.get_body(("plain",)).get_content().strip() == "Grüße, Zoë"
    files = {part.get_content_type(): part for part in read.walk() if part.get_content_disposition()}
    assert files["text/plain"].get_filename() == "a.txt"
    assert (files["image/png"].get_content(), files["image/png"]["Content-ID"]) == (b"\x89PNG", "<pic>")


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [
        (400, "MessageRejected", Outcome.FAILED),
        (400, "BadRequestException", Outcome.FAILED),
        (400, "LimitExceededException", Outcome.SERVER),
        (400, "SendingPausedException", Outcome.SERVER),
        (400, "AccountSuspendedException", Outcome.SERVER),
        (400, "MailFromDomainNotVerifiedException", Outcome.SERVER),
        (403, "InvalidClientTokenId", Outcome.SERVER),
        (429, "TooManyRequestsException", Outcome.SERVER),
        (500, "InternalFailure", Outcome.SERVER),
    ],
)
def test_errors_are_told_apart_and_never_tried_again_behind_our_back(status, code, outcome):
    body = json.dumps({"__type": code, "message": f"{code} happened"}).encode()
    with HttpSink(lambda request: (status, body)) as sink:
        result = send(amazon(sink.url), parts())[1]

    assert (result.outcome, result.code) == (outcome, status)
    assert f"{code} happened" in result.text
    assert len(sink.requests) == 1


def test_a_lost_answer_is_unknown_and_not_sent_twice():
    with HttpSink(lambda request: None) as sink:
        result = send(amazon(sink.url), parts())[1]

    assert result.outcome is Outcome.UNKNOWN
    assert len(sink.requests) == 1


def test_what_never_got_out_is_the_servers_fault():
    with HttpSink() as sink:
        url = sink.url

    assert send(amazon(url), parts())[1].outcome is Outcome.SERVER


def test_an_answer_that_cannot_be_read_is_unknown():
    with HttpSink(lambda request: (200, b"{}")) as sink:
        assert send(amazon(sink.url), parts())[1].outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"region_name": None, "endpoint_url": None}, "region"),
        ({"aws_access_key_id": None, "aws_secret_access_key": None}, "credentials"),
    ],
)
def test_what_is_missing_is_told_in_words(changes, words):
    with HttpSink(lambda request: TAKEN) as sink:
        result = send(amazon(sink.url, **changes), parts())[1]

    assert result.outcome is Outcome.SERVER
    assert words in result.text
    assert sink.requests == []
