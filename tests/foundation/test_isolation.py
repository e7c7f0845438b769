"""Tests that run at the same time do not meet."""

import os

from django.conf import settings
from django.core.cache import cache
from django.db import connection


def test_each_worker_has_its_own_databases(db, redis):
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")

    assert os.environ["REDIS_URL"] == settings.REDIS_URL
    assert settings.CELERY_BROKER_URL == settings.REDIS_URL
    cache.set("mine", worker)
    assert any(b"mine" in key for key in redis.scan_iter())
    assert connection.settings_dict["NAME"].endswith(worker)
