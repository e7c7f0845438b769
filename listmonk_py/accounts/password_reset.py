"""Forgotten passwords: a mail with a link that is good for 30 minutes and for one use (contract 10.1)."""

import hashlib
import time
from urllib.parse import urlencode

from django.core import signing
from django.db import transaction

from listmonk_py.api.errors import DomainError
from listmonk_py.configuration import runtime

from . import people, reset_mail, sessions
from .attempts import Limit, TooMany
from .models import User

SALT = "accounts.password-reset"
LASTS_S = 30 * 60
# Writing a mail takes some milliseconds; every answer takes this long.
TAKES_S = 0.1

_asks = Limit("reset", most=3, window_s=300)
_asks_from_address = Limit("reset-ip", most=10, window_s=60)


class BadLink(DomainError):
    pass


def ask(email: str, *, ip: str) -> bool:
    """Send a reset link to the user with this address, if there is one; return whether there was.

    Strangers must not learn which: the caller answers the same, this takes at least `TAKES_S` either
    way, and a limit that is reached is silent.
    """
    until = time.monotonic() + TAKES_S
    try:
        return _ask(email.strip(), ip)
    finally:
        time.sleep(max(0.0, until - time.monotonic()))


def _ask(email: str, ip: str) -> bool:
    try:
        _asks.refuse(f"email:{email}")
        _asks_from_address.refuse(ip)
    except TooMany:
        return False
    _asks.count(f"email:{email}")
    _asks_from_address.count(ip)
    with_password = User.objects.enabled().filter(type=User.Type.USER, password_login=True)
    user = with_password.filter(email__iexact=email).first() if "\0" not in email else None
    if user is not None:
        reset_mail.send(user, link(user), minutes=LASTS_S // 60)
    return user is not None


def link(user: User) -> str:
    """The address of the page where `user` can set a new password."""
    query = urlencode({"token": token(user), "email": user.email or ""})
    return f"{runtime.get('app.root_url')}/admin/reset?{query}"


def token(user: User) -> str:
    return signing.dumps({"user": user.pk, "mark": _mark(user)}, salt=SALT)


def user_of(given: str, email: str) -> User:
    """Whom a reset link is for.

    Raises:
        BadLink: it is too old, was used, or never was one.
    """
    try:
        data = signing.loads(given, salt=SALT, max_age=LASTS_S)
    except signing.BadSignature:
        data = {}
    user = User.objects.enabled().filter(pk=data.get("user"), password_login=True).first()
    if user is None or data["mark"] != _mark(user) or (user.email or "").lower() != email.strip().lower():
        raise BadLink("This link is too old or was used before. Ask for a new one.")
    return user


@transaction.atomic
def reset(given: str, email: str, password: str, again: str) -> User:
    """Set a new password and end every session of the user, who is not signed in by this.

    Raises:
        BadLink: see `user_of`.
        DomainError: the passwords differ or are not acceptable.
    """
    user = user_of(given, email)
    if password != again:
        raise DomainError("The two passwords differ. Enter the same one twice.")
    user = User.objects.select_for_update(of=("self",)).get(pk=user.pk)
    user.set_password(people.check_password(password, user))
    user.save(update_fields=["password", "updated_at"])
    sessions.end_all(user)
    return user


def _mark(user: User) -> str:
    """Changes with the password, so a link works once."""
    return hashlib.sha256(user.get_session_auth_hash().encode()).hexdigest()[:20]
