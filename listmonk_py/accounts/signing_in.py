"""Signing in: the password, then the second factor where there is one, then the session.

django-allauth runs the steps (its login stages), so that its own pages for security keys and single
sign-on take part; the pages and their addresses are listmonk's (contract 3.15, 10.1).
"""

import hashlib
from typing import Any
from urllib.parse import urlencode, urlsplit

from allauth.account.internal.flows import login as allauth_login
from allauth.account.internal.stagekit import clear_login
from allauth.account.models import Login
from allauth.account.stages import LoginStageController
from allauth.mfa.models import Authenticator
from allauth.mfa.stages import AuthenticateStage
from django.contrib.auth import authenticate
from django.core import signing
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from listmonk_py.api.errors import DomainError
from listmonk_py.configuration import runtime

from .attempts import Limit
from .models import User

HOME = "/admin"
TWOFA_PAGE = "/admin/login/twofa"
TWOFA_SALT = "accounts.twofa"
TWOFA_LASTS_S = 300
SECOND_FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)

_codes = Limit("twofa", most=15, window_s=TWOFA_LASTS_S)


class WrongPassword(DomainError):
    pass


class WrongCode(DomainError):
    pass


def safe_next(url: str | None) -> str:
    """Where to go after signing in: a path on this site, nothing else (contract 10.1)."""
    try:
        parts = urlsplit(url or "")
    except ValueError:
        return HOME
    path = parts.path
    if not path.startswith("/") or path.startswith("//") or ".." in path or "\\" in path:
        return HOME
    # Control characters would be dropped by browsers and could turn /\t/evil into //evil.
    if any(ord(sign) < 33 for sign in path + parts.query):
        return HOME
    return f"{path}?{parts.query}" if parts.query else path


def with_password(request: HttpRequest, username: str, password: str, next_url: str) -> HttpResponse:
    """Check the password and go on: to the second factor when the user has one, else to `next_url`.

    Raises:
        WrongPassword: the words are the same whatever was wrong.
        TooMany: too many wrong ones for this user name or from this address.
    """
    limit = Limit("password", most=int(runtime.get("auth.login_attempts")), window_s=60)
    keys = (f"name:{username}", f"ip:{request.META.get('REMOTE_ADDR', '')}")
    limit.refuse(*keys)
    user = authenticate(request, username=username, password=password) if "\0" not in username else None
    if user is None:
        limit.count(*keys)
        raise WrongPassword("The user name or the password is wrong.")
    return proceed(request, user, next_url)  # type: ignore[arg-type]


def proceed(request: HttpRequest, user: User, next_url: str) -> HttpResponse:
    """The password is right: begin the session, or ask for the second factor first."""
    clear_login(request)
    credentials = {"username": user.username}
    response = allauth_login.perform_password_login(
        request, credentials, Login(user=user, redirect_url=safe_next(next_url))
    )
    if request.user.is_authenticated or not has_second_factor(user):
        return response
    query = urlencode({"token": pending_token(user), "next": safe_next(next_url)})
    return HttpResponseRedirect(f"{TWOFA_PAGE}?{query}")


def second_factors(user: User) -> QuerySet[Any]:
    return Authenticator.objects.filter(user=user, type__in=SECOND_FACTORS)


def has_second_factor(user: User) -> bool:
    return second_factors(user).exists()


def pending_token(user: User) -> str:
    """What the second page shows to prove that the first was passed; good for five minutes."""
    return signing.dumps({"user": user.pk, "hash": _password_mark(user)}, salt=TWOFA_SALT, compress=True)


def pending_user(token: str) -> User | None:
    """The user of a pending token that is still good; it ends when the password changes."""
    try:
        data = signing.loads(token, salt=TWOFA_SALT, max_age=TWOFA_LASTS_S)
    except signing.BadSignature:
        return None
    user = User.objects.enabled().filter(pk=data["user"]).first()
    return user if user is not None and _password_mark(user) == data["hash"] else None


def with_code(request: HttpRequest, token: str, code: str, next_url: str) -> HttpResponse:
    """Finish signing in with a code of the authenticator app, or a recovery code.

    Raises:
        WrongCode: the code is wrong, or was used before.
        TooMany: too many wrong codes.
        DomainError: the token is over; sign in again.
    """
    user = pending_user(token)
    if user is None:
        raise DomainError("This sign-in took too long. Start again with your password.")
    key = f"user:{user.pk}"
    _codes.refuse(key)
    _codes.count(key)
    if not is_right_code(user, code):
        raise WrongCode("This code is wrong or was used before. Enter the newest one.")
    return _finish(request, user, next_url)


def is_right_code(user: User, code: str) -> bool:
    """A TOTP code or an unused recovery code, which is used up by this."""
    code = code.replace(" ", "")
    if not code.isascii() or not 4 <= len(code) <= 32:
        return False
    types = (Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES)
    for one in Authenticator.objects.filter(user=user, type__in=types).order_by("-type"):
        if one.wrap().validate_code(code):
            one.record_usage()
            return True
    return False


def _finish(request: HttpRequest, user: User, next_url: str) -> HttpResponse:
    clear_login(request)
    allauth_login.record_authentication(request, user, method="password", username=user.username)
    allauth_login.record_authentication(request, user, method="mfa", type="totp")
    login = Login(user=user, redirect_url=safe_next(next_url))
    LoginStageController(request, login).set_handled(AuthenticateStage.key)
    return allauth_login.resume_login(request, login)


def _password_mark(user: User) -> str:
    return hashlib.sha256(user.get_session_auth_hash().encode()).hexdigest()[:16]
