"""The language and the time zone that staff work in: their own, else the installation's.

Only pages of the admin and of one's account follow them. The API and public pages do not: their times are
absolute, and their readers are others.
"""

import zoneinfo
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation

from listmonk_py.api.errors import DomainError
from listmonk_py.configuration import languages

if TYPE_CHECKING:
    from .models import User

PATHS = "/admin"


@lru_cache(maxsize=1)
def time_zones() -> tuple[str, ...]:
    """Names of the IANA database that people know: UTC, and those of a place."""
    places = (name for name in zoneinfo.available_timezones() if "/" in name)
    fixed = ("Etc/", "posix/", "right/", "SystemV/", "US/")
    return ("UTC", *sorted(name for name in places if not name.startswith(fixed)))


def fill(user: "User", fields: Mapping[str, Any]) -> None:
    """Take over `language` and `time_zone` where they are given; "" is the installation's.

    Raises:
        DomainError: there are no texts in this language, or no such zone. The message names the field.
    """
    known = {"language": languages.codes().values(), "time_zone": time_zones()}
    for name, values in known.items():
        value = fields.get(name)
        if value is None:
            continue
        if value != "" and value not in values:
            raise DomainError(f"Invalid fields: {name}. {_hint(name)}")
        setattr(user, name, value)


def _hint(name: str) -> str:
    if name == "language":
        return f"It must be one of: {', '.join(languages.codes().values())}; or empty."
    return "It must be a name such as Europe/Berlin; or empty."


def staff_locale(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: pages of the admin in the user's language and time zone."""

    def answer(request: HttpRequest) -> HttpResponse:
        user: Any = getattr(request, "user", None)
        if not request.path.startswith(PATHS) or user is None or not user.is_authenticated:
            return get_response(request)
        with translation.override(user.language or languages.of_site()), timezone.override(_zone(user)):
            return get_response(request)

    return answer


def _zone(user: "User") -> Any:
    """A zone that the machine knows no more is the installation's."""
    if user.time_zone in time_zones():
        return zoneinfo.ZoneInfo(user.time_zone)
    return timezone.get_default_timezone()
