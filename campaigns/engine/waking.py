"""Waking batches that wait for tokens or for a server when staff have changed what they wait for.

A batch given back at one message an hour waits that hour. A limit, a server or a provider's rate that is
changed meanwhile has to act within two seconds, so the scan compares what is set with what it saw last.
"""

from typing import Any

from django.db import connection
from django.db.models import Q

from campaigns import pace
from campaigns.models import Campaign
from campaigns.status import Status
from listmonk_py.configuration import runtime
from listmonk_py.mail.models import DomainGroup

# Who comes sooner than this needs no waking.
WAKE = """
    UPDATE engine_batch SET not_before = NULL
     WHERE state = 0 AND token IS NULL AND not_before > now() + interval '0.2 seconds'
"""

_seen: tuple[Any, ...] | None = None


def wake_if_changed() -> int:
    """Let every waiting batch be offered when a limit or a server has changed; return how many were woken.

    Each process that scans remembers for itself: a needless waking costs one look at the tokens a batch.
    """
    global _seen
    found = _limits()
    if found == _seen:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(WAKE)
        _seen = found
        return int(cursor.rowcount)


def _limits() -> tuple[Any, ...]:
    own = Q(rate__isnull=False) | Q(sliding_window_rate__isnull=False)
    running = Campaign.objects.filter(own, status=Status.RUNNING).order_by("pk")
    groups = DomainGroup.objects.filter(rate__isnull=False).order_by("pk")
    return (
        runtime.version(),
        tuple(running.values_list("pk", *pace.FIELDS)),
        tuple(
            (*limit, tuple(domains))
            for *limit, domains in groups.values_list("pk", "rate", "window_s", "is_sliding", "domains")
        ),
    )
