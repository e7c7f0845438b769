"""The shape of a provider's webhook: verify, parse, emit events."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from bounces.events import BounceEvent
from listmonk_py.api.errors import DomainError


@dataclass(frozen=True, slots=True)
class Hook:
    """One request of a provider. Header names are case-insensitive."""

    body: bytes
    headers: Mapping[str, str]
    query: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Received:
    """What a request told. `answer` is the body to answer with, None for listmonk's usual one."""

    events: list[BounceEvent] = field(default_factory=list)
    answer: Any = None


class InvalidHook(DomainError):
    """Not signed as it should be, or not what the provider sends."""


class Unauthorized(DomainError):
    """The provider's user name or password is wrong."""

    status = 401


class Source(Protocol):
    name: str

    def is_enabled(self) -> bool:
        """Whether staff have switched it on, live."""

    def receive(self, hook: Hook) -> Received:
        """Verify and parse.

        Raises:
            InvalidHook: see there.
            Unauthorized: see there.
        """


def parse(body: bytes) -> Any:
    """The JSON of a request.

    Raises:
        InvalidHook: it is none.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidHook(f"Invalid data: not JSON ({error}).") from None


def parse_object(body: bytes) -> dict[str, Any]:
    data = parse(body)
    if not isinstance(data, dict):
        raise InvalidHook("Invalid data: a JSON object is expected.")
    return data


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects in a list; what is no list or no object is left out."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def text(holder: Any, *path: str) -> str:
    """The text at `path` inside nested objects; "" when there is none."""
    for name in path:
        holder = holder.get(name) if isinstance(holder, dict) else None
    return holder if isinstance(holder, str) else ""


def inner(holder: Any, *path: str) -> dict[str, Any]:
    """The object at `path`; empty when there is none."""
    for name in path:
        holder = holder.get(name) if isinstance(holder, dict) else None
    return holder if isinstance(holder, dict) else {}
