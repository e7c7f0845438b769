"""The forms of users, roles and tokens. What they hold is stored by `people`, `roles` and `tokens`."""

from typing import Any

from django import forms
from django.apps import apps
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from . import people, roles, tokens
from .admin_base import DomainForm
from .models import ApiToken, Role, User
from .permissions import GROUPS, LIST_PERMISSIONS

# What each permission lets somebody do.
WORDS = {
    "lists:get_all": "See all lists",
    "lists:manage_all": "Make, change and delete all lists",
    "subscribers:get": "See subscribers of the lists they may see",
    "subscribers:get_all": "See all subscribers",
    "subscribers:manage": "Add, change and delete subscribers",
    "subscribers:import": "Import subscribers",
    "subscribers:sql_query": "Search subscribers by SQL conditions",
    "tx:send": "Send transactional mail",
    "campaigns:get": "See campaigns to the lists they may see",
    "campaigns:get_all": "See all campaigns",
    "campaigns:get_analytics": "See opens, clicks and links",
    "campaigns:manage": "Write campaigns to the lists they may change",
    "campaigns:manage_all": "Write all campaigns",
    "campaigns:send": "Start, pause and cancel campaigns",
    "bounces:get": "See bounces",
    "bounces:manage": "Delete bounces",
    "webhooks:post_bounce": "Report bounces over the API",
    "media:get": "See media",
    "media:manage": "Upload and delete media",
    "templates:get": "See templates",
    "templates:manage": "Write templates",
    "users:get": "See users",
    "users:manage": "Make, change and delete users",
    "roles:get": "See roles",
    "roles:manage": "Make, change and delete roles",
    "settings:get": "See settings",
    "settings:manage": "Change settings",
    "settings:maintain": "Delete old data",
    "list:get": "See",
    "list:manage": "Change",
}


class UserForm(DomainForm):
    error_fields = {
        "username": "username",
        "user called": "username",
        "email": "email",
        "address": "email",
        "password": "password",
        "user_role_id": "user_role",
        "list_role_id": "list_role",
        "status": "status",
    }

    password = forms.CharField(
        required=False,
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="At least eight characters. Empty keeps the one there is.",
    )

    class Meta:
        model = User
        fields = ("type", "username", "name", "email", "status", "user_role", "list_role", "password_login")
        labels = {
            "type": "Kind",
            "user_role": "Role",
            "list_role": "List role",
            "password_login": "Signs in with a password",
        }
        help_texts = {
            "type": "A person signs in here; an API user is a program with tokens.",
            "user_role": "What they may do everywhere.",
            "list_role": "What they may do on single lists, beside their role.",
            "email": "API users have none.",
            "password_login": "Off: only by single sign-on.",
        }
        widgets = {
            "username": UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
            "name": UnfoldAdminTextInputWidget,
            "email": UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "type" not in self.fields:
            return
        for name, kind in (("user_role", Role.Type.USER), ("list_role", Role.Type.LIST)):
            field: Any = self.fields[name]
            field.queryset = Role.objects.filter(type=kind).order_by("name")
            field.widget = getattr(field.widget, "widget", field.widget)
        self.fields["type"].choices = [("user", "Person"), ("api", "API user")]  # type: ignore[attr-defined]
        if self.instance.pk:
            self.fields["type"].disabled = True
        else:
            self.initial.update(status=User.Status.ENABLED, password_login=True)

    def write(self, values: dict[str, Any]) -> User:
        fields = {
            **values,
            "user_role_id": values["user_role"].pk if values.get("user_role") else None,
            "list_role_id": values["list_role"].pk if values.get("list_role") else None,
        }
        if self.instance.pk:
            return people.change(self.instance.pk, fields)
        user, self.secret = people.create(fields)
        return user


class TokenForm(DomainForm):
    error_fields = {"name": "name", "expires_at": "expires_at", "API users": "user", "tokens": "user"}

    class Meta:
        model = ApiToken
        fields = ("user", "name", "expires_at")
        labels = {"user": "API user", "expires_at": "Valid until"}
        help_texts = {
            "name": "What the program is, so that you know it again.",
            "expires_at": "Empty: until it is revoked.",
        }
        widgets = {"name": UnfoldAdminTextInputWidget, "user": UnfoldAdminSelectWidget}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "user" in self.fields:
            field: Any = self.fields["user"]
            field.queryset = User.objects.filter(type=User.Type.API).order_by("username")
            field.widget = getattr(field.widget, "widget", field.widget)
            field.empty_label = "Choose an API user"

    def write(self, values: dict[str, Any]) -> ApiToken:
        expires_at = values["expires_at"].isoformat() if values.get("expires_at") else None
        token, self.secret = tokens.issue(values["user"], name=values.get("name", ""), expires_at=expires_at)
        return token


class Boxes(forms.CheckboxSelectMultiple):
    """Check boxes laid out by a template of the project, which Django's form renderer does not find."""

    def _render(self, template_name: str, context: dict[str, Any], renderer: Any = None) -> SafeString:
        return render_to_string(template_name, context)


class PermissionBoxes(Boxes):
    """Permissions in their groups, each in words."""

    template_name = "accounts/admin/permissions.html"

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        held = set(value or ())
        context["groups"] = [
            (group, [(one, WORDS[one], one in held) for one in names]) for group, names in GROUPS.items()
        ]
        return context


class ListGrantBoxes(Boxes):
    """One line per list: may see it, may change it. Values are like `4/list:get`."""

    template_name = "accounts/admin/list_grants.html"

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        held = set(value or ())
        rows = apps.get_model("subscribers", "List").objects.order_by("name").values_list("pk", "name")
        context["rows"] = [
            (title, [(f"{pk}/{one}", WORDS[one], f"{pk}/{one}" in held) for one in LIST_PERMISSIONS])
            for pk, title in rows
        ]
        return context


class RoleForm(DomainForm):
    """A role; which of the two lists of boxes counts, its kind says."""

    error_fields = {"name": "name", "role called": "name", "list": "grants", "permission": "permissions"}

    permissions = forms.MultipleChoiceField(
        choices=[(one, one) for names in GROUPS.values() for one in names],
        widget=PermissionBoxes,
        required=False,
        label="May",
    )
    grants = forms.Field(widget=ListGrantBoxes, required=False, label="On single lists")

    class Meta:
        model = Role
        fields = ("name", "type")
        labels = {"type": "Kind"}
        help_texts = {
            "type": "A role holds everywhere. A list role adds permissions on single lists to somebody's role."
        }
        widgets = {"name": UnfoldAdminTextInputWidget}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "type" not in self.fields:
            return
        self.fields["type"].choices = [("user", "Role"), ("list", "List role")]  # type: ignore[attr-defined]
        role = self.instance
        if not role.pk:
            return
        self.fields["type"].disabled = True
        self.initial["permissions"] = role.permissions
        self.initial["grants"] = [
            f"{row.list_id}/{one}" for row in role.lists.all() for one in row.permissions
        ]
        self.fields.pop("grants" if role.type == Role.Type.USER else "permissions")

    def clean_grants(self) -> list[dict[str, Any]]:
        """As `roles` takes them: `[{"id": 4, "permissions": ["list:get"]}]`."""
        found: dict[int, list[str]] = {}
        for text in self.cleaned_data.get("grants") or []:
            pk, _, permission = str(text).partition("/")
            if pk.isdigit():
                found.setdefault(int(pk), []).append(permission)
        return [{"id": pk, "permissions": names} for pk, names in found.items()]

    def write(self, values: dict[str, Any]) -> Role:
        pk, name = self.instance.pk, values["name"]
        if values["type"] == Role.Type.LIST:
            grants = values.get("grants") or []
            return roles.change_list_role(pk, name, grants) if pk else roles.create_list_role(name, grants)
        held = values.get("permissions") or []
        return roles.change_user_role(pk, name, held) if pk else roles.create_user_role(name, held)
