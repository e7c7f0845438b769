"""Who may call a view. Rows are another question: each view's `get_queryset` calls `visible_to(user)`."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from .errors import Forbidden


class SignedIn(BasePermission):
    """Signed in, and holding one of the view's `needs` for this method.

    A view states `needs = {"GET": ("lists:get_all", "list:get"), "POST": (...)}`; `"*"` stands for
    the methods not named; an empty tuple means any signed-in user. A method that is not stated at
    all is refused to everybody but the Super Admin (default deny).
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        if not request.user or not request.user.is_authenticated:
            return False
        needs = needed(view, request.method or "GET")
        if needs is None:
            if request.user.is_superuser:
                return True
            raise Forbidden("permission denied")
        if needs and not request.user.may(*needs):
            raise Forbidden(f"permission denied: {needs[0]}")
        return True


class Public(BasePermission):
    """Open to strangers; for the routes of contract 3.14 and the like."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return True


def needed(view: Any, method: str) -> tuple[str, ...] | None:
    """The permissions of which one is needed, or None when the view does not say."""
    needs: dict[str, tuple[str, ...]] = getattr(view, "needs", {})
    if method in ("HEAD", "OPTIONS"):
        method = "GET"
    return needs.get(method, needs.get("*"))
