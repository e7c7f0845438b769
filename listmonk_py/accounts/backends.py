"""Django's permission questions, answered by listmonk's permissions. Default deny."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from .permissions import DJANGO


class PermissionBackend(ModelBackend):
    """Password sign-in for people whose `password_login` is on, and the permission table."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> Any:
        user = super().authenticate(request, username=username, password=password, **kwargs)
        return user if user is not None and user.password_login and user.type == "user" else None

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        return bool(user_obj.is_active) and user_obj.may(*DJANGO.get(perm, ()))

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        return {perm for perm, needed in DJANGO.items() if user_obj.is_active and user_obj.may(*needed)}

    def get_user_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        return self.get_all_permissions(user_obj, obj)

    def get_group_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        return set()


def may_open_app(user: Any, app_label: str) -> bool:
    """Whether any permission on a model of this app is held."""
    return any(
        perm.split(".")[0] == app_label and user.is_active and user.may(*needed)
        for perm, needed in DJANGO.items()
    )
