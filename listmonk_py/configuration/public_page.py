"""HTML pages for strangers: the site's name and looks around a template of templates/public.

They set no cookie and read none, so they need no CSRF token: what a page may change, the UUID in its URL
permits (contract 4).

A page is in the language of the person it is for (`speak`), else in one that the browser asks for, where
the settings allow it, else in the installation's.
"""

from typing import Any

from django.db import Error
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.utils.translation.trans_real import parse_accept_lang_header

from . import languages, runtime
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
    language = language_of(request)
    whole = {**site(), "language": language, **(context or {})}
    response = render(request, f"public/{template}.html", whole, status=status)
    response["Content-Language"] = language
    if _get("app.public_lang_auto"):
        patch_vary_headers(response, ["Accept-Language"])
    if personal:
        response["X-Robots-Tag"] = "noindex"
        response["Cache-Control"] = "private, no-store"
        # The address of the page is a key; links in it must not hand it on.
        response["Referrer-Policy"] = "no-referrer"
    return response


def message(
    request: HttpRequest,
    title: str,
    text: str,
    *,
    values: dict[str, Any] | None = None,
    status: int = 200,
    personal: bool = False,
) -> HttpResponse:
    """A page that only says something.

    Args:
        title, text: keys of texts; a sentence that is no key is shown as it is.
        values: what fills their placeholders.
    """
    language = language_of(request)
    shown = {
        name: languages.translate(key, language, **(values or {}))
        for name, key in (("title", title), ("text", text))
    }
    return page(request, "message", shown, status=status, personal=personal)


def speak(request: HttpRequest, language: str | None) -> None:
    """Answer this request in a person's language; None leaves the choice to the browser."""
    request.reader_language = language  # type: ignore[attr-defined]


def language_of(request: HttpRequest) -> str:
    """The code of the language that this request is answered in."""
    chosen: str | None = getattr(request, "reader_language", None)
    return chosen or _of_browser(request) or _of_site()


def _of_browser(request: HttpRequest) -> str | None:
    header = request.META.get("HTTP_ACCEPT_LANGUAGE", "")
    if not header or not _get("app.public_lang_auto"):
        return None
    # As many as Django itself reads of it; parsed headers are cached there.
    asked = [tag for tag, weight in parse_accept_lang_header(header[:500]) if tag != "*" and weight > 0]
    return languages.match(asked)


def _of_site() -> str:
    return languages.match([str(_get("app.lang"))]) or languages.DEFAULT


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
