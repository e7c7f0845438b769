"""This process's connection to Redis, for the pacer, heartbeats and doorbells."""

import os

from django.conf import settings
from redis import Redis

_client: Redis | None = None
_process = 0


def client() -> Redis:
    """A client with short time-outs: whoever waits for Redis has messages in flight. Made anew after a fork."""
    global _client, _process
    if _client is None or _process != os.getpid():
        _client = Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)
        _process = os.getpid()
    return _client
