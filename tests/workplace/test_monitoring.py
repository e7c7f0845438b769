"""/health, /ready and /metrics: what they say, when, and to whom."""

import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from campaigns.engine.scan import LAST_SCAN_KEY
from campaigns.models import Campaign
from tracking import events

pytestmark = pytest.mark.django_db


def values(text):
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_ready_when_everything_answers(client, redis):
    redis.set(LAST_SCAN_KEY, repr(time.time()))

    answer = client.get("/ready")

    assert (answer.status_code, answer.json()["ready"]) == (200, True)
    assert set(answer.json()["checks"]) == {"postgresql", "redis", "migrations", "scan"}


@pytest.mark.parametrize("age_s", [None, 11])
def test_not_ready_while_no_scan_runs(client, redis, age_s):
    if age_s:
        redis.set(LAST_SCAN_KEY, repr(time.time() - age_s))

    answer = client.get("/ready")

    assert answer.status_code == 503
    assert answer.json()["checks"]["scan"] != "ok"
    assert answer.json()["checks"]["postgresql"] == "ok"


def test_ready_names_the_server_that_is_away_and_tells_no_secrets(client, settings):
    settings.REDIS_URL = "redis://:geheim@127.0.0.1:1/0"

    answer = client.get("/ready")

    assert answer.status_code == 503
    assert answer.json()["checks"]["redis"] == "does not answer"
    assert "geheim" not in answer.content.decode()
    assert client.get("/health").json() == {"data": True}


def test_metrics_count_what_redis_and_postgresql_hold(client, redis):
    Campaign.objects.create(name="a", subject="a", status="running", to_send=10, sent=4)
    redis.hset(events.COUNTERS, mapping={"accepted": 7, "dropped": 2})
    redis.xadd(events.STREAM, {events.FIELD: "x"})
    redis.rpush("celery:campaigns", "a", "b", "c")

    answer = client.get("/metrics")

    found = values(answer.content.decode())
    assert answer["Content-Type"].startswith("text/plain")
    assert found["listmonk_queue_tasks", "campaigns"] == 3
    assert found["listmonk_tracking_events_total", "accepted"] == 7
    assert found["listmonk_tracking_events_total", "dropped"] == 2
    assert found["listmonk_tracking_stream_entries",] == 1
    assert found["listmonk_campaigns", "running"] == 1
    pk = str(Campaign.objects.get().pk)
    assert (found["listmonk_campaign_to_send", pk], found["listmonk_campaign_sent", pk]) == (10, 4)
    assert found["listmonk_postgresql_up",] == found["listmonk_redis_up",] == 1


def test_metrics_go_on_while_redis_is_away(client, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    found = values(client.get("/metrics").content.decode())

    assert found["listmonk_redis_up",] == 0
    assert found["listmonk_postgresql_up",] == 1


@pytest.mark.parametrize(
    ("token", "request_is", "status"),
    [
        ("", {}, 200),
        ("", {"REMOTE_ADDR": "192.0.2.7"}, 404),
        ("", {"HTTP_X_FORWARDED_FOR": "127.0.0.1"}, 404),
        ("secret", {}, 404),
        ("secret", {"HTTP_AUTHORIZATION": "Bearer wrong"}, 404),
        ("secret", {"HTTP_AUTHORIZATION": "Bearer secret", "REMOTE_ADDR": "192.0.2.7"}, 200),
    ],
)
def test_metrics_are_for_this_machine_or_the_holder_of_the_token(
    client, settings, redis, token, request_is, status
):
    settings.METRICS_TOKEN = token

    assert client.get("/metrics", **request_is).status_code == status
