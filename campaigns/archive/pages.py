"""The archive's pages, feed and API. Switched off, none of them exists."""

from email.utils import format_datetime
from functools import wraps
from typing import Any
from xml.sax.saxutils import escape

from django.http import Http404, HttpRequest, HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.message_page import message_response
from campaigns.models import Campaign
from listmonk_py.api import paging
from listmonk_py.api.errors import DomainError, Missing
from listmonk_py.api.views import PublicView
from listmonk_py.configuration import runtime
from listmonk_py.configuration.public_page import page
from listmonk_py.mail.system import root_url
from subscribers.public_pages import PageError, View, public

from . import reading

FEED_ITEMS = 20
# What XML 1.0 has no way to write, not even escaped (section 2.2).
_NOT_XML = {code: None for code in range(32) if code not in (9, 10, 13)} | {0xFFFE: None, 0xFFFF: None}


def open_only(view: View) -> View:
    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **more: Any) -> HttpResponse:
        if not runtime.get("app.enable_public_archive"):
            raise Http404
        return view(request, *args, **more)

    return wrapped


@open_only
@public("GET")
def archive(request: HttpRequest) -> HttpResponse:
    """The list, by month."""
    text = request.GET.get("page", "1")
    number = max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 7 else 1
    asked = paging.Page(number)
    rows = reading.archived()
    total = rows.count()
    items = [
        {
            "subject": reading.subject_of(one),
            "path": f"/archive/{one.archive_slug or one.uuid}",
            "at": one.send_at or one.created_at,
        }
        for one in asked.of(rows)
    ]
    context = {
        "items": items,
        "page": number,
        "newer": number - 1 if number > 1 else None,
        "older": number + 1 if asked.offset + len(items) < total and items else None,
    }
    return page(request, "archive", context)


@open_only
@public("GET")
def message(request: HttpRequest, name: str) -> HttpResponse:
    """One message, or the newest of all under `latest`."""
    found = reading.archived().first() if name == "latest" else reading.find(name)
    if found is None:
        raise PageError("page.nothing.title", "page.archive.missing", status=404)
    return served(found)


def served(campaign: Campaign) -> HttpResponse:
    try:
        parts = reading.message_of(campaign)
    except DomainError as error:
        raise PageError("page.unreadable.title", error.message) from error
    return message_response(parts.html, parts.text)


@open_only
@public("GET")
def feed(request: HttpRequest) -> HttpResponse:
    """RSS 2.0, with whole messages where the settings say so."""
    name = runtime.get("app.site_name")
    items = "".join(_item(one) for one in reading.archived()[:FEED_ITEMS])
    channel = _tag("title", name) + _tag("link", root_url()) + _tag("description", f"{name} archive")
    namespaces = 'version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"'
    xml = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<rss {namespaces}><channel>{channel}{items}</channel></rss>'
    )
    return HttpResponse(xml, content_type="text/xml; charset=utf-8")


def _item(campaign: Campaign) -> str:
    url = reading.url_of(campaign)
    content = ""
    if runtime.get("app.enable_public_archive_rss_content"):
        content = _tag("content:encoded", _content(campaign))
    return (
        "<item>"
        + _tag("title", reading.subject_of(campaign))
        + _tag("link", url)
        + _tag("guid", url)
        + "<description></description>"
        + content
        + _tag("pubDate", format_datetime(campaign.send_at or campaign.created_at))
        + "</item>"
    )


def _content(campaign: Campaign) -> str:
    try:
        parts = reading.message_of(campaign)
    except DomainError:
        return ""
    return parts.html or escape(parts.text or "")


def _tag(name: str, text: str) -> str:
    return f"<{name}>{escape(text.translate(_NOT_XML))}</{name}>"


class ArchiveView(PublicView):
    """GET /api/public/archive (contract 3.14)."""

    def get(self, request: Request) -> Response:
        if not runtime.get("app.enable_public_archive"):
            raise Missing("404 unknown endpoint")
        asked = paging.asked(request)
        rows = reading.archived()
        total = rows.count()
        results = [self._out(one) for one in asked.of(rows)]
        if not results:
            # listmonk's envelope of nothing has no numbers in it.
            return self.data(paging.envelope([], 0, paging.Page(0, 0)))
        return self.data(paging.envelope(results, total, asked))

    @staticmethod
    def _out(campaign: Campaign) -> dict[str, Any]:
        return {
            "uuid": campaign.uuid,
            "subject": reading.subject_of(campaign),
            "content": "",
            "created_at": campaign.created_at,
            "send_at": campaign.send_at,
            "url": reading.url_of(campaign),
        }
