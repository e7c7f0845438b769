"""HTML pages for strangers: the site's name and looks around a template of templates/public.

They set no cookie and read none, so they need no CSRF token: what a page may change, the UUID in its URL
permits (contract 4).
"""

from typing import Any

from django.db import Error
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from . import runtime
from .registry import FIELDS


def page(
    request: HttpRequest,
    template: str,
    context: dict[str, Any] | None = None,
    *,
    status: int = 200,
    personal: bool = False,
) -> HttpResponse:
    """Render templates/public/<template>.html.

    Args:
        personal: about one person: search engines and caches must not keep it.
    """
    response = render(request, f"public/{template}.html", {**site(), **(context or {})}, status=status)
    if personal:
        response["X-Robots-Tag"] = "noindex"
        response["Cache-Control"] = "private, no-store"
        # The address of the page is a key; links in it must not hand it on.
        response["Referrer-Policy"] = "no-referrer"
    return response


def message(
    request: HttpRequest, title: str, text: str, *, status: int = 200, personal: bool = False, **more: Any
) -> HttpResponse:
    """A page that only says something."""
    return page(request, "message", {"title": title, "text": text, **more}, status=status, personal=personal)


def site() -> dict[str, Any]:
    """What every public page shows of the site; the defaults while PostgreSQL is away."""
    return {
        "site_name": _get("app.site_name"),
        "logo_url": _get("app.logo_url"),
        "favicon_url": _get("app.favicon_url"),
        "root_url": str(_get("app.root_url")).rstrip("/"),
        "form_is_open": _get("app.enable_public_subscription_page"),
        "archive_is_open": _get("app.enable_public_archive"),
        "has_custom_css": bool(_get("appearance.public.custom_css")),
        "has_custom_js": bool(_get("appearance.public.custom_js")),
    }


def _get(key: str) -> Any:
    try:
        return runtime.get(key)
    except Error:
        return FIELDS[key].default
