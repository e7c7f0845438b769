"""Roles: what staff may do. Role 1 is the Super Admin and is kept in step with the code."""

from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.db import connection, transaction
from django.db.models import ProtectedError, Q

from listmonk_py.api.errors import Conflict, DomainError, Missing

from .models import ListPermission, Role, User
from .permissions import LIST_PERMISSIONS, SUPER_ADMIN_ROLE_ID, USER_PERMISSIONS

MAX_NAME = 2000

# Why SQL: an explicit id does not move the sequence, so the next role would clash with it.
ENSURE_SUPER_ADMIN = """
    INSERT INTO accounts_role (id, type, name, permissions, created_at, updated_at)
    VALUES (%(id)s, 'user', 'Super Admin', %(permissions)s, now(), now())
    ON CONFLICT (id) DO UPDATE SET permissions = excluded.permissions
    WHERE accounts_role.permissions <> excluded.permissions
"""
ADVANCE_SEQUENCE = """
    SELECT setval(seq::regclass, greatest((SELECT max(id) FROM accounts_role), nextval(seq::regclass) - 1))
      FROM pg_get_serial_sequence('accounts_role', 'id') AS seq
"""


def ensure_super_admin_role(**_: Any) -> Role:
    """Role 1 with every permission there is; runs after each migrate, so new permissions reach it."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(ENSURE_SUPER_ADMIN, {"id": SUPER_ADMIN_ROLE_ID, "permissions": list(USER_PERMISSIONS)})
        cursor.execute(ADVANCE_SEQUENCE)
    return Role.objects.get(pk=SUPER_ADMIN_ROLE_ID)


def create_user_role(name: Any, permissions: Any) -> Role:
    """A role with global permissions.

    Raises:
        DomainError: the name is blank, or a permission is unknown.
        Conflict: the name is taken.
    """
    checked = _checked_permissions(permissions, USER_PERMISSIONS, "permission")
    role = Role(type=Role.Type.USER, name=_free_name(name, Role.Type.USER), permissions=checked)
    role.save()
    return Role.objects.get(pk=role.pk)


@transaction.atomic
def change_user_role(pk: int, name: Any, permissions: Any) -> Role:
    """Raises: as `create_user_role`; Missing when there is no such role; DomainError for the Super Admin."""
    role = _changeable(pk, Role.Type.USER)
    role.permissions = _checked_permissions(permissions, USER_PERMISSIONS, "permission")
    role.name = _free_name(name, Role.Type.USER, but=pk)
    role.save()
    return role


@transaction.atomic
def create_list_role(name: Any, grants: Any) -> Role:
    """A role with permissions on single lists; `grants` is `[{"id": 4, "permissions": ["list:get"]}]`.

    Raises:
        DomainError: the name is blank, a permission or a list is unknown.
        Conflict: the name is taken.
    """
    checked = _checked_grants(grants)
    role = Role.objects.create(type=Role.Type.LIST, name=_free_name(name, Role.Type.LIST))
    _grant(role, checked)
    return Role.objects.get(pk=role.pk)


@transaction.atomic
def change_list_role(pk: int, name: Any, grants: Any) -> Role:
    """Raises: as `create_list_role`; Missing when there is no such role."""
    checked = _checked_grants(grants)
    role = _changeable(pk, Role.Type.LIST)
    role.name = _free_name(name, Role.Type.LIST, but=pk)
    role.save()
    role.lists.all().delete()
    _grant(role, checked)
    return role


def delete_role(pk: int) -> None:
    """Delete a role that nobody holds; an unknown one is nothing to do, as in listmonk.

    Raises:
        DomainError: it is the Super Admin's, or somebody holds it (listmonk would delete those people).
    """
    if pk == SUPER_ADMIN_ROLE_ID:
        raise DomainError("The Super Admin role cannot be deleted.")
    try:
        Role.objects.filter(pk=pk).delete()
    except ProtectedError:
        held_by = User.objects.filter(Q(user_role_id=pk) | Q(list_role_id=pk))
        names = ", ".join(held_by.values_list("username", flat=True)[:5])
        raise DomainError(f"This role is in use by {names}. Give them another role first.") from None


def _changeable(pk: int, role_type: Role.Type) -> Role:
    if pk == SUPER_ADMIN_ROLE_ID:
        raise DomainError("The Super Admin role cannot be changed.")
    role = Role.objects.select_for_update().filter(pk=pk, type=role_type).first()
    if role is None:
        raise Missing("There is no such role.")
    return role


def _free_name(name: Any, role_type: Role.Type, *, but: int | None = None) -> str:
    if not isinstance(name, str) or not name.strip() or len(name) > MAX_NAME:
        raise DomainError(f"Invalid fields: name. Give the role a name of 1 to {MAX_NAME} characters.")
    name = name.strip()
    others = Role.objects.filter(type=role_type, name=name)
    if (others if but is None else others.exclude(pk=but)).exists():
        raise Conflict(f"There is already a role called {name}.")
    return name


def _checked_permissions(given: Any, known: Iterable[str], what: str) -> list[str]:
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise DomainError(f"Invalid fields: {what}s must be a list of names.")
    unknown = [one for one in given if one not in known]
    if unknown:
        raise DomainError(f"Invalid fields: {what}: {unknown[0]}")
    return list(dict.fromkeys(given))


def _checked_grants(grants: Any) -> dict[int, list[str]]:
    """list id -> permissions."""
    if grants is None:
        grants = []
    if not isinstance(grants, list) or not all(isinstance(one, dict) for one in grants):
        raise DomainError('Invalid fields: lists must be like [{"id": 1, "permissions": ["list:get"]}].')
    checked: dict[int, list[str]] = {}
    for one in grants:
        pk = one.get("id")
        if not isinstance(pk, int) or isinstance(pk, bool) or not 0 < pk < 2**31:
            raise DomainError("Invalid fields: lists: each needs the id of a list.")
        wanted = _checked_permissions(one.get("permissions") or [], LIST_PERMISSIONS, "list permission")
        if wanted:
            checked[pk] = wanted
    _refuse_unknown_lists(checked)
    return checked


def _refuse_unknown_lists(grants: dict[int, list[str]]) -> None:
    lists = apps.get_model("subscribers", "List").objects
    known = set(lists.filter(pk__in=grants).values_list("pk", flat=True))
    missing = sorted(set(grants) - known)
    if missing:
        raise DomainError(f"Invalid fields: lists: there is no list {missing[0]}.")


def _grant(role: Role, grants: dict[int, list[str]]) -> None:
    ListPermission.objects.bulk_create(
        ListPermission(role=role, list_id=pk, permissions=wanted) for pk, wanted in grants.items()
    )
