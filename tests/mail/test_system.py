"""The product's own mails: stored with what caused them, sent in time, sent again when it failed."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from listmonk_py.configuration import runtime
from listmonk_py.configuration.registry import smtp_server
from listmonk_py.mail import messengers, system
from listmonk_py.mail.models import SystemMail
from listmonk_py.mail.outgoing import Attachment
from tests.sinks import SmtpSink

PERSON = "33333333-3333-4333-8333-333333333333"

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sink(redis):
    with SmtpSink() as running:
        server = smtp_server(
            uuid="22222222-2222-4222-8222-222222222222",
            host=running.host,
            port=running.port,
            auth_protocol="none",
            tls_type="none",
        )
        runtime.save(
            {
                "smtp": [server],
                "app.from_email": "Harbour <news@example.org>",
                "app.site_name": "Harbour {{ Letters }}",
                "app.root_url": "https://lists.example.com/",
            }
        )
        messengers._registry._version = None
        messengers.refresh()
        yield running


def send(to="ann@example.com", **more):
    context = {"name": "Ann <b> {{ subscriber.email }}", "url": "https://x.example/?a=1&b=2", "minutes": 30}
    return system.send_system_mail("forgot_password", to, context, **more)


def due_again():
    SystemMail.objects.update(next_at=timezone.now() - timedelta(seconds=1))


def test_a_mail_arrives_with_subject_both_parts_headers_and_file(sink):
    file = Attachment("data.json", b'{"a": 1}', "application/json")
    send(
        headers=[("X-Listmonk-Subscriber", PERSON), ("List-Unsubscribe", "<https://x.example/u>")],
        attachments=[file],
    )

    assert system.send_due() == 1

    [received] = sink.messages
    mail = received.parsed
    html, text = (mail.get_body((kind,)).get_content() for kind in ("html", "plain"))
    assert received.recipients == ("ann@example.com",)
    assert mail["subject"] == "Set a new password"
    assert mail["from"] == "Harbour <news@example.org>"
    assert mail["auto-submitted"] == "auto-generated"
    assert mail["x-listmonk-subscriber"] == PERSON
    assert mail["list-unsubscribe"] == "<https://x.example/u>"
    assert "Ann &lt;b&gt; {{ subscriber.email }}" in html  # data is not template syntax
    assert "Ann <b> {{ subscriber.email }}" in text
    assert "https://x.example/?a=1&b=2" in text
    assert [part.get_content() for part in mail.iter_attachments()] == [b'{"a": 1}']


def test_what_it_said_is_forgotten_once_it_is_out(sink):
    send()
    system.send_due()

    row = SystemMail.objects.get()
    assert (row.status, row.html, row.attachments) == ("sent", "", [])


def test_a_mail_of_a_transaction_that_fails_never_leaves(sink):
    with transaction.atomic():
        send()
        transaction.set_rollback(True)

    assert system.send_due() == 0
    assert sink.messages == []


def test_a_refusal_for_now_is_tried_again_and_a_final_one_is_not(sink):
    sink.script("rcpt", "451 4.3.0 Later", address="later@example.com", times=1)
    sink.script("rcpt", "550 5.1.1 No such user", address="gone@example.com")
    send("later@example.com")
    send("gone@example.com")

    system.send_due()
    assert dict(SystemMail.objects.values_list("to", "status")) == {
        "later@example.com": "waiting",
        "gone@example.com": "failed",
    }
    due_again()
    system.send_due()

    assert SystemMail.objects.get(to="later@example.com").status == "sent"
    failed = SystemMail.objects.get(to="gone@example.com")
    assert (failed.status, failed.attempts, failed.html) == ("failed", 1, "")
    assert "No such user" in failed.error


def test_while_the_server_is_away_no_attempt_is_used(sink):
    port = sink.port
    sink.stop()
    send()

    system.send_due()

    row = SystemMail.objects.get()
    assert (row.status, row.attempts) == ("waiting", 0)
    assert row.next_at > timezone.now()
    assert port


def test_what_a_dead_worker_held_is_due_after_its_lease(sink):
    send()
    system._claim()  # and the worker dies
    assert system.send_due() == 0

    due_again()

    assert system.send_due() == 1


def test_old_rows_go(sink):
    send()
    system.send_due()
    send()
    SystemMail.objects.update(created_at=timezone.now() - timedelta(days=31))

    assert system.forget_old() == 1
    assert SystemMail.objects.get().status == "waiting"


@pytest.mark.parametrize(
    ("template", "context"),
    [
        (
            "subscriber_optin",
            {"lists": [{"name": "News"}], "optin_url": "https://x/", "unsubscribe_url": "y"},
        ),
        ("subscriber_data", {"name": "Ann"}),
        ("campaign_status", {"name": "May", "status": "finished", "url": "https://x/", "sent": 1}),
        ("import_status", {"name": "a.csv", "status": "finished", "imported": 1, "total": 2, "rejected": 1}),
    ],
)
def test_every_template_renders_to_a_mail_with_a_subject(sink, template, context):
    mail = system.send_system_mail(template, "a@example.com", context)

    assert mail.subject
    assert mail.subject != runtime.get("app.site_name")
    assert 'style="' in mail.html  # for mail programs that drop style sheets
