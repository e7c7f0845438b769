"""Limits on guessing: failed sign-ins, codes and reset mails, counted in Redis across all processes.

A fixed window per key. While Redis is away nothing is counted and nobody is locked out: the password
hash and the length of tokens are the defence that remains; the log says so.
"""

import hashlib
import logging
from dataclasses import dataclass

import redis
from django.conf import settings
from redis.exceptions import RedisError

from listmonk_py.api.errors import DomainError

logger = logging.getLogger(__name__)

_client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)


class TooMany(DomainError):
    """The limit is reached; `wait_s` is how long until it opens again."""

    status = 429

    def __init__(self, wait_s: int) -> None:
        super().__init__(f"Too many attempts. Wait {wait_s} seconds, then try again.")
        self.wait_s = wait_s


@dataclass(frozen=True)
class Limit:
    """At most `most` attempts in `window_s` seconds, each key (user name, address) by itself."""

    name: str
    most: int
    window_s: int

    def refuse(self, *keys: str) -> None:
        """Raises: TooMany when one of `keys` has used up its attempts. Counts nothing."""
        try:
            for key in keys:
                count = int(_client.get(self._key(key)) or 0)  # type: ignore[arg-type]
                if count >= self.most:
                    raise TooMany(max(1, int(_client.ttl(self._key(key)))))  # type: ignore[arg-type]
        except RedisError as error:
            logger.warning("Attempts to sign in are not counted: Redis does not answer (%s).", error)

    def count(self, *keys: str) -> None:
        """Note an attempt under each key."""
        try:
            pipe = _client.pipeline()
            for key in keys:
                pipe.set(self._key(key), 0, ex=self.window_s, nx=True)
                pipe.incr(self._key(key))
            pipe.execute()
        except RedisError as error:
            logger.warning("An attempt to sign in was not counted: Redis does not answer (%s).", error)

    def _key(self, key: str) -> str:
        return f"attempts:{self.name}:{hashlib.sha256(key.lower().encode()).hexdigest()[:32]}"
