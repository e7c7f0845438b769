"""Campaigns over several servers, servers that fail and come back, and messengers that are not SMTP."""

import json
from collections import Counter
from collections.abc import Iterator

import pytest

from campaigns import lifecycle
from campaigns.engine import ledger, sending
from campaigns.engine.models import LedgerEntry, LedgerStatus
from campaigns.status import Status
from listmonk_py.api.errors import DomainError
from listmonk_py.configuration import runtime
from listmonk_py.mail import messengers
from tests.factories import make_list
from tests.mail.http_sink import HttpSink
from tests.sinks import Fault, SmtpSink

from .conftest import add_people, send_all, server_at
from .deployment import account, wait_until

SECOND = "22222222-2222-4222-8222-222222222222"


@pytest.fixture
def other() -> Iterator[SmtpSink]:
    with SmtpSink() as running:
        yield running


@pytest.fixture
def start(engine, make_campaign):
    """Start a campaign to `count` people on a list of their own."""

    def begin(count, **fields):
        people = make_list()
        add_people(count, people, prefix=f"l{people.pk}p")
        return lifecycle.start(make_campaign(people, **fields))

    return begin


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch, request):
    monkeypatch.setattr("campaigns.engine.verdicts.random.uniform", lambda low, high: 0.1)


def use(*servers, **values) -> None:
    runtime.save({"smtp": list(servers), "engine.retry_base": "50ms", **values})
    messengers.refresh()


def played_until(campaign, status, timeout_s=30) -> None:
    """Play beat and a sender until the campaign has this status."""

    def there() -> bool:
        send_all(limit=1)
        campaign.refresh_from_db()
        return campaign.status == status

    wait_until(there, timeout_s, f"the campaign to be {status}")


# --- which server -------------------------------------------------------------------------------------
def test_servers_share_by_their_weights(engine, other, start):
    use(server_at(engine, weight=3), server_at(other, uuid=SECOND, weight=1))
    campaign = start(400)

    played_until(campaign, Status.FINISHED)

    assert (len(engine.messages), len(other.messages)) == (300, 100)
    assert not set(engine.recipients) & set(other.recipients)


@pytest.mark.parametrize(
    ("from_email", "routed"),
    [
        ("News <news@shop.example>", True),
        ("NEWS@SHOP.EXAMPLE", True),
        ("Boss <boss@else.example>", True),
        ("Other <other@else.example>", False),
    ],
)
def test_the_from_address_chooses_the_server(engine, other, start, from_email, routed):
    use(
        server_at(engine, from_addresses=["else.example"]),
        server_at(other, uuid=SECOND, from_addresses=["shop.example", "boss@else.example"]),
    )
    campaign = start(10, from_email=from_email)

    played_until(campaign, Status.FINISHED)

    assert (len(engine.messages), len(other.messages)) == ((0, 10) if routed else (10, 0))


def test_a_named_server_is_a_messenger_of_its_own(engine, other, start):
    use(server_at(engine, name="email-first"), server_at(other, uuid=SECOND, name="email-second"))
    campaign = start(10, messenger="email-second")

    played_until(campaign, Status.FINISHED)

    assert (len(engine.messages), len(other.messages)) == (0, 10)


def test_a_server_gets_what_its_provider_allows_and_the_other_carries_the_rest(engine, other, start):
    quota = {"sliding_window_rate": 10, "sliding_window_duration": "1h"}
    use(server_at(engine, **quota), server_at(other, uuid=SECOND))
    campaign = start(100)

    played_until(campaign, Status.FINISHED)

    # A tenth is kept for transactional mail.
    assert (len(engine.messages), len(other.messages)) == (9, 91)
    assert not set(engine.recipients) & set(other.recipients)


def test_what_a_limited_server_cannot_carry_does_not_break_the_others_limit(engine, other, start):
    quota = {"sliding_window_rate": 10, "sliding_window_duration": "1h"}
    use(server_at(engine), server_at(other, uuid=SECOND, **quota))
    engine.stop()
    campaign = start(60)

    def quota_is_used() -> bool:
        send_all(limit=1)
        return len(other.messages) == 9

    wait_until(quota_is_used, 30, "the server with a quota to have had it")
    engine.start()
    played_until(campaign, Status.FINISHED, 60)

    assert (len(engine.messages), len(other.messages)) == (51, 9)


def test_start_says_that_there_is_no_server(engine, start, make_campaign):
    use(server_at(engine, enabled=False))
    campaign = make_campaign(make_list())

    with pytest.raises(DomainError, match="No SMTP server is enabled"):
        lifecycle.start(campaign)

    campaign.refresh_from_db()
    assert campaign.status == Status.DRAFT


# --- servers that fail --------------------------------------------------------------------------------
def test_the_other_server_carries_what_a_dead_one_cannot_and_the_dead_one_returns(engine, other, start):
    use(server_at(engine), server_at(other, uuid=SECOND))
    other.stop()
    campaign = start(60)
    played_until(campaign, Status.FINISHED)
    assert ledger.count(campaign.pk)["accepted"] == len(engine.messages) == 60
    assert not LedgerEntry.objects.filter(campaign_id=campaign.pk, possible_duplicate=True).exists()

    other.start()

    def it_is_used_again() -> bool:
        played_until(start(10), Status.FINISHED)
        return len(other.messages) > 0

    wait_until(it_is_used_again, 20, "the server to be used again")


def test_when_every_server_is_down_for_too_long_the_campaign_pauses_and_loses_nobody(engine, start):
    use(server_at(engine), **{"engine.server_down_after": "1s"})
    engine.stop()
    campaign = start(30)

    played_until(campaign, Status.PAUSED)

    assert "No server" in campaign.status_reason
    assert str(engine.port) in campaign.status_reason
    counted = ledger.count(campaign.pk)
    assert counted["failed"] == counted["accepted"] == counted["unknown"] == 0
    engine.start()
    lifecycle.change_status(campaign, status=Status.RUNNING)
    played_until(campaign, Status.FINISHED, 40)
    assert account(campaign, engine, duplicates_at_most=0)["accepted"] == 30


def test_a_short_absence_of_the_server_needs_no_hand(engine, start):
    use(server_at(engine))
    engine.stop()
    campaign = start(30)
    send_all(limit=2)
    engine.start()

    played_until(campaign, Status.FINISHED, 40)

    assert account(campaign, engine, duplicates_at_most=0)["accepted"] == 30
    assert campaign.status_reason == ""


@pytest.mark.parametrize(
    "manner",
    [
        "closes after 100",
        "421 at MAIL",
        "421 after the dot",
        "421 greeting",
        "drops mid-envelope",
        "throttles",
    ],
)
def test_a_server_that_misbehaves_costs_nobody_their_mail(engine, start, manner):
    use(server_at(engine, max_conns=2))
    match manner:
        case "closes after 100":
            engine.close_every = 100
        case "421 at MAIL":
            engine.script("mail", "421 4.3.2 Going down", times=2, after=90)
        case "421 after the dot":
            engine.script("dot", "421 4.3.2 Going down", times=2, after=90)
        case "421 greeting":
            engine.max_connections = 1
        case "drops mid-envelope":
            engine.script("data", Fault.DROP, times=2, after=90)
        case "throttles":
            engine.script("mail", "450 4.7.0 Too fast", times=2, after=90)
    campaign = start(300)

    played_until(campaign, Status.FINISHED)

    counted = account(campaign, engine, duplicates_at_most=0)
    assert counted["accepted"] == 300
    assert not LedgerEntry.objects.filter(campaign_id=campaign.pk, possible_duplicate=True).exists()


def test_a_server_that_drops_after_the_dot_doubles_one_message_a_connection_and_says_so(engine, start):
    use(server_at(engine, max_conns=2))
    engine.script("dot", Fault.DROP, times=3, after=50)
    campaign = start(200)

    played_until(campaign, Status.FINISHED)

    counted = account(campaign, engine, duplicates_at_most=3)
    assert counted["accepted"] == 200
    assert LedgerEntry.objects.filter(campaign_id=campaign.pk, possible_duplicate=True).count() == 3


def test_a_server_that_hangs_after_the_dot_is_given_up(engine, start, monkeypatch):
    monkeypatch.setattr(sending, "STALLED_AFTER_S", 1.0)
    use(server_at(engine, max_conns=1), **{"engine.in_doubt": "hold"})
    engine.script("dot", Fault.HANG, times=1, after=20)
    campaign = start(60)

    played_until(campaign, Status.FINISHED)

    counted = account(campaign, engine, duplicates_at_most=0)
    assert (counted["accepted"], counted["unknown"]) == (59, 1)


def test_a_wrong_password_pauses_with_the_servers_words(engine, start):
    engine.auth = {"me": "right"}
    use(
        server_at(engine, auth_protocol="plain", username="me", password="wrong"),
        **{"engine.server_down_after": "1s"},
    )
    campaign = start(5)

    played_until(campaign, Status.PAUSED)

    assert "535" in campaign.status_reason
    assert ledger.count(campaign.pk)["failed"] == 0


# --- other messengers ---------------------------------------------------------------------------------
@pytest.fixture
def loopback_is_allowed(settings):
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]


def postback(url: str, **values):
    return {
        "uuid": "33333333-3333-4333-8333-333333333333", "enabled": True, "name": "hook", "root_url": url,
        "username": "", "password": "", "max_conns": 4, "timeout": "3s", "max_msg_retries": 2, **values,
    }  # fmt: skip


def test_a_postback_campaign_reaches_everybody_and_tells_who_was_refused(engine, start, loopback_is_allowed):
    unavailable = iter([503, 503, 503])

    def answer(request):
        if request.json["recipients"][0]["email"].endswith("p3@example.com"):
            return 400, b"no such user"
        return next(unavailable, 200), b"{}"

    with HttpSink(answer) as hook:
        runtime.save({"messengers": [postback(hook.url)], "engine.retry_base": "50ms"})
        campaign = start(20, messenger="hook", body="<p>Hi {{ .Subscriber.Name }}</p>")
        played_until(campaign, Status.FINISHED)

    counted = ledger.count(campaign.pk)
    assert (counted["accepted"], counted["failed"]) == (19, 1)
    refused = LedgerEntry.objects.get(campaign_id=campaign.pk, status=LedgerStatus.FAILED)
    assert refused.code == 400
    taken = [request.json for request in hook.requests]
    everybody = {one["recipients"][0]["email"] for one in taken}
    assert len(everybody) == 20
    assert {"subject", "from_email", "content_type", "body", "recipients", "campaign", "attachments"} <= set(
        taken[0]
    )
    assert taken[0]["campaign"]["uuid"] == str(campaign.uuid)
    assert "<p>Hi Person" in taken[0]["body"]


def test_a_postback_that_never_answers_is_in_doubt_and_not_failed(engine, start, loopback_is_allowed):
    with HttpSink(lambda request: None) as hook:
        runtime.save({"messengers": [postback(hook.url)], "engine.in_doubt": "hold"})
        campaign = start(3, messenger="hook")
        played_until(campaign, Status.FINISHED)

    assert ledger.count(campaign.pk)["unknown"] == 3
    assert (
        Counter(request.json["recipients"][0]["email"] for request in hook.requests).most_common(1)[0][1] == 1
    )


def test_a_campaign_through_a_provider(engine, start, loopback_is_allowed):
    def answer(request):
        to = request.json["To"]
        address = to.split("<")[-1].rstrip(">")
        if address.endswith("p2@example.com"):
            return 422, json.dumps(
                {"ErrorCode": 300, "Message": f"Invalid 'To' address: '{address}'."}
            ).encode()
        body = {
            "ErrorCode": 0,
            "Message": "OK",
            "MessageID": "m",
            "SubmittedAt": "2020-01-01T00:00:00Z",
            "To": to,
        }
        return 200, json.dumps(body).encode()

    with HttpSink(answer) as provider:
        entry = {
            "uuid": "44444444-4444-4444-8444-444444444444", "enabled": True, "name": "postmark",
            "backend": "postmark", "max_conns": 2,
            "options": {"server_token": "s3cret", "api_url": provider.url},
        }  # fmt: skip
        runtime.save({"anymail": [entry]})
        campaign = start(10, messenger="postmark", subject="Hello {{ .Subscriber.Name }}")
        played_until(campaign, Status.FINISHED)

    counted = ledger.count(campaign.pk)
    assert (counted["accepted"], counted["failed"]) == (9, 1)
    assert len(provider.requests) == 10
    sent = provider.requests[0].json
    assert sent["Subject"].startswith("Hello Person ")
    names = {header["Name"] for header in sent["Headers"]}
    assert {
        "X-Listmonk-Campaign",
        "X-Listmonk-Subscriber",
        "List-Unsubscribe",
        "List-Unsubscribe-Post",
    } <= names


def test_a_provider_that_refuses_the_key_pauses_the_campaign(engine, start, loopback_is_allowed):
    with HttpSink(lambda request: (401, b'{"ErrorCode": 10, "Message": "Bad token"}')) as provider:
        entry = {
            "uuid": "44444444-4444-4444-8444-444444444444", "enabled": True, "name": "postmark",
            "backend": "postmark", "options": {"server_token": "old", "api_url": provider.url},
        }  # fmt: skip
        runtime.save({"anymail": [entry], "engine.server_down_after": "1s", "engine.retry_base": "50ms"})
        campaign = start(5, messenger="postmark")
        played_until(campaign, Status.PAUSED)

    assert "401" in campaign.status_reason or "token" in campaign.status_reason.lower()
    assert ledger.count(campaign.pk)["failed"] == 0
