"""Pixels and clicks at the running server: what is answered, what is kept, and what happens in trouble."""

import os
import re
import signal
from urllib.parse import urlsplit, urlunsplit

import pytest

from listmonk_py.configuration import runtime
from tests import proxy, web
from tests.factories import make_subscriber
from tracking import events, links

from .conftest import eventually

pytestmark = pytest.mark.django_db(transaction=True)

BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
UNKNOWN = "11111111-2222-4333-8444-555555555555"
LINE = re.compile(r"[vc],[0-9a-f]{32},\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00,[^,]*,[^,]*,[^,]*,\d")


def lines(redis):
    """Every event in the stream, as lists of fields."""
    entries = redis.xrange(events.STREAM)
    text = b"".join(fields[events.FIELD.encode()] for _, fields in entries).decode()
    assert all(LINE.fullmatch(line) for line in text.splitlines())
    return [line.split(",") for line in text.splitlines()]


def pixel(campaign, who=events.NOBODY):
    return f"/campaign/{campaign.uuid}/{who}/px.png"


def click(campaign, link, who=events.NOBODY):
    return f"/link/{link}/{campaign.uuid}/{who}"


@pytest.fixture(scope="module")
def _server(django_db_setup, django_db_blocker):
    with web.running() as one:
        yield one


class TestAnswers:
    """One server for all; the switches come last, for the server needs a moment to see them undone."""

    @pytest.fixture
    def server(self, _server, redis, campaign):
        return _server

    def test_a_pixel_is_a_png_and_leaves_one_event(self, server, redis, campaign):
        answer = server.get(pixel(campaign), headers=BROWSER)

        assert answer.status_code == 200
        assert answer.headers["content-type"] == "image/png"
        assert answer.headers["cache-control"] == "no-cache"
        assert answer.headers["x-robots-tag"] == "noindex"
        assert answer.content == events.PIXEL
        [[kind, _, _, seen, who, to, machine]] = lines(redis)
        assert (kind, seen, who, to, machine) == ("v", str(campaign.uuid), "", "", "0")

    def test_a_click_redirects_and_leaves_one_event(self, server, redis, campaign, link):
        answer = server.get(click(campaign, link), headers=BROWSER)

        assert (answer.status_code, answer.headers["location"]) == (307, "https://example.com/a?x=1&y=2")
        assert answer.headers["x-robots-tag"] == "noindex"
        assert [line[0] for line in lines(redis)] == ["c"]
        assert lines(redis)[0][5] == link

    def test_capitals_in_the_uuids_are_the_same_event(self, server, redis, campaign, link):
        server.get(click(campaign, link.upper()).replace(str(campaign.uuid), str(campaign.uuid).upper()))

        assert lines(redis)[0][3] == str(campaign.uuid)

    def test_only_get_counts(self, server, redis, campaign, link):
        assert server.ask("HEAD", pixel(campaign)).status_code == 200
        assert server.ask("HEAD", click(campaign, link)).status_code == 307
        assert server.post(pixel(campaign)).status_code == 404
        assert server.post(click(campaign, link)).status_code == 404

        assert lines(redis) == []

    def test_previews_leave_nothing(self, server, redis, campaign, link):
        campaign.uuid = events.NOBODY

        assert server.get(pixel(campaign)).status_code == 200
        assert server.get(click(campaign, link)).status_code == 307
        assert lines(redis) == []

    def test_unknown_and_damaged_links_are_a_page_that_says_so(self, server, redis, campaign, link):
        for path in (click(campaign, UNKNOWN), "/link/x/y/z", click(campaign, link)[:-1]):
            answer = server.get(path)
            assert answer.status_code == 400, path
            assert answer.headers["content-type"].startswith("text/html")
            assert answer.headers["x-robots-tag"] == "noindex"
        assert server.get("/campaign/x/y/px.png").status_code == 400
        assert lines(redis) == []

    def test_programs_are_told_apart(self, server, redis, campaign):
        for agent in ("Mozilla/5.0", "curl/8.0", "Mimecast-Scanner", BROWSER["User-Agent"]):
            server.get(pixel(campaign), headers={"User-Agent": agent})

        assert [line[6] for line in lines(redis)] == ["1", "3", "2", "0"]

    def test_the_tracking_switches_act_while_the_server_runs(self, server, redis, campaign, link):
        person = make_subscriber()

        def last():
            redis.delete(events.STREAM)
            server.get(pixel(campaign, person.uuid))
            server.get(click(campaign, link, person.uuid))
            return [line[4] for line in lines(redis)]

        assert last() == ["", ""]
        runtime.save({"privacy.individual_tracking": True})
        eventually(lambda: last() == [str(person.uuid)] * 2, "people are tracked")
        runtime.save({"privacy.disable_tracking": True})
        eventually(lambda: last() == [], "nothing is tracked")
        assert server.get(click(campaign, link)).status_code == 307


def test_a_full_stream_sheds_pixels_and_still_redirects(redis, campaign, link):
    with web.running(TRACKING_STREAM_MB="0") as server:
        eventually(lambda: server.get(pixel(campaign)).status_code == 503, "the stream is full")
        refused, redirect = server.get(pixel(campaign)), server.get(click(campaign, link))

        assert refused.headers["retry-after"]
        assert redirect.status_code == 307
        dropped = eventually(lambda: redis.hget(events.COUNTERS, "dropped"), "drops are counted")
        assert int(dropped) >= 2


def test_two_worker_processes_give_every_event_its_own_id(redis, campaign):
    with web.running(workers=2) as server:
        for _ in range(40):
            assert web.requests.get(server.url + pixel(campaign), timeout=10).status_code == 200

    assert len({line[1] for line in lines(redis)}) == 40


@pytest.fixture
def redis_proxy(redis_url):
    parts = urlsplit(redis_url)
    with proxy.before(parts.hostname, parts.port) as one:
        user = parts.netloc.rpartition("@")[0]
        one.url = urlunsplit(parts._replace(netloc=f"{user}@127.0.0.1:{one.port}"))
        yield one


def ids(redis):
    return {line[1] for line in lines(redis)}


@pytest.mark.fault
def test_while_redis_is_away_answers_go_on_and_every_event_arrives_later(redis, redis_proxy, campaign, link):
    with web.running(REDIS_URL=redis_proxy.url) as server:
        assert server.get(click(campaign, link)).status_code == 307  # the target is known here from now on
        redis_proxy.cut()
        for _ in range(50):
            answer = server.get(pixel(campaign))
            assert answer.status_code == 200
        assert server.get(click(campaign, link)).status_code == 307
        assert len(ids(redis)) == 1

        redis_proxy.restore()

        eventually(lambda: len(ids(redis)) == 52, "the held events arrive")


@pytest.mark.fault
def test_while_redis_stalls_nobody_waits_long_and_nothing_counts_twice(redis, redis_proxy, campaign):
    with web.running(REDIS_URL=redis_proxy.url) as server:
        server.get(pixel(campaign))
        redis_proxy.stall()

        slowest = max(server.get(pixel(campaign)).elapsed.total_seconds() for _ in range(20))

        redis_proxy.restore()
        eventually(lambda: len(ids(redis)) == 21, "all events arrive")
        assert slowest < 1.0  # the time-out is 75 ms; the rest is for a busy machine


@pytest.mark.fault
def test_sigterm_flushes_what_is_held(redis, redis_proxy, campaign):
    with web.running(REDIS_URL=redis_proxy.url) as server:
        redis_proxy.cut()
        for _ in range(30):
            server.get(pixel(campaign))
        redis_proxy.restore()

        assert server.stop() == 0

    assert len(ids(redis)) == 30


@pytest.mark.fault
def test_a_killed_worker_loses_no_acknowledged_event(redis, campaign):
    with web.running() as server:
        for _ in range(20):
            assert server.get(pixel(campaign)).status_code == 200
        os.kill(server.worker_pids()[0], signal.SIGKILL)

    assert len(ids(redis)) == 20


@pytest.mark.fault
def test_without_postgresql_known_links_redirect_and_unknown_ones_ask_to_come_back(redis, campaign, settings):
    parts = urlsplit(web.database_url())
    with proxy.before(parts.hostname, parts.port) as postgresql:
        user = parts.netloc.rpartition("@")[0]
        url = urlunsplit(parts._replace(netloc=f"{user}@127.0.0.1:{postgresql.port}"))
        # Registered, so in Redis; never clicked, so in no process.
        fresh = links.register(["https://example.com/fresh"])["https://example.com/fresh"]
        with web.running(DATABASE_URL=url) as server:
            postgresql.cut()

            known = server.get(click(campaign, fresh))
            unknown = server.get(click(campaign, UNKNOWN))
            seen = server.get(pixel(campaign))

            leaving = server.post(f"/subscription/{campaign.uuid}/{UNKNOWN}")

            assert (leaving.status_code, leaving.headers["retry-after"]) == (503, "60")
            assert leaving.headers["content-type"].startswith("text/html")
            assert (known.status_code, known.headers["location"]) == (307, "https://example.com/fresh")
            assert (unknown.status_code, seen.status_code) == (503, 200)
            assert unknown.headers["retry-after"]
            assert server.get("/health").json() == {"data": True}
            assert len(lines(redis)) == 2
