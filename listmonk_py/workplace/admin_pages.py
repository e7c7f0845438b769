"""Pages of the admin that belong to no table: maintenance, and the log."""

from collections.abc import Callable
from datetime import datetime, time
from typing import Any

import redis
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.dateparse import parse_date
from redis.exceptions import RedisError

from listmonk_py.accounts.admin_base import told
from listmonk_py.api.errors import DomainError

from . import figures, log_ring, maintenance

LINES_SHOWN = 500


def urls() -> list[URLPattern]:
    """Mounted under /admin/ before the site, which would take these addresses for apps."""

    def page(address: str, view: Callable[..., HttpResponse], name: str) -> URLPattern:
        return path(f"admin/{address}/", admin.site.admin_view(view), name=name)

    return [page("maintenance", maintenance_page, "maintenance"), page("logs", logs_page, "logs")]


def _shown(request: HttpRequest, template: str, title: str, context: dict[str, Any]) -> HttpResponse:
    return TemplateResponse(
        request, template, {**admin.site.each_context(request), "title": title, **context}
    )


def _needs(request: HttpRequest, permission: str) -> None:
    if not request.user.may(permission):  # type: ignore[union-attr]
        raise PermissionDenied


def maintenance_page(request: HttpRequest) -> HttpResponse:
    """What may be deleted, with how many there are; a POST deletes one kind."""
    _needs(request, "settings:maintain")
    if request.method == "POST":
        told(request, lambda: _tidy(request.POST.get("what", ""), request.POST.get("before", "")))
        return HttpResponseRedirect(reverse("maintenance"))
    people = figures.counts(request.user)["subscribers"]  # type: ignore[arg-type]
    context = {"orphans": people["orphans"] or 0, "blocklisted": people["blocklisted"] or 0}
    return _shown(request, "workplace/maintenance.html", "Maintenance", context)


def _tidy(what: str, before: str) -> str:
    match what:
        case "orphan" | "blocklisted":
            return f"{maintenance.delete_people(what):,} subscribers are deleted."
        case "unconfirmed":
            return f"{maintenance.delete_unconfirmed(_start_of(before)):,} subscriptions are deleted."
        case "views" | "clicks":
            return f"{maintenance.delete_events(what, _start_of(before)):,} {what} are deleted."
    raise DomainError("Choose what to delete.")


def _start_of(text: str) -> datetime:
    """The beginning of a day in the server's time zone.

    Raises:
        DomainError: it is no date.
    """
    try:
        day = parse_date(text)
    except ValueError:
        day = None
    if day is None:
        raise DomainError("Choose the date before which they are deleted.")
    return timezone.make_aware(datetime.combine(day, time.min))


def logs_page(request: HttpRequest) -> HttpResponse:
    """The newest lines of all processes, searched by a word."""
    _needs(request, "settings:get")
    word = request.GET.get("q", "").strip()
    lines: list[str] = []
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=5) as client:
            lines = log_ring.lines(client)
    except RedisError:
        messages.error(request, "Redis does not answer, and it has the log. The console has the lines too.")
    found = [line for line in lines if word.lower() in line.lower()]
    context = {"lines": found[: -LINES_SHOWN - 1 : -1], "q": word, "number": len(found)}
    return _shown(request, "workplace/logs.html", "Log", context)
