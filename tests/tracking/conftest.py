"""Campaigns, links and empty event tables."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from campaigns.models import Campaign
from tracking import links

WAIT_S = 60.0


def eventually(condition: Callable[[], Any], what: str, *, timeout_s: float = WAIT_S) -> Any:
    """What `condition` gives once it is true; polls, for processes tell nobody when they are done."""
    deadline = time.monotonic() + timeout_s
    while True:
        if found := condition():
            return found
        assert time.monotonic() < deadline, f"Not within {timeout_s:g} s: {what}"
        time.sleep(0.02)


@pytest.fixture
def campaign(redis: Any, db: Any) -> Campaign:
    links._known.clear()
    with connection.cursor() as cursor:  # Django empties no table that it does not manage
        cursor.execute("TRUNCATE tracking_view, tracking_click, engine_ledger")
    return Campaign.objects.create(name="May", subject="May")


@pytest.fixture
def link(campaign: Campaign) -> str:
    return links.register(["https://example.com/a?x=1&y=2"])["https://example.com/a?x=1&y=2"]
