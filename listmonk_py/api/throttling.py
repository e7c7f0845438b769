"""The request limit per API token (setting api.rate_limit, requests a minute; 0 is none)."""

import logging
from typing import Any

from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from listmonk_py.configuration import runtime

logger = logging.getLogger(__name__)


class PerToken(SimpleRateThrottle):
    scope = "token"
    num_requests: int | None

    def get_rate(self) -> str:
        return f"{runtime.get('api.rate_limit') or 0}/min"

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        token = getattr(request, "auth", None)
        return None if token is None else f"throttle:token:{token.pk}"

    def allow_request(self, request: Request, view: Any) -> bool:
        if not self.num_requests:
            return True
        try:
            return bool(super().allow_request(request, view))
        except RedisError as error:
            # A limiter that is away must not take the API with it.
            logger.warning("The request limit is not enforced: Redis does not answer (%s).", error)
            return True
