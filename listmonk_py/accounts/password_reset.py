"""Forgotten passwords: a mail with a link that is good for 30 minutes and for one use (contract 10.1)."""

import hashlib
import threading
from collections.abc import Callable
from urllib.parse import urlencode

from django.core import signing
from django.db import connection, transaction

from listmonk_py.api.errors import DomainError
from listmonk_py.configuration import runtime

from . import people, sessions
from .attempts import Limit, TooMany
from .models import User

SALT = "accounts.password-reset"
LASTS_S = 30 * 60

_asks = Limit("reset", most=3, window_s=300)
_asks_from_address = Limit("reset-ip", most=10, window_s=60)

Send = Callable[[User, str], None]


class BadLink(DomainError):
    pass


def ask(email: str, *, ip: str, send: Send) -> None:
    """Send a reset link to the user with this address, if there is one.

    Nothing here tells whether there is: the mail leaves in a thread of its own, so the time to answer
    does not tell either, and a limit that is reached is silent.
    """
    try:
        _asks.refuse(f"email:{email}")
        _asks_from_address.refuse(ip)
    except TooMany:
        return
    _asks.count(f"email:{email}")
    _asks_from_address.count(ip)
    people_here = User.objects.enabled().filter(type=User.Type.USER, password_login=True)
    user = people_here.filter(email__iexact=email.strip()).first() if "\0" not in email else None
    if user is not None:
        threading.Thread(target=_send, args=(send, user, link(user)), name="reset-mail").start()


def _send(send: Send, user: User, url: str) -> None:
    try:
        send(user, url)
    finally:
        connection.close()


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
