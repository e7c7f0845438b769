"""Connections are counted for the whole deployment: several processes, one Valkey, one server."""

import multiprocessing
import os
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from listmonk_py.mail.outgoing import Outcome
from listmonk_py.mail.permits import Permits, reserved_for_transactional
from listmonk_py.mail.smtp import loop
from listmonk_py.mail.smtp_messenger import SmtpMessenger, SmtpServers
from tests.mail.conftest import collect, letter, server
from tests.sinks import SmtpSink


@pytest.mark.parametrize(("cap", "share"), [(1, 0), (2, 1), (10, 1), (25, 2), (100, 10)])
def test_a_share_is_kept_for_transactional_mail(cap, share):
    assert reserved_for_transactional(cap) == share


def granted(permits, lane="campaign", *, wanted, held=0, cap=10):
    return permits.claim("s", lane, wanted=wanted, held=held, cap=cap).granted


def test_campaigns_leave_the_transactional_share_alone(redis):
    campaigns, letters = Permits(redis), Permits(redis)

    assert granted(campaigns, wanted=50) == 9
    assert granted(letters, "transactional", wanted=3) == 1


def test_who_has_more_than_its_share_gives_back_when_another_wants(redis):
    first, second = Permits(redis), Permits(redis)
    assert granted(first, wanted=10) == 9

    assert granted(second, wanted=10) == 0
    assert granted(first, wanted=10, held=9) == 5
    assert granted(second, wanted=10) == 0  # the first still holds nine
    assert granted(first, wanted=10, held=5) == 5
    assert granted(second, wanted=10) == 4
    assert granted(first, wanted=10, held=5) == 5
    assert granted(second, wanted=10, held=4) == 4


def test_only_as_much_is_given_back_as_is_wanted(redis):
    first, second = Permits(redis), Permits(redis)
    granted(first, wanted=10)

    assert granted(second, wanted=2) == 0
    assert granted(first, wanted=10, held=9) == 7


def test_connections_that_are_merely_kept_are_given_back_first(redis):
    idle, busy = Permits(redis), Permits(redis)
    assert granted(idle, wanted=9) == 9
    assert granted(idle, wanted=0, held=9) == 9  # nobody else wants them

    granted(busy, wanted=9)
    assert granted(idle, wanted=0, held=9) == 0


def test_the_only_connection_goes_to_the_transactional_message(redis):
    campaign, letter_process = Permits(redis), Permits(redis)
    assert granted(campaign, wanted=5, cap=1) == 1

    assert granted(letter_process, "transactional", wanted=1, cap=1) == 0
    assert granted(campaign, wanted=5, held=1, cap=1) == 0
    assert granted(campaign, wanted=5, held=0, cap=1) == 0
    assert granted(letter_process, "transactional", wanted=1, cap=1) == 1
    assert granted(letter_process, "transactional", wanted=0, held=0, cap=1) == 0
    assert granted(campaign, wanted=5, cap=1) == 1


def test_the_leases_of_a_dead_process_end(redis, monkeypatch):
    monkeypatch.setattr("listmonk_py.mail.permits.LEASE_S", 0.05)
    dead, living = Permits(redis), Permits(redis)
    assert granted(dead, wanted=9) == 9
    until = time.monotonic() + 5

    while granted(living, wanted=9) < 9:
        assert time.monotonic() < until


moves = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from(["campaign", "transactional"]), st.integers(0, 15)),
    min_size=1,
    max_size=60,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=moves, cap=st.integers(1, 12), obedience=st.randoms())
def test_however_processes_ask_the_cap_holds(redis, moves, cap, obedience):
    """Each holds at most what it was granted, and closes connections late or in part."""
    redis.flushdb()
    processes = [Permits(redis) for _ in range(4)]
    held = {}
    for who, lane, wanted in moves:
        mine = held.get((who, lane), 0)
        answer = granted(processes[who], lane, wanted=wanted, held=mine, cap=cap)
        if answer >= mine:
            held[who, lane] = obedience.randint(mine, answer)
        else:
            held[who, lane] = obedience.randint(answer, mine)

        assert sum(held.values()) <= cap
        campaigns = sum(n for (_, of), n in held.items() if of == "campaign")
        assert campaigns <= cap - reserved_for_transactional(cap)


def test_a_rest_is_shared_and_ends_for_everybody(redis):
    one, two = Permits(redis), Permits(redis)
    one.rest("s", 60, "It says no.")

    claim = two.claim("s", "campaign", wanted=1, held=0, cap=5)
    assert claim.reason == "It says no."
    assert 50 < claim.rest_s <= 60
    two.recovered("s")
    assert one.claim("s", "campaign", wanted=1, held=0, cap=5).rest_s == 0


def test_staff_see_connections_and_rests(redis):
    one, two = Permits(redis), Permits(redis)
    granted(one, wanted=3)
    granted(two, "transactional", wanted=1)
    one.rest("s", 60, "It says nö.")

    health = one.look("s")

    assert (health.connections, health.reason) == (4, "It says nö.")
    assert 50 < health.rest_s <= 60
    assert two.look("unknown") == (0, 0, "")


def test_a_process_that_ends_gives_back_at_once(sink, redis, connect):
    servers = SmtpServers(connect)
    servers.update([server(sink, max_conns=3)])
    transmission = SmtpMessenger("email", servers).open("campaign", "from@example.com")
    transmission.send([letter(key) for key in range(20)])
    collect(transmission)
    uuid = servers.enabled[0].uuid
    assert Permits(redis).look(uuid).connections >= 1

    servers.shutdown(5)

    assert Permits(redis).look(uuid).connections == 0
    assert sink.wait_until(lambda: sink.open_connections == 0)
    assert sink.commands["QUIT"] >= 1


def _send_in_a_child(redis_url, settings, start, count, answers):
    servers = SmtpServers(lambda: Redis.from_url(redis_url))
    servers.update([settings])
    transmission = SmtpMessenger("email", servers).open("campaign", "from@example.com")
    transmission.send([letter(key) for key in range(start, start + count)])
    answers.put((os.getpid(), [(r.key, str(r.outcome)) for r in collect(transmission, 60).values()]))
    servers.shutdown(5)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_two_forked_processes_share_the_cap_of_a_server(redis, redis_url):
    """The parent has a running loop before the fork; each child makes its own."""
    parents = loop.current()
    with SmtpSink(reply_delay_ms=5) as sink:
        settings = server(sink, max_conns=4)
        fork = multiprocessing.get_context("fork")
        answers = fork.Queue()
        children = [
            fork.Process(target=_send_in_a_child, args=(redis_url, settings, n * 300, 300, answers))
            for n in range(2)
        ]
        for child in children:
            child.start()
        replies = [answers.get(timeout=60) for _ in children]
        for child in children:
            child.join(20)

        assert sorted(r for _, results in replies for r in results) == [
            (key, "accepted") for key in range(600)
        ]
        assert sink.peak_connections <= 3
        assert len({pid for pid, _ in replies}) == 2
        assert len({m.connection for m in sink.messages}) >= 2
    assert loop.current() is parents


def test_a_second_process_gets_connections_while_the_first_is_busy(redis, connect):
    with SmtpSink(reply_delay_ms=10) as sink:
        settings = server(sink, max_conns=4)
        both = []
        for _ in range(2):  # two processes as far as Redis and the pools can tell
            servers = SmtpServers(connect)
            servers.update([settings])
            both.append(servers)
        first, second = (SmtpMessenger("email", s).open("campaign", "from@example.com") for s in both)
        first.send([letter(key) for key in range(400)])
        assert sink.wait_until(lambda: sink.open_connections == 3)

        second.send([letter(key) for key in range(1000, 1100)])
        assert sink.wait_until(lambda: any(m.message_id.startswith("<10") for m in sink.messages), 10)
        assert first.pending > len(sink.messages) - 100

        assert len(collect(second, 30)) == 100
        assert len(collect(first, 30)) == 400
        assert sink.peak_connections <= 4
        for servers in both:
            servers.update([])


def test_what_a_dead_process_held_is_used_again_once_its_lease_has_ended(sink, connect, monkeypatch):
    monkeypatch.setattr("listmonk_py.mail.permits.LEASE_S", 1.5)
    settings = server(sink, max_conns=4, wait_timeout_s=0.2)
    Permits(connect()).claim(
        settings.uuid, "campaign", wanted=3, held=3, cap=4
    )  # and is never heard of again
    servers = SmtpServers(connect)
    servers.update([settings])
    transmission = SmtpMessenger("email", servers).open("campaign", "from@example.com")
    transmission.send([letter(1)])

    assert collect(transmission)[1].outcome is Outcome.SERVER
    assert "was free within" in (transmission.fault or "")

    until = time.monotonic() + 20
    while not sink.accepted and time.monotonic() < until:
        if transmission.fault:  # as a sender does: nothing is handed to a server with a fault
            time.sleep(0.05)
            continue
        transmission.send([letter(2)])
        collect(transmission)
    assert sink.accepted
    servers.update([])


def test_without_redis_nothing_new_is_opened_and_the_reason_is_told(sink):
    servers = SmtpServers(lambda: Redis(host="127.0.0.1", port=1, socket_connect_timeout=0.2))
    servers.update([server(sink, wait_timeout_s=0.5)])
    transmission = SmtpMessenger("email", servers).open("campaign", "from@example.com")
    transmission.send([letter(1)])

    result = collect(transmission)[1]

    assert result.outcome is Outcome.SERVER
    assert "Redis is away" in result.text
    assert "Redis is away" in (transmission.fault or "")
    assert sink.connections == 0


def test_when_redis_goes_away_the_connections_that_are_open_go_on(sink, redis_url):
    reachable = True

    class Fragile(Redis):
        def execute_command(self, *arguments, **options):
            if not reachable:
                raise RedisConnectionError("gone")
            return super().execute_command(*arguments, **options)

    def connect() -> Redis:
        return Fragile.from_url(redis_url)

    servers = SmtpServers(connect)
    servers.update([server(sink, max_conns=3)])
    transmission = SmtpMessenger("email", servers).open("campaign", "from@example.com")
    transmission.send([letter(key) for key in range(50)])
    collect(transmission)
    opened = sink.connections

    reachable = False
    transmission.send([letter(key) for key in range(100, 400)])
    results = collect(transmission)

    assert {r.outcome for r in results.values()} == {Outcome.ACCEPTED}
    assert sink.connections == opened
    servers.update([])
