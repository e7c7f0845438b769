"""The HTML pages of signing in, at listmonk's addresses (contract 3.15).

Posts here carry no session that could be abused, so they need no CSRF token (listmonk's clients send
none); a browser that says it comes from another site is refused.
"""

import secrets
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods
from redis.exceptions import RedisError

from listmonk_py.api.errors import DomainError
from listmonk_py.api.origins import is_same_origin
from listmonk_py.configuration import runtime

from . import first_run, password_reset, signing_in
from .models import User

View = Callable[..., HttpResponse]
NONCE_COOKIE = "nonce"


def sign_in_page(view: View) -> View:
    """What these pages share: never cached, same origin, a page in words when something is away."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method == "POST" and _says_it_is_foreign(request):
            return message(request, "Not allowed", "This form was sent from another site.", status=403)
        try:
            return view(request, *args, **kwargs)
        except RedisError:
            return message(
                request, "Please wait", "Redis does not answer. Try again in a moment.", status=503
            )

    methods = require_http_methods(["GET", "POST"])
    return csrf_exempt(never_cache(methods(guarded)))


def _says_it_is_foreign(request: HttpRequest) -> bool:
    says = "HTTP_ORIGIN" in request.META or "HTTP_SEC_FETCH_SITE" in request.META
    return says and not is_same_origin(request)


def message(request: HttpRequest, title: str, text: str, *, status: int = 200) -> HttpResponse:
    return _page(request, "message", {"title": title, "text": text}, status=status)


def _page(request: HttpRequest, name: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    look = {
        "site_name": runtime.get("app.site_name"),
        "logo_url": runtime.get("app.logo_url"),
        "favicon_url": runtime.get("app.favicon_url"),
    }
    return render(request, f"accounts/{name}.html", {**look, **context}, status=status)


@sign_in_page
def login(request: HttpRequest) -> HttpResponse:
    """The sign-in form; on a fresh installation the form that makes the Super Admin."""
    if first_run.is_needed():
        return _set_up(request)
    next_url = signing_in.safe_next(request.POST.get("next") or request.GET.get("next"))
    if request.method == "GET":
        if request.user.is_authenticated:
            return HttpResponseRedirect(next_url)
        return login_form(request, next_url)
    username = request.POST.get("username", "").strip()
    try:
        return signing_in.with_password(request, username, request.POST.get("password", ""), next_url)
    except DomainError as error:
        return login_form(request, next_url, error=error.message, username=username)


def login_form(request: HttpRequest, next_url: str, *, error: str = "", username: str = "") -> HttpResponse:
    """The form, with the nonce that starting single sign-on asks for (status 200, as in listmonk)."""
    oidc = runtime.get("security.oidc")
    nonce = secrets.token_urlsafe(24)
    context = {"next": next_url, "error": error, "username": username, "nonce": nonce}
    if oidc["enabled"]:
        url = urlsplit(oidc["provider_url"])
        context["oidc_name"] = oidc["provider_name"] or url.hostname
    response = _page(request, "login", context)
    if oidc["enabled"]:
        # Browsers hold the redirect that follows a form's post to form-action, too.
        response._csp_update = {"form-action": [f"{url.scheme}:"]}  # type: ignore[attr-defined]
    response.set_cookie(NONCE_COOKIE, nonce, httponly=True, samesite="Lax", secure=request.is_secure())
    return response


def _set_up(request: HttpRequest) -> HttpResponse:
    if request.method == "GET":
        return _page(request, "set_up", {})
    given = {name: request.POST.get(name, "") for name in ("email", "username", "password", "password2")}
    try:
        user = first_run.set_up(given)
    except DomainError as error:
        return _page(request, "set_up", {"error": error.message, **given})
    return signing_in.proceed(request, user, signing_in.HOME)


@sign_in_page
def twofa(request: HttpRequest) -> HttpResponse:
    token = request.POST.get("token") or request.GET.get("token", "")
    next_url = signing_in.safe_next(request.POST.get("next") or request.GET.get("next"))
    user = signing_in.pending_user(token)
    if user is None:
        return HttpResponseRedirect(signing_in.HOME)
    context: dict[str, Any] = {"token": token, "next": next_url, **_ways(user)}
    if request.method == "GET":
        return _page(request, "twofa", context)
    try:
        return signing_in.with_code(request, token, request.POST.get("totp_code", ""), next_url)
    except DomainError as error:
        return _page(request, "twofa", {**context, "error": error.message})


def _ways(user: User) -> dict[str, bool]:
    types = set(signing_in.second_factors(user).values_list("type", flat=True))
    return {"has_totp": "totp" in types, "has_key": "webauthn" in types}


@sign_in_page
def forgot(request: HttpRequest) -> HttpResponse:
    """Always the same answer, so that nobody learns who has an account."""
    if request.method == "GET":
        return _page(request, "forgot", {})
    password_reset.ask(request.POST.get("email", ""), ip=request.META.get("REMOTE_ADDR", ""))
    return message(
        request,
        "Look in your mailbox",
        "If there is an account with this address, a mail with a link to set a new password is on its way.",
    )


@sign_in_page
def reset(request: HttpRequest) -> HttpResponse:
    given = request.POST if request.method == "POST" else request.GET
    token, email = given.get("token", ""), given.get("email", "")
    context = {"token": token, "email": email}
    try:
        password_reset.user_of(token, email)
        if request.method == "GET":
            return _page(request, "reset", context)
        user = password_reset.reset(
            token, email, request.POST.get("password", ""), request.POST.get("password2", "")
        )
    except password_reset.BadLink as error:
        return message(request, "This link does not work", error.message, status=400)
    except DomainError as error:
        return _page(request, "reset", {**context, "error": error.message})
    return signing_in.proceed(request, user, signing_in.HOME)


@sign_in_page
def sign_out(request: HttpRequest) -> HttpResponse:
    """Leaving is a POST; a GET asks first, so that no image or link can sign somebody out."""
    if request.method == "GET":
        return _page(request, "sign_out", {})
    if not is_same_origin(request) and request.user.is_authenticated:
        return message(request, "Not allowed", "This form was sent from another site.", status=403)
    logout(request)
    return HttpResponseRedirect("/admin/login")


def inactive(request: HttpRequest) -> HttpResponse:
    return message(request, "Not possible", "This account is disabled. Ask an administrator.", status=403)


def to_login(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    """Where allauth would have a page that we do not: back to signing in."""
    return HttpResponseRedirect("/admin/login")


def to_admin(request: HttpRequest) -> HttpResponse:
    """`/admin` without its slash."""
    if not request.user.is_authenticated:
        return redirect_to_login(request)
    return HttpResponseRedirect("/admin/")


def redirect_to_login(request: HttpRequest) -> HttpResponse:
    """307, as listmonk answers pages that need a session."""
    response = HttpResponseRedirect(f"/admin/login?{urlencode({'next': request.get_full_path()})}")
    response.status_code = 307
    return response
