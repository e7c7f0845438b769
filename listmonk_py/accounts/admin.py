"""Users, roles and API tokens in the admin."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display

from . import people, roles, tokens
from .admin_base import BigTableAdmin, StaffAdmin, told
from .admin_forms import RoleForm, TokenForm, UserForm
from .models import ApiToken, Role, User
from .permissions import USER_PERMISSIONS


@admin.register(User)
class UserAdmin(StaffAdmin):
    form = UserForm
    list_display = ("username", "name", "kind", "state", "user_role", "list_role", "factors", "loggedin_at")
    list_filter = (("type", ChoicesDropdownFilter), ("status", ChoicesDropdownFilter))
    list_select_related = ("user_role", "list_role")
    search_fields = ("username", "name", "email")
    ordering = ("username",)
    readonly_fields = ("loggedin_at",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("type", "status"),
                    ("username", "name"),
                    "email",
                    ("user_role", "list_role"),
                    ("password_login", "password"),
                )
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> "QuerySet[User]":
        return super().get_queryset(request).annotate(second_factors=Count("authenticator"))

    @display(description="Kind", label={"person": "", "API": "info"})
    def kind(self, user: User) -> str:
        return "API" if user.type == User.Type.API else "person"

    @display(description="Status", label={"enabled": "success", "disabled": "danger"})
    def state(self, user: User) -> str:
        return user.status

    @display(description="Second factor", boolean=True)
    def factors(self, user: Any) -> bool | None:
        return None if user.type == User.Type.API else user.second_factors > 0

    def response_add(self, request: HttpRequest, obj: User, *args: Any) -> HttpResponse:
        secret = getattr(obj, "issued_secret", None)
        return self.secret_page(request, obj, secret) if secret else super().response_add(request, obj, *args)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.issued_secret = getattr(form, "secret", None)

    def secret_page(self, request: HttpRequest, user: User, secret: str) -> HttpResponse:
        """The only time that the token can be seen."""
        context = {"api_user": user, "secret": secret}
        return self.page(request, "accounts/admin/token.html", "Token", context)

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        people.delete([obj.pk])

    def delete_queryset(self, request: HttpRequest, queryset: "QuerySet[User]") -> None:
        people.delete(list(queryset.values_list("pk", flat=True)))


@admin.register(Role)
class RoleAdmin(StaffAdmin):
    form = RoleForm
    list_display = ("name", "kind", "may", "held_by", "updated_at")
    list_filter = (("type", ChoicesDropdownFilter),)
    search_fields = ("name",)
    ordering = ("type", "name")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Role]":
        rows = super().get_queryset(request)
        return rows.annotate(
            users_number=Count("users", distinct=True), list_users_number=Count("list_users", distinct=True)
        )

    def get_fieldsets(self, request: HttpRequest, obj: Role | None = None) -> Any:
        boxes = (
            ("permissions", "grants")
            if obj is None
            else ("permissions",)
            if obj.type == "user"
            else ("grants",)
        )
        return ((None, {"fields": ("name", "type", *boxes)}),)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        kwargs["fields"] = ("name", "type")  # the boxes are the form's own
        return super().get_form(request, obj, change, **kwargs)

    def has_change_permission(self, request: HttpRequest, obj: Role | None = None) -> bool:
        return super().has_change_permission(request, obj) and not (obj is not None and obj.is_super_admin)

    def has_delete_permission(self, request: HttpRequest, obj: Role | None = None) -> bool:
        return super().has_delete_permission(request, obj) and not (obj is not None and obj.is_super_admin)

    @display(description="Kind", label={"role": "info", "list role": "warning"})
    def kind(self, role: Role) -> str:
        return "role" if role.type == Role.Type.USER else "list role"

    @display(description="May")
    def may(self, role: Role) -> str:
        if role.type == Role.Type.LIST:
            return f"something on {role.lists.count()} lists"
        if role.is_super_admin:
            return "everything"
        return f"{len(role.permissions)} of {len(USER_PERMISSIONS)} things"

    @display(description="Users")
    def held_by(self, role: Any) -> int:
        return int(role.users_number + role.list_users_number)

    def delete_model(self, request: HttpRequest, obj: Role) -> None:
        roles.delete_role(obj.pk)

    def delete_queryset(self, request: HttpRequest, queryset: "QuerySet[Role]") -> None:
        for role in queryset:
            roles.delete_role(role.pk)


@admin.register(ApiToken)
class ApiTokenAdmin(BigTableAdmin):  # revoked ones stay, so a rotation every day fills it
    form = TokenForm
    list_display = ("label", "user", "state", "last_used_at", "expires_at", "created_at")
    list_select_related = ("user",)
    search_fields = ("name", "user__username")
    search_is_indexed = False
    actions = ("revoke",)
    fields = ("user", "name", "expires_at")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and obj is None  # made and revoked, never changed

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # revoked ones stay, so that one knows who had access

    def get_queryset(self, request: HttpRequest) -> "QuerySet[ApiToken]":
        usable = ApiToken.objects.usable().filter(pk=OuterRef("pk"))
        return super().get_queryset(request).annotate(is_usable=Exists(usable))

    @display(description="Token")
    def label(self, token: ApiToken) -> str:
        return token.name or f"number {token.pk}"

    @display(description="State", label={"usable": "success", "revoked": "danger", "expired": "warning"})
    def state(self, token: Any) -> str:
        if token.revoked_at:
            return "revoked"
        return "usable" if token.is_usable else "expired"

    @action(description="Revoke", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: "QuerySet[ApiToken]") -> None:
        for token in queryset.select_related("user"):

            def run(token: ApiToken = token) -> str:
                tokens.revoke(token.user, token.pk)
                return f"{token} is revoked, and refused from now on."

            told(request, run)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.issued_secret = getattr(form, "secret", None)

    def response_add(self, request: HttpRequest, obj: ApiToken, *args: Any) -> HttpResponse:
        secret = getattr(obj, "issued_secret", None)
        if not secret:
            return HttpResponseRedirect(reverse("admin:accounts_apitoken_changelist"))
        context = {"api_user": obj.user, "secret": secret}
        return self.page(request, "accounts/admin/token.html", "Token", context)
