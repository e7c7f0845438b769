"""Where somebody is signed in, and ending it."""

from typing import Any

from allauth.usersessions.models import UserSession
from django.contrib.sessions.backends.db import SessionStore

from .models import User


def of(user: User) -> list[UserSession]:
    """The sessions that are still alive, newest use first."""
    return [one for one in UserSession.objects.filter(user=user).order_by("-last_seen_at") if one.exists()]


def end_all(user: User, *, but: str | None = None) -> int:
    """End the user's sessions, except the one with the key `but`; return how many ended."""
    ended = 0
    for session in UserSession.objects.filter(user=user):
        if session.session_key != but:
            _end(session)
            ended += 1
    return ended


def end(user: User, pk: int) -> bool:
    """End one of the user's sessions; False when it is not theirs or over already."""
    session = UserSession.objects.filter(user=user, pk=pk).first()
    if session is None:
        return False
    _end(session)
    return True


def _end(session: Any) -> None:
    SessionStore(session.session_key).delete()
    session.delete()
