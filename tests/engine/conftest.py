"""An SMTP sink, a server that leads to it, and campaigns to send."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection

from campaigns.engine import leases, scan, working
from campaigns.engine.models import Batch
from campaigns.models import Campaign, CampaignList
from listmonk_py.configuration import runtime
from listmonk_py.configuration.models import SettingsVersion
from listmonk_py.configuration.registry import smtp_server
from listmonk_py.mail import messengers
from listmonk_py.mail.pacing import Pacer
from subscribers.models import List
from tests.sinks import SmtpSink

_versions = itertools.count(1)

ADD_PEOPLE = """
    WITH people AS (
        INSERT INTO subscribers_subscriber (uuid, email, name, attribs, status, updated_at)
        SELECT gen_random_uuid(), %(prefix)s || n || '@' || %(domain)s, 'Person ' || n,
               jsonb_build_object('city', 'Town ' || n), 'enabled', now()
          FROM generate_series(1, %(count)s) n
     RETURNING id)
    INSERT INTO subscribers_subscription (list_id, subscriber_id, status, meta, updated_at)
    SELECT l, people.id, 'confirmed', '{}', now() FROM people CROSS JOIN unnest(%(lists)s::bigint[]) l
"""


def add_people(count: int, *lists: List, prefix: str = "p", domain: str = "example.com") -> None:
    """`count` people on every one of `lists`, confirmed: p1@example.com and so on."""
    parameters = {"count": count, "prefix": prefix, "domain": domain, "lists": [one.pk for one in lists]}
    with connection.cursor() as cursor:
        cursor.execute(ADD_PEOPLE, parameters)


@pytest.fixture
def sink() -> Iterator[SmtpSink]:
    with SmtpSink() as running:
        yield running


@pytest.fixture
def engine(transactional_db: None, redis: Any, sink: SmtpSink) -> SmtpSink:
    """A database that commits, an empty Valkey, and the messenger `email` leading to the sink, unpaced."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE engine_ledger, engine_ledger_text")  # unmanaged, so no flush empties them
    # Versions start again with each emptied database; what is cached under one must not be taken for ours.
    SettingsVersion.objects.update_or_create(pk=1, defaults={"version": 1000 * next(_versions)})
    runtime.forget()
    runtime.save(
        {
            "smtp": [server_at(sink)],
            "app.concurrency": 100,
            "app.message_rate": 1000,
            "app.root_url": "https://lists.example.com",
            "engine.retry_base": "1s",
        }
    )
    Pacer(redis).vouch()
    messengers.refresh()
    return sink


def server_at(sink: SmtpSink, **values: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "uuid": "11111111-1111-4111-8111-111111111111",
        "host": sink.host,
        "port": sink.port,
        "auth_protocol": "none",
        "tls_type": "none",
        "max_conns": 4,
    }
    return smtp_server(**{**fields, **values})


@pytest.fixture
def make_campaign() -> Callable[..., Campaign]:
    def make(*lists: List, **fields: Any) -> Campaign:
        fields.setdefault("name", "News")
        fields.setdefault("subject", "Hello {{ .Subscriber.FirstName }}")
        fields.setdefault("body", "<p>Dear {{ .Subscriber.Name }} in {{ .Subscriber.Attribs.city }}</p>")
        fields.setdefault("content_type", "html")
        fields.setdefault("from_email", "News <news@example.org>")
        campaign = Campaign.objects.create(**fields)
        for one in lists:
            CampaignList.objects.create(campaign=campaign, list=one, list_name=one.name)
        campaign.refresh_from_db()
        return campaign

    return make


def send_all(limit: int = 500) -> None:
    """Play beat and one sender until nothing is left to do: scan, then work on every free batch."""
    for _ in range(limit):
        scan.scan()
        free = Batch.objects.filter(state=0, token=None, campaign__status="running").values_list(
            "pk", flat=True
        )
        for batch_id in list(free):
            working.send_batch(batch_id)
        if not Campaign.objects.filter(status="running").exists():
            break
    scan.scan()


__all__ = ["add_people", "leases", "send_all", "server_at"]
