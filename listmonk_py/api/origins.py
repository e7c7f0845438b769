"""Whether a request comes from our own pages, by what browsers say and scripts cannot forge."""

from urllib.parse import urlsplit

from django.http import HttpRequest


def is_same_origin(request: HttpRequest) -> bool:
    """True when `Sec-Fetch-Site` or `Origin` names this site; False when neither does.

    Source: Fetch Metadata (W3C), section 2.4; RFC 6454 section 7 for Origin.
    """
    site = request.META.get("HTTP_SEC_FETCH_SITE", "")
    if site:
        return site in ("same-origin", "none")
    origin = request.META.get("HTTP_ORIGIN", "")
    return bool(origin) and urlsplit(origin).netloc == request.get_host()
