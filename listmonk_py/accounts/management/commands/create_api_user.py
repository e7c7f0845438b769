from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from listmonk_py.accounts import people, roles
from listmonk_py.accounts.models import Role, User
from listmonk_py.accounts.permissions import SUPER_ADMIN_ROLE_ID
from listmonk_py.api.errors import DomainError


class Command(BaseCommand):
    help = "Make an API user and print its token, and nothing else, on stdout."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="user name: letters, digits and _ - . @")
        rights = parser.add_mutually_exclusive_group(required=True)
        rights.add_argument("--superadmin", action="store_true", help="may do everything")
        rights.add_argument("--role", help="name or id of a user role")
        parser.add_argument("--list-role", help="name or id of a list role")

    def handle(self, *, name: str, role: str | None, list_role: str | None, **options: Any) -> None:
        try:
            with transaction.atomic():
                roles.ensure_super_admin_role()
                fields = {
                    "type": User.Type.API,
                    "username": name,
                    "status": User.Status.ENABLED,
                    "user_role_id": find_role(role, Role.Type.USER) if role else SUPER_ADMIN_ROLE_ID,
                    "list_role_id": find_role(list_role, Role.Type.LIST) if list_role else None,
                }
                _, token = people.create(fields)
        except DomainError as error:
            raise CommandError(error.message) from error
        self.stdout.write(token or "")


def find_role(text: str, kind: str) -> int:
    """The id of the role with this name, else with this id.

    Raises:
        DomainError: there is none.
    """
    known = Role.objects.filter(type=kind)
    role = known.filter(name=text).first() or (known.filter(pk=text).first() if text.isdigit() else None)
    if role is None:
        names = ", ".join(known.values_list("name", flat=True)) or "none yet"
        raise DomainError(f"There is no {kind} role {text!r}. There are: {names}.")
    return role.pk
