"""How a request says who it is: the session cookie, or an API user's token (contract 3.1)."""

import base64
import binascii
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from listmonk_py.accounts.models import ApiToken

from .errors import Forbidden
from .origins import is_same_origin

LAST_USED_PRECISION = timedelta(minutes=1)


class SessionCookie(BaseAuthentication):
    """The `session` cookie of a person signed in at /admin/login.

    With it the Authorization header is ignored, as in listmonk. Writes must come from the same
    origin (design.md section 7): by `Origin` or `Sec-Fetch-Site`, else with the CSRF token.
    """

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        if settings.SESSION_COOKIE_NAME not in request.COOKIES:
            return None
        user = getattr(request._request, "user", None)
        if user is None or not user.is_authenticated or not user.is_active:
            raise Forbidden("invalid session")
        self._check_origin(request)
        return user, None

    def authenticate_header(self, request: Request) -> str:
        return "Session"

    def _check_origin(self, request: Request) -> None:
        if request.method in ("GET", "HEAD", "OPTIONS") or is_same_origin(request._request):
            return
        check = CsrfViewMiddleware(lambda _: HttpResponse())
        check.process_request(request._request)
        request._request._dont_enforce_csrf_checks = False  # type: ignore[attr-defined]
        if check.process_view(request._request, lambda _: HttpResponse(), (), {}):
            raise Forbidden("This request comes from another site, or lacks the CSRF token.")


class ApiTokenHeader(BaseAuthentication):
    """`Authorization: token user:token` or `Basic base64(user:token)`; the scheme is case-sensitive."""

    def authenticate(self, request: Request) -> tuple[Any, ApiToken] | None:
        header = request.META.get("HTTP_AUTHORIZATION", "")
        if not header:
            return None
        username, secret = credentials(header)
        token = ApiToken.objects.matching(username, secret)
        if token is None:
            raise Forbidden("invalid API credentials")
        note_use(token)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return "token"


def credentials(header: str) -> tuple[str, str]:
    """User name and token from an Authorization header.

    Raises:
        Forbidden: the scheme is unknown or the value is not `user:token`.
    """
    scheme, _, value = header.partition(" ")
    if scheme == "Basic":
        try:
            value = base64.b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise Forbidden("invalid Basic Authorization header value") from None
    elif scheme != "token":
        raise Forbidden("unknown Authorization scheme")
    username, colon, secret = value.strip().partition(":")
    if not colon or not username or not secret or "\0" in username:
        raise Forbidden("invalid API credentials: use user:token")
    return username, secret


def note_use(token: ApiToken) -> None:
    """Remember when a token was last used, to the minute, so that a busy client costs one write a minute."""
    now = timezone.now()
    if token.last_used_at is None or now - token.last_used_at > LAST_USED_PRECISION:
        type(token).objects.filter(pk=token.pk).update(last_used_at=now)
