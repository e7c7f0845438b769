"""The first person of an installation: made in the browser, or from the environment (contract 12.2)."""

import os
from collections.abc import Mapping
from typing import Any

from django.db import connection, transaction

from listmonk_py.api.errors import Conflict, DomainError

from . import people, roles
from .models import User
from .permissions import SUPER_ADMIN_ROLE_ID

# pg_advisory_xact_lock key: one set-up at a time, so two visitors cannot both become the owner.
SETUP_LOCK = 0x6C6D7375


def is_needed() -> bool:
    """True while nobody can sign in. API users do not count."""
    return not User.objects.filter(type=User.Type.USER).exists()


@transaction.atomic
def set_up(fields: Mapping[str, Any]) -> User:
    """Make the Super Admin.

    Args:
        fields: email, username, password, password2.

    Raises:
        Conflict: somebody exists already.
        DomainError: a field is wrong.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SETUP_LOCK])
    if not is_needed():
        raise Conflict("The Super Admin has been made already. Sign in instead.")
    if fields.get("password") != fields.get("password2"):
        raise DomainError("The two passwords differ. Enter the same one twice.")
    roles.ensure_super_admin_role()
    user, _ = people.create(
        {
            **_super_admin(User.Type.USER, fields.get("username")),
            "email": fields.get("email"),
            "password": fields.get("password"),
            "password_login": True,
        }
    )
    return user


@transaction.atomic
def from_environment(environ: Mapping[str, str] = os.environ) -> str | None:
    """Make what LISTMONK_ADMIN_USER, _PASSWORD and LISTMONK_ADMIN_API_USER ask for, once.

    Returns the API user's token when one was made. Users that exist are left as they are.

    Raises:
        DomainError: a name or the password is not acceptable.
    """
    name, password = environ.get("LISTMONK_ADMIN_USER", ""), environ.get("LISTMONK_ADMIN_PASSWORD", "")
    api_name = environ.get("LISTMONK_ADMIN_API_USER", "")
    if name and password and is_needed():
        email = environ.get("LISTMONK_ADMIN_EMAIL", f"{name}@localhost" if "@" not in name else name)
        set_up({"username": name, "email": email, "password": password, "password2": password})
    if api_name and not User.objects.filter(username=api_name).exists():
        roles.ensure_super_admin_role()
        return people.create(_super_admin(User.Type.API, api_name))[1]
    return None


def _super_admin(kind: str, name: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "username": name,
        "status": User.Status.ENABLED,
        "user_role_id": SUPER_ADMIN_ROLE_ID,
    }
