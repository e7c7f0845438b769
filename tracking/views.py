"""Pixels and clicks when another server than ours runs Django, and the page for unknown links.

Under `listmonk_py.server` the door answers first; only what it leaves comes here.
"""

import redis
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from redis.exceptions import RedisError

from listmonk_py.configuration import runtime
from subscribers.public_pages import PageError, public, uuid_of

from . import events, links
from .machines import LONGEST_AGENT, by_user_agent


@public("GET", personal=True)
def pixel(request: HttpRequest, campaign: str, subscriber: str) -> HttpResponse:
    _record(request, str(uuid_of(campaign)), str(uuid_of(subscriber)))
    return HttpResponse(events.PIXEL, headers=dict(events.PIXEL_HEADERS))


@public("GET", personal=True)
def click(request: HttpRequest, link: str, campaign: str, subscriber: str) -> HttpResponse:
    link_uuid, campaign_uuid, subscriber_uuid = map(uuid_of, (link, campaign, subscriber))
    url = links.target(str(link_uuid))
    if url is None:
        raise PageError("page.unknownLink.title", "page.unknownLink.text")
    _record(request, str(campaign_uuid), str(subscriber_uuid), str(link_uuid))
    return HttpResponse(
        status=307,
        headers={"Location": links.location(url), "Cache-Control": "no-store", "X-Robots-Tag": "noindex"},
    )


def _record(request: HttpRequest, campaign: str, subscriber: str, link: str = "") -> None:
    """Append the event; an open or click that Redis does not take now is not worth an error."""
    if request.method != "GET" or campaign == events.NOBODY or runtime.get("privacy.disable_tracking"):
        return
    line = events.line(
        campaign,
        subscriber,
        link,
        machine=by_user_agent(request.META.get("HTTP_USER_AGENT", "")[:LONGEST_AGENT]),
        individual=runtime.get("privacy.individual_tracking"),
    )
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1) as client:
            client.xadd(events.STREAM, {events.FIELD: line})
    except RedisError:
        pass
