"""Every route of the URL resolver, and addresses to try it at; new routes are picked up by themselves."""

import gzip
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from listmonk_py.api.views import ApiView, PublicView

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
API = ("api/", "webhooks/")
PARAMETER = re.compile(r"<(?:(?P<kind>[a-z]+):)?(?P<name>\w+)>|\(\?P<(?P<group>\w+)>[^)]*\)")
NO_UUID = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True)
class Route:
    """One pattern. `view` is the class of an API view, None for functions."""

    pattern: str
    view: type[ApiView] | None
    callback: Any

    def __str__(self) -> str:
        return self.pattern

    @property
    def is_api(self) -> bool:
        return self.pattern.startswith(API)

    @property
    def is_public(self) -> bool:
        return self.view is not None and issubclass(self.view, PublicView)

    @property
    def methods(self) -> tuple[str, ...]:
        allowed = getattr(self.view, "http_method_names", ())
        names = [method for method in METHODS if method.lower() in allowed]
        return tuple(method for method in names if hasattr(self.view, method.lower()))

    def at(self, values: Mapping[str, object]) -> str:
        """The pattern's address, parameters filled with `values` by name, or 1 (UUIDs: none)."""
        pattern = self.pattern.replace("^", "").replace("$", "").replace("\\.", ".")

        def value(found: re.Match[str]) -> str:
            usual = NO_UUID if found["kind"] == "uuid" else 1
            return str(values.get(found["name"] or found["group"], usual) if usual == 1 else usual)

        return "/" + PARAMETER.sub(value, pattern)


def routes() -> list[Route]:
    """All routes, in the resolver's order."""
    return [
        Route(pattern, _api_view(callback), callback)
        for pattern, callback in _walk(get_resolver().url_patterns, "")
    ]


def _walk(patterns: list[Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for one in patterns:
        if isinstance(one, URLResolver):
            yield from _walk(one.url_patterns, prefix + str(one.pattern))
        elif isinstance(one, URLPattern):
            yield prefix + str(one.pattern), one.callback


def _api_view(callback: Any) -> type[ApiView] | None:
    view = getattr(callback, "cls", None)
    return view if isinstance(view, type) and issubclass(view, ApiView) else None


def api_calls() -> list[tuple[Route, str]]:
    """(route, method) of everything under /api and /webhooks."""
    return [(route, method) for route in routes() if route.is_api for method in route.methods]


def content(response: Any) -> bytes:
    """The whole body, unpacked."""
    body: bytes = b"".join(response.streaming_content) if response.streaming else response.content
    return gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body


def ask(client: Client, method: str, path: str, body: bytes = b"{}") -> tuple[int, bytes]:
    """Status and unpacked body."""
    response = client.generic(method, path, b"" if method == "GET" else body, content_type="application/json")
    return response.status_code, content(response)
