"""What machines ask: /health (this process is up), /ready (so is what it needs), /metrics (Prometheus).

/metrics answers to whoever sends METRICS_TOKEN as a bearer token, and without a token only to this machine
itself, not through a proxy. A scrape reads Redis, small tables and counters, never the large ones.
"""

import hmac
import ipaddress
import time
from collections.abc import Callable, Iterator
from typing import Any

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from redis.exceptions import RedisError

from campaigns.engine.heartbeats import PREFIX as SENDER_PREFIX
from campaigns.engine.scan import LAST_SCAN_KEY
from campaigns.models import Campaign
from campaigns.status import Status
from listmonk_py.mail.models import SystemMail
from tracking import events
from tracking.door import opened as doors

QUEUES = ("campaigns", "scan", "transactional", "default", "jobs")
QUEUE_PREFIX = str(settings.CELERY_BROKER_TRANSPORT_OPTIONS["global_keyprefix"])
# Beat rings every second; without a scan nothing starts, retries or finishes.
SCAN_TOO_OLD_S = 10.0

_migrated = False


def health(request: HttpRequest) -> HttpResponse:
    """This process answers; no server behind it is asked."""
    return JsonResponse({"data": True})


def ready(request: HttpRequest) -> HttpResponse:
    """200 when everything this process needs answers, else 503; which part, and why, as JSON."""
    checks = {"postgresql": _postgresql, "redis": _redis, "migrations": _migrations, "scan": _scan}
    found = {name: _outcome(check) for name, check in checks.items()}
    is_ready = all(outcome == "ok" for outcome in found.values())
    answer = JsonResponse({"ready": is_ready, "checks": found}, status=200 if is_ready else 503)
    answer["Cache-Control"] = "no-store"
    return answer


def _outcome(check: Callable[[], str | None]) -> str:
    try:
        return check() or "ok"
    except (DatabaseError, RedisError):
        # Without the server's own words: strangers may read this page.
        return "does not answer"


def _postgresql() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _redis() -> None:
    with _client() as client:
        client.ping()


def _migrations() -> str | None:
    global _migrated
    if not _migrated:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if missing:
            return f"{len(missing)} not applied; run manage.py migrate"
        _migrated = True
    return None


def scan_trouble() -> str:
    """What is wrong with the scan that moves campaigns on, as a sentence; blank when nothing is.

    Raises:
        RedisError: it cannot be known.
    """
    trouble = _scan()
    return f"The scan of campaigns {trouble}." if trouble else ""


def _scan() -> str | None:
    age_s = _scan_age_s()
    if age_s is None:
        return "has not run yet; are beat and the scan worker up?"
    return None if age_s <= SCAN_TOO_OLD_S else f"last ran {age_s:.0f} s ago"


def _scan_age_s() -> float | None:
    with _client() as client:
        at: Any = client.get(LAST_SCAN_KEY)
    return max(0.0, time.time() - float(at)) if at else None


def _client() -> "redis.Redis":
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)


# -- metrics ----------------------------------------------------------------------------------------


def metrics(request: HttpRequest) -> HttpResponse:
    if not may_scrape(request):
        raise Http404
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collector(request.META.get("listmonk.bridge")))  # type: ignore[arg-type]
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def may_scrape(request: HttpRequest) -> bool:
    """Whether the token fits; or, when none is set, whether this machine itself asks."""
    token = settings.METRICS_TOKEN
    if token:
        given = request.META.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer ")
        return hmac.compare_digest(given.encode(), token.encode())
    if "HTTP_X_FORWARDED_FOR" in request.META or "HTTP_FORWARDED" in request.META:
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


class Collector:
    """Reads everything at the moment of the scrape, so processes need share no counters."""

    def __init__(self, bridge: Any) -> None:
        self.bridge = bridge

    def collect(self) -> Iterator[Metric]:
        yield from self._web()
        yield from _guarded("redis", _from_redis)
        yield from _guarded("postgresql", _from_postgresql)

    def _web(self) -> Iterator[Metric]:
        """This web process only."""
        if self.bridge is not None:
            yield _gauge("web_requests_active", "Requests in Django's threads or waiting", self.bridge.active)
            yield _counter("web_requests_refused", "Requests answered 503", self.bridge.refused)
        held = sum(door.appender.held for door in doors)
        yield _gauge("tracking_events_at_risk", "Opens and clicks that only this process holds", held)


def _guarded(name: str, read: Callable[[], list[Metric]]) -> Iterator[Metric]:
    """What `read` finds, and whether its server answers."""
    try:
        found = read()
    except (DatabaseError, RedisError):
        found = []
        yield _gauge(f"{name}_up", f"Whether {name} answers", 0)
    else:
        yield _gauge(f"{name}_up", f"Whether {name} answers", 1)
    yield from found


def _from_redis() -> list[Metric]:
    with _client() as client:
        pipe = client.pipeline(transaction=False)
        for queue in QUEUES:
            pipe.llen(QUEUE_PREFIX + queue)
        pipe.hgetall(events.COUNTERS)
        pipe.xlen(events.STREAM)
        pipe.memory_usage(events.STREAM, samples=5)
        *lengths, counters, entries, size = pipe.execute()
        senders = sum(1 for _ in client.scan_iter(match=f"{SENDER_PREFIX}*", count=1000))
    queues = _gauge("queue_tasks", "Tasks waiting in a Celery queue", None, labels=["queue"])
    for queue, length in zip(QUEUES, lengths, strict=True):
        queues.add_metric([queue], length)
    taken = CounterMetricFamily(
        "listmonk_tracking_events",
        "Opens and clicks: taken by Redis, late (held first), dropped, and shed under load",
        labels=["result"],
    )
    for result in ("accepted", "late", "dropped", "shed"):
        taken.add_metric([result], int(counters.get(result.encode(), 0)))
    found: list[Metric] = [
        queues,
        taken,
        _gauge("tracking_stream_entries", "Entries that the tracker has not stored yet", entries),
        _gauge("tracking_stream_bytes", "What they take in Redis", size or 0),
        _gauge("tracking_stream_limit_bytes", "Above this, events are dropped", events.stream_limit_bytes()),
        _gauge("senders", "Processes that send campaigns", senders),
    ]
    age_s = _scan_age_s()
    if age_s is not None:
        found.append(_gauge("last_scan_age_seconds", "Since the last scan of campaigns", age_s))
    return found


def _from_postgresql() -> list[Metric]:
    by_status = dict(Campaign.objects.values_list("status").annotate(number=Count("pk")))
    campaigns = _gauge("campaigns", "Campaigns by status", None, labels=["status"])
    for status in Status.values:
        campaigns.add_metric([status], by_status.get(status, 0))
    to_send = _gauge("campaign_to_send", "Audience of a running campaign", None, labels=["campaign"])
    sent = _gauge("campaign_sent", "Accepted by mail servers so far", None, labels=["campaign"])
    for pk, planned, done in Campaign.objects.filter(status=Status.RUNNING).values_list(
        "pk", "to_send", "sent"
    ):
        to_send.add_metric([str(pk)], planned)
        sent.add_metric([str(pk)], done)
    waiting = SystemMail.objects.filter(status=SystemMail.Status.WAITING).count()
    return [campaigns, to_send, sent, _gauge("system_mails_waiting", "The product's own mails", waiting)]


def _gauge(
    name: str, text: str, value: float | None, *, labels: list[str] | None = None
) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"listmonk_{name}", text, value=value, labels=labels)


def _counter(name: str, text: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(f"listmonk_{name}", text, value=value)
