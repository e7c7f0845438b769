"""Transactional mail: stored, sent once, retried, flagged when in doubt."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from campaigns.models import Template
from campaigns.transactional import sending
from campaigns.transactional.models import TxAttachment, TxMessage
from listmonk_py.configuration import runtime
from listmonk_py.mail.pacing import Pacer
from tests.factories import call, make_api_client, make_subscriber

pytestmark = pytest.mark.django_db


@pytest.fixture
def client():
    return make_api_client("tx:send")


@pytest.fixture
def template():
    return Template.objects.create(
        name="Receipt",
        type="tx",
        subject="Order {{ .Tx.Data.order }}",
        body="<p>Order {{ .Tx.Data.order }} for {{ .Subscriber.Name }}</p>",
    )


def post(client, template, **fields):
    return call(client, "POST", "/api/tx", {"template_id": template.pk, "data": {"order": 7}, **fields})


def test_every_recipient_gets_their_own_words(client, template, sink):
    people = [make_subscriber(name="Ann"), make_subscriber(name="Cid")]

    status, answer = post(
        client,
        template,
        subscriber_ids=[person.pk for person in people],
        subject="{{ .Subscriber.Name }}: {{ .Tx.Data.order }}",
        headers=[{"X-A": "1"}],
    )
    sending.send_due()

    assert (status, answer) == (200, {"data": True})
    got = {message.recipients[0]: message.parsed for message in sink.accepted}
    assert {address: mail["subject"] for address, mail in got.items()} == {
        people[0].email: "Ann: 7",
        people[1].email: "Cid: 7",
    }
    assert "for Ann" in got[people[0].email].get_content()
    assert got[people[0].email]["x-a"] == "1"
    assert set(TxMessage.objects.values_list("status", flat=True)) == {"sent"}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"subscriber_email": "a@example.com", "subscriber_emails": ["b@example.com"]},
        {"subscriber_ids": [1], "subscriber_emails": ["cid@example.com"]},
        {"subscriber_mode": "external", "subscriber_ids": [1]},
        {"subscriber_mode": "x", "subscriber_emails": ["cid@example.com"]},
        {"subscriber_mode": "external", "subscriber_emails": ["nope"]},
        {"subscriber_mode": "external", "subscriber_emails": ["a@example.com"], "messenger": "pigeon"},
        {"subscriber_mode": "external", "subscriber_emails": ["a@example.com"], "from_email": "nope"},
        {"subscriber_mode": "external", "subscriber_emails": ["a@example.com"], "template_id": 999},
        {"subscriber_mode": "external", "subscriber_emails": ["a@example.com"], "content_type": "rtf"},
    ],
)
def test_what_is_wrong_stores_nothing(client, template, sink, fields):
    status, answer = post(client, template, **fields)

    assert status == 400
    assert answer["message"]
    assert not TxMessage.objects.exists()


def test_those_who_are_known_get_it_and_the_others_are_named(client, template, sink):
    person = make_subscriber()

    status, answer = post(client, template, subscriber_emails=[person.email.upper(), "nobody@example.com"])
    sending.send_due()

    assert status == 400
    assert "nobody@example.com" in answer["message"]
    assert sink.recipients == [person.email]


def test_strangers_need_the_right_mode(client, template, sink):
    post(client, template, subscriber_mode="fallback", subscriber_emails=["new@example.com"])
    sending.send_due()

    assert sink.recipients == ["new@example.com"]


def test_attachments_travel_and_are_gone_afterwards(client, template, sink):
    person = make_subscriber()
    data = f'{{"subscriber_id": {person.pk}, "template_id": {template.pk}, "data": {{"order": 3}}}}'

    response = client.post("/api/tx", {"data": data, "file": SimpleUploadedFile("a.txt", b"words")})
    sending.send_due()

    assert response.status_code == 200
    [mail] = sink.accepted
    [attachment] = mail.parsed.iter_attachments()
    assert (attachment.get_filename(), attachment.get_content().strip()) == ("a.txt", "words")
    assert not TxAttachment.objects.exists()


def test_a_refusal_is_kept_with_the_servers_words(client, template, sink):
    person = make_subscriber()
    sink.script("rcpt", "550 5.1.1 no such user", address=person.email)
    status, _ = post(client, template, subscriber_ids=[person.pk])
    sending.send_due()

    message = TxMessage.objects.get()
    assert (status, message.status, message.code) == (200, "failed", 550)
    shown = call(client, "GET", f"/api/tx/{message.uuid}")[1]["data"]
    assert "no such user" in shown["text"]


def test_a_temporary_refusal_is_retried(client, template, sink):
    person = make_subscriber()
    sink.script("rcpt", "451 4.2.0 later", address=person.email, times=1)
    post(client, template, subscriber_ids=[person.pk])
    sending.send_due()
    assert TxMessage.objects.get().status == "deferred"

    TxMessage.objects.update(next_at=timezone.now())
    sending.send_due()

    assert TxMessage.objects.get().status == "sent"


def test_a_server_that_has_had_its_quota_gets_the_rest_later(client, template, sink, redis):
    Pacer(redis).vouch()
    limited = [{**entry, "sliding_window_rate": 1} for entry in runtime.get("smtp")]
    unlimited = runtime.get("smtp")
    runtime.save({"smtp": limited})
    people = [make_subscriber(), make_subscriber()]
    post(client, template, subscriber_ids=[person.pk for person in people])
    sending.send_due()
    assert sorted(TxMessage.objects.values_list("status", "attempts")) == [("deferred", 0), ("sent", 0)]
    assert "limit" in TxMessage.objects.get(status="deferred").text

    runtime.save({"smtp": unlimited})
    TxMessage.objects.update(next_at=timezone.now())
    sending.send_due()

    assert len(sink.accepted) == 2


def test_the_same_key_sends_once(client, template, sink):
    person = make_subscriber()
    body = {"template_id": template.pk, "subscriber_ids": [person.pk]}
    headers = {"Idempotency-Key": "k1"}

    first = client.post("/api/tx", body, "application/json", headers=headers)
    again = client.post("/api/tx", body, "application/json", headers=headers)
    other = client.post("/api/tx", {**body, "subject": "else"}, "application/json", headers=headers)
    sending.send_due()

    assert (first.status_code, again.status_code, other.status_code) == (200, 200, 409)
    assert first.headers["X-Message-Ids"] == again.headers["X-Message-Ids"]
    assert len(sink.accepted) == 1


def test_a_dead_workers_message_goes_out_once_more_flagged_and_then_is_unknown(client, template, sink):
    person = make_subscriber()
    post(client, template, subscriber_ids=[person.pk])
    sending.claim()
    TxMessage.objects.update(lease_until=timezone.now() - timedelta(seconds=1))

    [claimed] = sending.claim()
    assert claimed.possible_duplicate
    TxMessage.objects.update(lease_until=timezone.now() - timedelta(seconds=1))

    assert sending.claim() == []
    assert TxMessage.objects.get().status == "unknown"
    assert sink.accepted == []


def test_nobody_without_the_permission_sends(template):
    assert post(make_api_client("campaigns:get"), template, subscriber_ids=[1])[0] == 403
