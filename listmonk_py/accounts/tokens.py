"""Tokens of API users: made, listed and revoked one by one, so that they can be changed without an outage."""

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from listmonk_py.api.errors import DomainError, Missing
from listmonk_py.api.times import in_utc

from .models import ApiToken, User

MAX_NAME = 200
MAX_TOKENS = 100


def of(user: User) -> QuerySet[ApiToken]:
    return user.tokens.usable().order_by("id")


def issue(user: User, *, name: Any = "", expires_at: Any = None) -> tuple[ApiToken, str]:
    """A new token beside the user's others, and its secret, which can never be read again.

    Raises:
        DomainError: not an API user, too many tokens, or a field is wrong.
    """
    if user.type != User.Type.API:
        raise DomainError("Only API users have tokens. This user signs in with a password.")
    if not isinstance(name, str) or len(name) > MAX_NAME:
        raise DomainError(f"Invalid fields: name. It must be text of at most {MAX_NAME} characters.")
    if of(user).count() >= MAX_TOKENS:
        raise DomainError(f"This user has {MAX_TOKENS} tokens. Revoke one that is not used.")
    secret = ApiToken.issue(user, name=name.strip(), expires_at=_future(expires_at))
    return user.tokens.order_by("-id")[0], secret


def revoke(user: User, pk: int) -> None:
    """End a token at once.

    Raises:
        Missing: the user has no such token.
    """
    if not of(user).filter(pk=pk).update(revoked_at=timezone.now()):
        raise Missing("This user has no such token.")


def _future(value: Any) -> datetime | None:
    if value in (None, ""):
        return None
    try:
        moment = parse_datetime(value) if isinstance(value, str) else None
        moment = in_utc(moment) if moment is not None and moment.tzinfo is not None else None
    except ValueError:
        moment = None
    if moment is None:
        raise DomainError("Invalid fields: expires_at must be a time like 2030-01-31T00:00:00Z.")
    if moment <= timezone.now():
        raise DomainError("Invalid fields: expires_at is in the past.")
    return moment
