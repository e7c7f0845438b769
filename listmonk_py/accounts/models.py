"""Staff and API users, their roles, and API tokens."""

import builtins
import hashlib
import hmac
import secrets
from typing import Any, Self

from django.contrib.auth import get_backends
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower, Now
from django.utils import timezone

from .permissions import SUPER_ADMIN_ROLE_ID


class RoleQuerySet(models.QuerySet["Role"]):
    def visible_to(self, user: "User") -> Self:
        return self if user.may("roles:get") else self.none()


class Role(models.Model):
    """A named set of permissions: global ones (type user), or per list (type list)."""

    class Type(models.TextChoices):
        USER = "user"
        LIST = "list"

    type = models.TextField(choices=Type.choices, default=Type.USER)
    name = models.TextField()
    permissions = ArrayField(models.TextField(), default=list, blank=True)
    created_at = models.DateTimeField("created", db_default=Now(), editable=False)
    updated_at = models.DateTimeField("last changed", auto_now=True)

    objects = RoleQuerySet.as_manager()

    class Meta:
        ordering = ("created_at",)
        constraints = (
            models.UniqueConstraint(fields=("type", "name"), name="role_name_is_unique_in_its_type"),
            models.CheckConstraint(condition=models.Q(type__in=["user", "list"]), name="role_type_is_known"),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def is_super_admin(self) -> bool:
        return self.pk == SUPER_ADMIN_ROLE_ID


class ListPermission(models.Model):
    """What a list role grants on one list: `list:get`, `list:manage`."""

    role = models.ForeignKey(Role, on_delete=models.CASCADE, related_name="lists")
    list = models.ForeignKey("subscribers.List", on_delete=models.CASCADE, related_name="+")
    permissions = ArrayField(models.TextField(), default=builtins.list)

    class Meta:
        ordering = ("id",)
        constraints = (models.UniqueConstraint(fields=("role", "list"), name="one_grant_per_role_and_list"),)

    def __str__(self) -> str:
        return f"{self.role} on list {self.list_id}"


class UserQuerySet(models.QuerySet["User"]):
    def visible_to(self, user: "User") -> Self:
        return self if user.may("users:get") else self.filter(pk=user.pk)

    def shown(self) -> Self:
        """With everything that an answer shows of a user, in a fixed number of queries."""
        return self.select_related("user_role", "list_role").prefetch_related(
            "list_role__lists__list", "authenticator_set"
        )

    def enabled(self) -> Self:
        return self.filter(status=User.Status.ENABLED)

    def super_admins(self) -> Self:
        """People (not API users) who can sign in and do everything; the last one may not go."""
        return self.enabled().filter(type=User.Type.USER, user_role_id=SUPER_ADMIN_ROLE_ID)


class UserManager(BaseUserManager.from_queryset(UserQuerySet)):  # type: ignore[misc]
    def create_superuser(
        self, username: str, email: str = "", password: str | None = None, **extra: Any
    ) -> "User":
        """A person who may do everything; role 1 exists since the last migrate."""
        user = self.model(
            username=username,
            email=email or f"{username}@localhost",
            name=username,
            user_role_id=SUPER_ADMIN_ROLE_ID,
            status=User.Status.ENABLED,
            password_login=True,
            **extra,
        )
        user.set_password(password)
        user.save()
        return user  # type: ignore[no-any-return]


class User(AbstractBaseUser):
    """Somebody who signs in (`user`), or a program with tokens (`api`).

    Permissions come from `user_role` (global) and `list_role` (per list). Role 1 is Super Admin.
    """

    class Type(models.TextChoices):
        USER = "user"
        API = "api"

    class Status(models.TextChoices):
        ENABLED = "enabled"
        DISABLED = "disabled"

    username = models.TextField(unique=True)
    # Null for API users, who have none.
    email = models.TextField(unique=True, null=True, blank=True)
    name = models.TextField(blank=True, default="")
    avatar = models.TextField(null=True, blank=True)
    type = models.TextField(choices=Type.choices, default=Type.USER)
    status = models.TextField(choices=Status.choices, default=Status.DISABLED)
    password_login = models.BooleanField("signs in with a password", default=False)
    # Protect, not cascade: deleting a role never deletes people.
    user_role = models.ForeignKey(Role, on_delete=models.PROTECT, related_name="users", verbose_name="role")
    list_role = models.ForeignKey(
        Role, on_delete=models.PROTECT, related_name="list_users", null=True, blank=True
    )
    # What the admin speaks to them, and the clock it shows; "" is the installation's.
    language = models.TextField(blank=True, default="", db_default="")
    time_zone = models.TextField(blank=True, default="", db_default="")
    loggedin_at = models.DateTimeField("last signed in", null=True, blank=True)
    created_at = models.DateTimeField("created", db_default=Now(), editable=False)
    updated_at = models.DateTimeField("last changed", auto_now=True)

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["email"]

    objects = UserManager()

    class Meta:
        ordering = ("created_at",)
        constraints = (
            models.UniqueConstraint(Lower("email"), name="user_email_is_unique"),
            models.CheckConstraint(condition=models.Q(type__in=["user", "api"]), name="user_type_is_known"),
            models.CheckConstraint(
                condition=models.Q(status__in=["enabled", "disabled"]), name="user_status_is_known"
            ),
        )

    def __str__(self) -> str:
        return self.username

    def get_full_name(self) -> str:
        return self.name or self.username

    def get_short_name(self) -> str:
        return self.username

    @property
    def is_active(self) -> bool:  # type: ignore[override]
        return self.status == self.Status.ENABLED

    @property
    def is_staff(self) -> bool:
        """People reach the admin; what they see there their permissions decide."""
        return self.is_active and self.type == self.Type.USER

    @property
    def is_superuser(self) -> bool:
        return self.is_active and self.user_role_id == SUPER_ADMIN_ROLE_ID

    def may(self, *permissions: str) -> bool:
        """Whether the user holds any of these global (or per-list, on some list) permissions."""
        if not self.is_active:
            return False
        if self.is_superuser:
            return True
        return bool(self._held.intersection(permissions))

    @property
    def _held(self) -> frozenset[str]:
        if not hasattr(self, "_held_cache"):
            held = set(self.user_role.permissions)
            for granted in self._grants.values():
                held.update(granted)
            self._held_cache = frozenset(held)
        return self._held_cache

    @property
    def _grants(self) -> dict[int, frozenset[str]]:
        """list id -> permissions of the list role."""
        if not hasattr(self, "_grants_cache"):
            rows = ListPermission.objects.filter(role_id=self.list_role_id) if self.list_role_id else ()
            self._grants_cache = {row.list_id: frozenset(row.permissions) for row in rows}
        return self._grants_cache

    def readable_list_ids(self) -> frozenset[int] | None:
        """Ids of the lists whose people and campaigns the user may read; None means every list.

        A list with only `list:manage` is readable too (listmonk forgets it beside a `list:get`).
        """
        if self.is_superuser or self.may("lists:get_all", "lists:manage_all"):
            return None
        return frozenset(self._grants) if self.is_active else frozenset()

    def manageable_list_ids(self) -> frozenset[int] | None:
        """Ids of the lists the user may change; None means every list."""
        if self.is_superuser or self.may("lists:manage_all"):
            return None
        if not self.is_active:
            return frozenset()
        return frozenset(pk for pk, granted in self._grants.items() if "list:manage" in granted)

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        return self.is_superuser or any(backend.has_perm(self, perm, obj) for backend in get_backends())

    def has_perms(self, perms: list[str], obj: Any = None) -> bool:
        return all(self.has_perm(perm, obj) for perm in perms)

    def has_module_perms(self, app_label: str) -> bool:
        from .backends import may_open_app

        return self.is_superuser or may_open_app(self, app_label)


def digest(token: str) -> str:
    """SHA-256 in hex. Tokens have 48 random alphanumerics (285 bits), so a slow hash adds nothing."""
    return hashlib.sha256(token.encode()).hexdigest()


ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def visible_to(self, user: "User") -> Self:
        return self if user.may("users:get") else self.filter(user=user)

    def usable(self) -> Self:
        now = timezone.now()
        return self.filter(models.Q(expires_at=None) | models.Q(expires_at__gt=now), revoked_at=None)

    def matching(self, username: str, token: str) -> "ApiToken | None":
        """The usable token of this enabled API user, or None. One query."""
        found = (
            self.usable()
            .select_related("user__user_role", "user__list_role")
            .filter(hash=digest(token), user__username=username)
            .filter(user__type=User.Type.API, user__status=User.Status.ENABLED)
            .first()
        )
        if found is None or not hmac.compare_digest(found.hash, digest(token)):
            return None
        return found


class ApiToken(models.Model):
    """A secret of an API user; only its hash is kept. Shown once, when it is made."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    name = models.TextField(blank=True, default="")
    hash = models.TextField(unique=True)
    last_used_at = models.DateTimeField("last used", null=True, blank=True)
    expires_at = models.DateTimeField("valid until", null=True, blank=True)
    revoked_at = models.DateTimeField("revoked", null=True, blank=True)
    created_at = models.DateTimeField("created", db_default=Now(), editable=False)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        verbose_name = "API token"
        verbose_name_plural = "API tokens"
        ordering = ("created_at",)

    def __str__(self) -> str:
        return f"{self.user} {self.name or self.pk}"

    @classmethod
    def issue(cls, user: User, *, name: str = "", expires_at: Any = None) -> str:
        """Make a token for `user` and return it in clear, the only time that it can be seen."""
        token = "".join(secrets.choice(ALPHABET) for _ in range(48))
        cls.objects.create(user=user, name=name, hash=digest(token), expires_at=expires_at)
        return token
