"""The appender on a loop of its own: what it holds is bounded, and nothing is sent twice under two ids."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from tracking import events
from tracking.appender import EVENTS_PER_ENTRY, Appender
from tracking.resp import RedisLink

AWAY = "redis://127.0.0.1:1/0"
STREAM = "test:events"


def run(url, body, **options):
    """Run `body(appender)` on a fresh loop with an appender for the Redis at `url`."""

    async def main():
        loop = asyncio.get_running_loop()
        appender = Appender(RedisLink(url), stream=STREAM, **options)
        appender.link.open(loop)
        appender.open(loop)
        try:
            return await body(appender)
        finally:
            await appender.close(timeout_s=1.0)
            await appender.link.close()

    # In a thread of its own: browser tests leave a running loop in the main one.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(main())).result()


async def connected(appender):
    while not appender.link.up:
        await asyncio.sleep(0.01)


def stored(redis):
    return b"".join(fields[events.FIELD.encode()] for _, fields in redis.xrange(STREAM)).split()


def test_events_of_one_tick_are_one_entry_and_acknowledged_together(redis, redis_url):
    async def body(appender):
        await connected(appender)
        futures = [appender.add(b"%d\n" % n) for n in range(10)]
        return [await future for future in futures]

    assert run(redis_url, body) == [True] * 10
    assert redis.xlen(STREAM) == 1
    assert stored(redis) == [b"%d" % n for n in range(10)]


def test_what_is_held_while_redis_is_away_is_bounded_and_kept_in_few_objects(redis):
    async def body(appender):
        taken = 0
        while appender.has_room():
            assert appender.add(b"x\n") is None  # no use in waiting
            taken += 1
            if taken % 7 == 0:
                await asyncio.sleep(0)
        await asyncio.sleep(0)
        return taken, len(appender._backlog)

    taken, entries = run(AWAY, body, held_events=2100)

    assert taken == 2100
    assert entries <= 2100 / EVENTS_PER_ENTRY + 2


def test_closing_says_how_many_were_lost(caplog):
    async def body(appender):
        appender.add(b"x\n")
        await asyncio.sleep(0)

    run(AWAY, body)

    assert "1 opens and clicks" in caplog.text


def test_an_error_of_redis_keeps_the_events_until_it_is_over(redis, redis_url):
    redis.set(STREAM, "not a stream")

    async def body(appender):
        await connected(appender)
        assert await appender.add(b"x\n") is False
        assert appender.held == 1
        redis.delete(STREAM)
        while appender.held:
            await asyncio.sleep(0.01)

    run(redis_url, body)

    assert stored(redis) == [b"x"]


def test_the_counters_reach_redis(redis, redis_url):
    async def body(appender):
        await connected(appender)
        await appender.add(b"x\n")
        appender.dropped += 3

    run(redis_url, body)

    assert redis.hgetall(events.COUNTERS) == {b"accepted": b"1", b"dropped": b"3"}


@pytest.mark.parametrize("secret", ["wrong", ""])
def test_a_wrong_password_is_tried_again_and_blocks_nothing(redis_url, secret):
    from urllib.parse import urlsplit, urlunsplit

    parts = urlsplit(redis_url)
    login = f":{secret}@" if secret else ""
    url = urlunsplit(parts._replace(netloc=f"{login}{parts.hostname}:{parts.port}"))

    async def body(appender):
        for _ in range(20):
            appender.add(b"x\n")
            await asyncio.sleep(0.005)
        return appender.held

    assert run(url, body) == 20
