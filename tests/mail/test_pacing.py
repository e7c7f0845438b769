"""Limits on the real Valkey, with the time told by the tests where it matters."""

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from listmonk_py.mail.pacing import ENTRIES, Grant, Limit, Pacer, PacerUnavailable

START = 1_000_000_000_000_000
SECOND = 1_000_000
_number = itertools.count()


@pytest.fixture
def pacer(redis):
    vouched = Pacer(redis)
    vouched.vouch()
    return vouched


def most_in_any_stretch(grants: list[tuple[int, int]], length_us: int) -> int:
    """The most granted within any half-open stretch of `length_us`."""
    return max(
        (sum(n for u, n in grants if t <= u < t + length_us) for t, _ in grants),
        default=0,
    )


steps = st.lists(st.tuples(st.integers(0, 700_000), st.integers(1, 40)), min_size=1, max_size=60)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps, limit=st.integers(1, 60), window_ms=st.integers(50, 3000))
def test_a_window_is_never_exceeded_wherever_it_begins(pacer, steps, limit, window_ms):
    rule = Limit(f"w{next(_number)}", "window", limit, window_ms / 1000)
    now, grants = START, []
    for step, want in steps:
        now += step
        granted, _ = pacer.take([rule], want, now_us=now)
        grants.append((now, granted))

    assert most_in_any_stretch(grants, window_ms * 1000) <= limit


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps, limit=st.integers(1, 60), window_ms=st.integers(50, 3000))
def test_a_small_window_grants_all_that_it_may(pacer, steps, limit, window_ms):
    rule = Limit(f"w{next(_number)}", "window", limit, window_ms / 1000)
    now, grants = START, []
    for step, want in steps:
        now += step
        granted, _ = pacer.take([rule], want, now_us=now)
        used = sum(n for t, n in grants if t + window_ms * 1000 > now)
        assert granted == min(want, limit - used)
        grants.append((now, granted))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.integers(0, 20_000), st.integers(1, 90)), min_size=50, max_size=200))
def test_a_large_window_keeps_a_bounded_log_and_its_limit(pacer, redis, steps):
    limit, key = 1000, f"w{next(_number)}"
    rule = Limit(key, "window", limit, 1.0)
    now, grants = START, []
    for step, want in steps:
        now += step
        granted, _ = pacer.take([rule], want, now_us=now)
        grants.append((now, granted))

    assert most_in_any_stretch(grants, SECOND) <= limit
    assert redis.strlen(f"{{pace}}:window:{key}") < (ENTRIES + 2) * 3 * 9


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps, rate=st.integers(1, 500), burst=st.integers(1, 20))
def test_a_bucket_stays_within_its_rate_and_its_burst(pacer, steps, rate, burst):
    rule = Limit(f"b{next(_number)}", "bucket", rate, 1.0, burst)
    now, grants = START, []
    for step, want in steps:
        now += step
        grants.append((now, pacer.take([rule], want, now_us=now).granted))

    for (i, (t, _)), (u, _) in itertools.product(enumerate(grants), grants):
        if u >= t:
            assert sum(n for v, n in grants[i:] if v <= u) <= rate * (u - t) / SECOND + burst + 1e-6


@pytest.mark.parametrize("kind", ["bucket", "window"])
@pytest.mark.parametrize("window_s", [1.0, 60.0])
def test_one_per_second_and_one_per_minute_are_exact(pacer, kind, window_s):
    rule = Limit("slow", kind, 1, window_s)
    window_us = int(window_s * SECOND)

    times, now = [], START
    for _ in range(5):
        grant = pacer.take([rule], 10, now_us=now)
        assert grant.granted == 1
        times.append(now)
        assert grant.wait_s == window_s
        assert pacer.take([rule], 1, now_us=now + window_us - 1).granted == 0
        now += window_us

    assert times == [START + i * window_us for i in range(5)]


def test_the_tightest_limit_decides_and_nothing_is_taken_from_the_others(pacer):
    wide, tight = Limit("wide", "window", 100, 60), Limit("tight", "window", 3, 60)

    assert pacer.take([wide, tight], 10, now_us=START).granted == 3
    assert pacer.take([wide, tight], 10, now_us=START + 1) == Grant(0, pytest.approx(60, abs=0.01))
    assert pacer.take([wide], 1000, now_us=START + 2).granted == 97


def test_what_is_given_back_may_be_taken_again(pacer):
    rules = [Limit("w", "window", 10, 60), Limit("b", "bucket", 10, 1, burst=10)]
    assert pacer.take(rules, 10, now_us=START).granted == 10

    pacer.give_back(rules, 4, now_us=START)

    assert pacer.take(rules, 10, now_us=START).granted == 4


def test_a_limit_that_is_lowered_acts_at_once(pacer):
    assert pacer.take([Limit("live", "window", 100, 10)], 60, now_us=START).granted == 60
    assert pacer.take([Limit("live", "window", 50, 10)], 60, now_us=START + 1).granted == 0
    assert pacer.take([Limit("live", "window", 80, 10)], 60, now_us=START + 2).granted == 20


def test_after_redis_lost_its_memory_a_window_is_full_and_a_bucket_empty(pacer, redis):
    window, bucket = Limit("w", "window", 5, 60), Limit("b", "bucket", 5, 1, burst=5)
    redis.flushdb()

    grant = pacer.take([window], 1, now_us=START)
    assert grant == Grant(0, 60.0)
    assert pacer.take([bucket], 1, now_us=START) == Grant(0, 0.2)
    assert pacer.take([window], 9, now_us=START + 59 * SECOND).granted == 0
    assert pacer.take([window], 9, now_us=START + 60 * SECOND).granted == 5
    # The memory is old enough now: a limit that was never used is simply unused.
    assert pacer.take([Limit("new", "window", 7, 60)], 9, now_us=START + 61 * SECOND).granted == 7


def test_without_redis_nothing_is_granted():
    pacer = Pacer(Redis(host="127.0.0.1", port=1, socket_connect_timeout=0.2))

    with pytest.raises(PacerUnavailable, match="Redis does not answer"):
        pacer.take([Limit("x", "bucket", 10)], 1)


def test_the_servers_own_clock_is_used(pacer):
    rule = Limit("clock", "window", 3, 3600)

    assert pacer.take([rule], 5).granted == 3
    grant = pacer.take([rule], 5)
    assert grant.granted == 0
    assert 3590 < grant.wait_s <= 3600


@pytest.mark.parametrize("bad", [{"limit": 0}, {"limit": 1, "window_s": 0}, {"limit": 1, "burst": 0.5}])
def test_a_limit_out_of_range_is_refused(bad):
    with pytest.raises(ValueError, match="above 0"):
        Limit("x", "bucket", **bad)
