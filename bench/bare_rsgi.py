"""The least that granian can do for a pixel: the measure that bench/tracking.py compares with."""

from typing import Any

PIXEL = bytes(68)
HEADERS = [("content-type", "image/png"), ("cache-control", "no-cache"), ("x-robots-tag", "noindex")]


async def app(scope: Any, proto: Any) -> None:
    proto.response_bytes(200, HEADERS, PIXEL)
