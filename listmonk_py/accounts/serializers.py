"""Users, roles, tokens and sessions as the API answers them (contract 3.2)."""

from typing import Any

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession

from .models import ApiToken, Role, User


def user_answer(user: User, *, token: str | None = None) -> dict[str, Any]:
    """One user, read with `User.objects.shown()`; `token` is the secret of an API user just made."""
    factors = user.authenticator_set.all()  # type: ignore[attr-defined]
    methods = sorted({one.type for one in factors})
    answer = {
        "id": user.pk,
        "created_at": user.created_at,
        "updated_at": user.updated_at,
        "username": user.username,
        "password": token,
        "password_login": user.password_login,
        "email": user.email,
        "name": user.name,
        "type": user.type,
        "status": user.status,
        "avatar": user.avatar,
        "language": user.language,
        "time_zone": user.time_zone,
        "twofa_type": "totp" if Authenticator.Type.TOTP in methods else "none",
        "twofa_methods": methods,
        "loggedin_at": user.loggedin_at,
        "user_role": {
            "id": user.user_role.pk,
            "name": user.user_role.name,
            "permissions": user.user_role.permissions,
        },
        "list_role": None,
    }
    if user.list_role is not None:
        answer["list_role_id"] = user.list_role_id
        answer["list_role"] = {
            "id": user.list_role.pk,
            "name": user.list_role.name,
            "lists": grants_answer(user.list_role),
        }
    return answer


def grants_answer(role: Role) -> list[dict[str, Any]]:
    """What a list role grants; read with `lists__list` prefetched."""
    return [
        {"id": grant.list_id, "name": grant.list.name, "permissions": grant.permissions}
        for grant in role.lists.all()
    ]


def user_role_answer(role: Role) -> dict[str, Any]:
    return {
        "id": role.pk,
        "created_at": role.created_at,
        "updated_at": role.updated_at,
        "type": role.type,
        "name": role.name,
        "permissions": role.permissions,
        "lists": None,
    }


def list_role_answer(role: Role) -> dict[str, Any]:
    return {
        "id": role.pk,
        "created_at": role.created_at,
        "updated_at": role.updated_at,
        "name": role.name,
        "lists": grants_answer(role),
    }


def token_answer(token: ApiToken) -> dict[str, Any]:
    return {
        "id": token.pk,
        "name": token.name,
        "created_at": token.created_at,
        "last_used_at": token.last_used_at,
        "expires_at": token.expires_at,
    }


def session_answer(session: UserSession, *, current_key: str | None) -> dict[str, Any]:
    return {
        "id": session.pk,
        "ip": session.ip,
        "user_agent": session.user_agent,
        "created_at": session.created_at,
        "last_seen_at": session.last_seen_at,
        "is_current": session.session_key == current_key,
    }
