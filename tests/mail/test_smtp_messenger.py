"""The SMTP messenger against real servers on real sockets, with permits from the real Valkey."""

import random
import time
from collections import Counter
from dataclasses import replace

import pytest

from listmonk_py.mail.outgoing import Outcome
from listmonk_py.mail.smtp.settings import Timeouts
from tests.mail.certificates import make_certificate
from tests.mail.conftest import QUICK, collect, letter, server
from tests.sinks import Fault, SmtpSink


def outcomes(results) -> Counter:
    return Counter(str(result.outcome) for result in results.values())


def send_all(messenger, messages, lane="campaign"):
    transmission = messenger.open(lane, "from@example.com")
    transmission.send(messages)
    return collect(transmission)


# --- the plain way ---------------------------------------------------------------------------------
def test_every_message_arrives_once_as_it_was_given(sink, make_messenger):
    results = send_all(make_messenger(server(sink, max_conns=4)), [letter(key) for key in range(300)])

    assert outcomes(results) == {"accepted": 300}
    assert sorted(m.message_id for m in sink.accepted) == sorted(f"<{key}@test>" for key in range(300))
    assert sink.accepted[0].data == letter(int(sink.accepted[0].message_id[1:-6])).data
    assert 1 <= sink.peak_connections <= 4
    assert not sink.violations
    assert results[0].code == 250
    assert results[0].enhanced == "2.0.0"
    assert results[0].server == f"127.0.0.1:{sink.port}"


def test_a_server_without_pipelining_is_spoken_to_one_command_at_a_time(make_messenger):
    with SmtpSink(pipelining=False) as sink:
        sink.script("rcpt", "550 5.1.1 gone", address="3@example.com")
        results = send_all(make_messenger(server(sink)), [letter(key) for key in range(20)])

    assert outcomes(results) == {"accepted": 19, "failed": 1}
    assert not sink.violations


def test_a_server_that_knows_only_helo_is_enough(make_messenger):
    with SmtpSink(helo_only=True, pipelining=False) as sink:
        results = send_all(make_messenger(server(sink)), [letter(1)])

    assert outcomes(results) == {"accepted": 1}


def test_a_long_line_costs_one_round_trip_per_message(make_messenger):
    with SmtpSink(reply_delay_ms=20) as sink:
        messenger = make_messenger(server(sink, max_conns=1))
        send_all(messenger, [letter(0)])
        before = sink.round_trips
        send_all(messenger, [letter(key) for key in range(1, 101)])
        used = sink.round_trips - before

    assert sink.peak_connections == 1
    assert 100 / used >= 0.9


def test_smtputf8_is_used_where_it_is_offered_and_named_where_it_is_not(make_messenger):
    message = letter(1, "jürgen@example.com", smtputf8=True)
    with SmtpSink() as sink:
        assert outcomes(send_all(make_messenger(server(sink)), [message])) == {"accepted": 1}
        assert sink.messages[0].parameters == ("SMTPUTF8",)
        assert sink.recipients == ["jürgen@example.com"]
    with SmtpSink(smtputf8=False) as sink:
        results = send_all(make_messenger(server(sink)), [message, letter(2)])

    assert results[1].outcome is Outcome.FAILED
    assert "SMTPUTF8" in results[1].text
    assert results[2].outcome is Outcome.ACCEPTED


def test_the_servers_own_headers_are_put_before_a_message_that_has_none(sink, make_messenger):
    headers = (("X-Pool", "A\r\nBcc: x@example.com"), ("message-id", "<other@example.com>"), ("X-Ü", "no"))
    settings = server(sink, email_headers=(*headers, ("Return-Path", "<bounces@example.com>")))

    send_all(make_messenger(settings), [letter(1), letter(2, sender=b"verp-2@example.com")])

    by_key = {m.message_id: m for m in sink.accepted}
    first = by_key["<1@test>"]
    assert first.data == b"X-Pool: A Bcc: x@example.com\r\n" + letter(1).data
    assert first.sender == "bounces@example.com"
    assert by_key["<2@test>"].sender == "verp-2@example.com"


# --- refusals --------------------------------------------------------------------------------------
REFUSALS = [
    ("rcpt", "550 5.1.1 No such user", Outcome.FAILED, 550),
    ("rcpt", "451 4.7.1 Greylisted", Outcome.DEFERRED, 451),
    ("dot", "554 5.7.1 Spam", Outcome.FAILED, 554),
    ("dot", "452 4.2.2 Over quota", Outcome.DEFERRED, 452),
    ("data", "554 5.5.1 No", Outcome.FAILED, 554),
]


@pytest.mark.parametrize(("stage", "reply", "outcome", "code"), REFUSALS)
def test_a_refused_recipient_is_told_apart_from_the_others(sink, make_messenger, stage, reply, outcome, code):
    sink.script(stage, reply, address="5@example.com")

    results = send_all(make_messenger(server(sink, max_conns=2)), [letter(key) for key in range(20)])

    assert results.pop(5)[1:3] == (outcome, code)
    assert outcomes(results) == {"accepted": 19}
    assert sink.connections <= 2


def test_354_without_a_recipient_is_ended_with_a_lone_dot(make_messenger):
    with SmtpSink(dummy_354=True) as sink:
        sink.script("rcpt", "550 5.1.1 gone", address="1@example.com")
        results = send_all(make_messenger(server(sink, max_conns=1)), [letter(key) for key in range(4)])

    assert results[1].outcome is Outcome.FAILED
    assert outcomes(results) == {"accepted": 3, "failed": 1}
    assert not sink.violations


@pytest.mark.parametrize(
    "reply", ["452 4.5.3 Too many messages", "451 4.7.0 Slow down", "550 5.7.1 Suspended"]
)
def test_a_refused_sender_is_the_servers_fault(sink, make_messenger, reply):
    sink.script("mail", reply)

    results = send_all(make_messenger(server(sink, max_conns=1, wait_timeout_s=0.5)), [letter(1), letter(2)])

    assert outcomes(results) == {"server": 2}
    assert any(f"{r.code} {r.enhanced} {r.text}" == reply or reply in r.text for r in results.values())
    assert not sink.accepted


# --- connections that break ------------------------------------------------------------------------
def test_a_drop_after_the_dot_leaves_one_message_unknown_and_loses_none(sink, make_messenger):
    sink.script("dot", Fault.DROP, address="7@example.com", times=1)

    results = send_all(make_messenger(server(sink, max_conns=3)), [letter(key) for key in range(60)])

    assert {key for key, result in results.items() if result.outcome is Outcome.UNKNOWN} == {7}
    assert outcomes(results) == {"accepted": 59, "unknown": 1}
    arrived = Counter(m.message_id for m in sink.messages)
    assert set(arrived.values()) == {1}


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data"])
@pytest.mark.parametrize("what", [Fault.DROP, "421 4.3.2 Going down"])
def test_an_end_before_the_dot_loses_nothing_and_doubts_nothing(sink, make_messenger, stage, what):
    sink.script(stage, what, times=2, after=3)

    results = send_all(
        make_messenger(server(sink, max_conns=2, max_msg_retries=4)), [letter(key) for key in range(30)]
    )

    assert outcomes(results) == {"accepted": 30}
    assert set(Counter(m.message_id for m in sink.messages).values()) == {1}


def test_a_server_that_closes_after_every_few_messages_gets_them_all(make_messenger):
    with SmtpSink(close_every=3) as sink:
        results = send_all(make_messenger(server(sink, max_conns=2)), [letter(key) for key in range(40)])

    assert outcomes(results) == {"accepted": 40}
    assert sink.connections >= 13
    assert len(sink.messages) == 40


def test_connections_are_renewed_after_their_share(sink, make_messenger):
    results = send_all(
        make_messenger(server(sink, max_conns=1, renew_after=5)), [letter(key) for key in range(20)]
    )

    assert outcomes(results) == {"accepted": 20}
    assert sink.connections == 4
    assert sink.commands["QUIT"] >= 3


def test_a_server_that_says_nothing_more_is_given_up(sink, make_messenger):
    quick = replace(QUICK, command_s=0.5, dot_s=0.5)
    sink.script("dot", Fault.HANG, address="1@example.com", times=1)
    sink.script("rcpt", Fault.HANG, address="2@example.com", times=1)

    results = send_all(
        make_messenger(server(sink, max_conns=2, timeouts=quick)), [letter(key) for key in range(6)]
    )

    assert results[1].outcome is Outcome.UNKNOWN
    del results[1]
    assert outcomes(results) == {"accepted": 5}


def test_a_server_that_stops_reading_was_certainly_not_given_the_message(make_messenger):
    """It reads the envelope and says 354, then leaves the content in its socket's buffer."""
    import socket
    import threading

    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    held = []

    def serve() -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            held.append(peer)
            peer.sendall(b"220 hi\r\n")
            while b"DATA" not in (said := peer.recv(4096)):
                if not said:
                    break
                peer.sendall(b"250-hi\r\n250 PIPELINING\r\n")
            peer.sendall(b"250 ok\r\n250 ok\r\n354 go\r\n")

    threading.Thread(target=serve, daemon=True).start()
    sink = SmtpSink(port=listener.getsockname()[1])
    quick = replace(QUICK, data_s=0.5)
    big = letter(1)
    big.data += b"x" * 78 * 400_000 + b"\r\n"
    try:
        settings = server(sink, max_conns=1, timeouts=quick, max_msg_retries=1)
        results = send_all(make_messenger(settings), [big])
    finally:
        listener.close()
        for peer in held:
            peer.close()

    assert results[1].outcome is Outcome.SERVER
    assert "stopped reading" in results[1].text


@pytest.mark.parametrize("seed", range(6))
def test_a_hostile_server_over_the_network_is_accounted_for_message_by_message(make_messenger, seed):
    """Whatever it does, what it accepted is ACCEPTED or UNKNOWN here, never twice; what it refused, is so."""
    chance = random.Random(seed)
    with SmtpSink(chunk=chance.choice([None, 3]), dummy_354=chance.random() < 0.5) as sink:
        refused = {}
        for key in range(200):
            roll = chance.random()
            address = f"{key}@example.com"
            if roll < 0.05:
                refused[key] = Outcome.FAILED
                sink.script(chance.choice(["rcpt", "dot"]), "550 5.1.1 no", address=address)
            elif roll < 0.1:
                refused[key] = Outcome.DEFERRED
                sink.script(chance.choice(["rcpt", "dot"]), "450 4.2.1 later", address=address)
            elif roll < 0.13:
                sink.script("dot", Fault.DROP, address=address, times=1)
            elif roll < 0.16:
                end = chance.choice([Fault.DROP, "421 4.0.0 bye"])
                sink.script("rcpt", end, address=address, times=1)
        sink.script("data", "421 4.7.0 enough", times=2, after=40)
        settings = server(sink, max_conns=5, max_msg_retries=5)
        results = send_all(make_messenger(settings), [letter(key) for key in range(200)])

    arrived = Counter(int(m.message_id[1:-6]) for m in sink.messages if m.accepted or m.reply is None)
    accepted = {int(m.message_id[1:-6]) for m in sink.accepted}
    assert set(arrived.values()) == {1}
    for key, result in results.items():
        match result.outcome:
            case Outcome.ACCEPTED:
                assert key in accepted
            case Outcome.UNKNOWN:
                assert key in arrived
            case Outcome.SERVER:
                assert key not in arrived
            case outcome:
                assert refused[key] is outcome
                assert key not in arrived
    assert set(refused) <= {
        k for k, r in results.items() if r.outcome in (Outcome.FAILED, Outcome.DEFERRED, Outcome.SERVER)
    }
    assert accepted <= {k for k, r in results.items() if r.outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN)}
    assert not sink.violations


# --- TLS and sign-in -------------------------------------------------------------------------------
@pytest.fixture
def trusted(tmp_path, monkeypatch):
    context, public = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(public))
    return context


@pytest.mark.parametrize("tls_type", ["TLS", "STARTTLS"])
def test_mail_goes_through_tls_with_a_valid_certificate(make_messenger, trusted, tls_type):
    with SmtpSink(**{"implicit_tls" if tls_type == "TLS" else "starttls": trusted}) as sink:
        results = send_all(
            make_messenger(server(sink, tls_type=tls_type, max_conns=2)), [letter(key) for key in range(40)]
        )

    assert outcomes(results) == {"accepted": 40}
    assert all(m.tls for m in sink.messages)
    assert not sink.violations


@pytest.mark.parametrize("tls_type", ["TLS", "STARTTLS"])
def test_a_certificate_that_nobody_vouches_for_is_refused_unless_staff_say_so(
    make_messenger, tmp_path, tls_type
):
    context, _ = make_certificate(tmp_path)
    with SmtpSink(**{"implicit_tls" if tls_type == "TLS" else "starttls": context}) as sink:
        strict = server(sink, tls_type=tls_type, wait_timeout_s=0.3)
        results = send_all(make_messenger(strict), [letter(1)])
        assert results[1].outcome is Outcome.SERVER
        assert "certificate" in results[1].text

        lenient = replace(strict, uuid="lenient", tls_skip_verify=True)
        assert outcomes(send_all(make_messenger(lenient), [letter(2)])) == {"accepted": 1}


def test_a_server_without_starttls_is_not_spoken_to_in_clear(sink, make_messenger):
    messenger = make_messenger(server(sink, tls_type="STARTTLS", wait_timeout_s=0.3))
    transmission = messenger.open("campaign", "from@example.com")
    transmission.send([letter(1)])
    results = collect(transmission)

    assert results[1].outcome is Outcome.SERVER
    assert "does not offer STARTTLS" in results[1].text
    assert "does not offer STARTTLS" in (transmission.fault or "")
    assert not sink.commands["MAIL"]


@pytest.mark.parametrize(
    ("protocol", "mechanism"), [("plain", "PLAIN"), ("login", "LOGIN"), ("cram", "CRAM-MD5")]
)
def test_each_way_to_sign_in_works_and_a_wrong_password_is_told(make_messenger, protocol, mechanism):
    with SmtpSink(auth={"me": "sécret"}, auth_mechanisms=(mechanism,)) as sink:
        settings = server(sink, auth_protocol=protocol, username="me", password="sécret", wait_timeout_s=0.3)
        assert outcomes(send_all(make_messenger(settings), [letter(1)])) == {"accepted": 1}
        assert sink.messages[0].user == "me"

        results = send_all(make_messenger(replace(settings, uuid="other", password="wrong")), [letter(2)])

    assert results[2].outcome is Outcome.SERVER
    assert "535 5.7.8" in results[2].text


def test_a_sign_in_that_is_not_offered_is_told(make_messenger):
    with SmtpSink(auth={"me": "x"}, auth_mechanisms=("LOGIN",)) as sink:
        settings = server(sink, auth_protocol="cram", username="me", password="x", wait_timeout_s=0.3)
        results = send_all(make_messenger(settings), [letter(1)])

    assert "does not offer CRAM-MD5 sign-in; it offers: LOGIN" in results[1].text


# --- servers that fail, and several of them --------------------------------------------------------
def test_a_server_that_is_not_there_is_told_and_tried_again_later(make_messenger):
    sink = SmtpSink()
    with sink:
        pass  # its port is known now, and closed
    messenger = make_messenger(server(sink, wait_timeout_s=0.5))
    transmission = messenger.open("campaign", "from@example.com")
    transmission.send([letter(1)])

    results = collect(transmission)

    assert results[1].outcome is Outcome.SERVER
    assert "cannot be reached" in results[1].text
    with sink:
        until = time.monotonic() + 30
        key = 1
        while not sink.accepted and time.monotonic() < until:
            key += 1
            transmission.send([letter(key)])
            collect(transmission)
        assert sink.accepted
        assert transmission.fault is None


def test_another_server_takes_over(make_messenger):
    with SmtpSink() as good, SmtpSink() as bad:
        bad.script("connect", "554 5.7.1 Go away")
        messenger = make_messenger(server(good, wait_timeout_s=1), server(bad, wait_timeout_s=1))
        transmission = messenger.open("campaign", "from@example.com")
        transmission.send([letter(key) for key in range(50)])
        results = collect(transmission)

    assert outcomes(results) == {"accepted": 50}
    assert len(good.accepted) == 50
    assert transmission.fault is None


def test_mail_is_spread_by_weight(make_messenger):
    with SmtpSink() as one, SmtpSink() as two:
        messenger = make_messenger(server(one, weight=3), server(two, weight=1))
        send_all(messenger, [letter(key) for key in range(100)])

    assert (len(one.accepted), len(two.accepted)) == (75, 25)


def test_mail_of_a_sender_goes_through_the_servers_that_name_it(make_messenger):
    with SmtpSink() as whole, SmtpSink() as domain, SmtpSink() as rest:
        messenger = make_messenger(
            server(whole, from_addresses=("ceo@example.com",)),
            server(domain, from_addresses=("example.com",)),
            server(rest),
        )
        for key, sender in enumerate(["The Boss <CEO@example.com>", "info@example.com", "x@elsewhere.org"]):
            transmission = messenger.open("campaign", sender)
            transmission.send([letter(key)])
            collect(transmission)

    assert "<0@test>" in [m.message_id for m in whole.accepted]
    assert "<1@test>" in [m.message_id for m in domain.accepted]
    # Whom no server names goes through any of them.
    assert sum(len(s.accepted) for s in (whole, domain, rest)) == 3


def test_a_crowded_server_keeps_the_connections_it_has(make_messenger):
    with SmtpSink(max_connections=2, reply_delay_ms=5) as sink:
        results = send_all(make_messenger(server(sink, max_conns=8)), [letter(key) for key in range(60)])

    assert outcomes(results) == {"accepted": 60}


def test_without_a_server_the_reason_is_told(make_messenger):
    transmission = make_messenger().open("campaign", "from@example.com")
    transmission.send([letter(1)])

    assert collect(transmission)[1].outcome is Outcome.SERVER
    assert "No SMTP server is enabled" in (transmission.fault or "")


# --- changes while it runs -------------------------------------------------------------------------
def test_a_changed_server_takes_over_without_losing_what_is_in_flight(make_messenger):
    with SmtpSink(reply_delay_ms=2) as old, SmtpSink() as new:
        before = server(old, max_conns=3)
        messenger = make_messenger(before)
        transmission = messenger.open("campaign", "from@example.com")
        transmission.send([letter(key) for key in range(200)])
        assert old.wait_for(20)

        messenger.servers.update([replace(before, port=new.port)])
        transmission.send([letter(key) for key in range(200, 300)])
        results = collect(transmission)

        assert outcomes(results) == {"accepted": 300}
        assert len(old.messages) + len(new.messages) == 300
        assert len(new.messages) >= 100
        assert old.wait_until(lambda: old.open_connections == 0)


def test_a_server_switched_off_hands_its_queue_to_the_other(make_messenger):
    with SmtpSink(reply_delay_ms=10) as first, SmtpSink() as second:
        one, two = server(first, max_conns=1), server(second)
        messenger = make_messenger(one, two)
        transmission = messenger.open("campaign", "from@example.com")
        transmission.send([letter(key) for key in range(200)])
        assert first.wait_for(3)

        messenger.servers.update([two])
        results = collect(transmission)

    assert outcomes(results) == {"accepted": 200}
    assert len(first.messages) < 100


def test_idle_connections_are_closed(sink, make_messenger):
    send_all(make_messenger(server(sink, idle_timeout_s=0.3)), [letter(1)])

    assert sink.wait_until(lambda: sink.open_connections == 0)
    assert sink.commands["QUIT"] == 1


# --- the end ---------------------------------------------------------------------------------------
def test_close_settles_what_is_still_out(make_messenger):
    slow = Timeouts(connect_s=5, greeting_s=60, command_s=60, data_s=60, dot_s=60)
    with SmtpSink() as sink:
        sink.script("dot", Fault.HANG)
        messenger = make_messenger(server(sink, max_conns=1, timeouts=slow))
        transmission = messenger.open("campaign", "from@example.com")
        transmission.send([letter(key) for key in range(10)])
        assert sink.wait_until(lambda: len(sink.messages) == 1)

        transmission.close(0.2)
        results = {result.key: result for result in transmission.wait(0)}

    assert transmission.pending == 0
    assert outcomes(results) == {"unknown": 1, "server": 9}
    (unknown,) = [key for key, result in results.items() if result.outcome is Outcome.UNKNOWN]
    assert sink.messages[0].message_id == f"<{unknown}@test>"


def test_close_waits_for_what_is_under_way(make_messenger):
    with SmtpSink(reply_delay_ms=20) as sink:
        transmission = make_messenger(server(sink)).open("campaign", "from@example.com")
        transmission.send([letter(key) for key in range(30)])

        transmission.close(20)

        assert outcomes({r.key: r for r in transmission.wait(0)}) == {"accepted": 30}


def test_wait_returns_in_time_when_nothing_comes(make_messenger):
    with SmtpSink() as sink:
        sink.script("dot", Fault.HANG)
        transmission = make_messenger(server(sink)).open("campaign", "from@example.com")
        assert transmission.wait(10) == []  # nothing is pending: nothing to wait for
        transmission.send([letter(1)])

        assert transmission.wait(0.05) == []
        assert transmission.pending == 1
        transmission.close(0)
