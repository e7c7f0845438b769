import getpass
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from listmonk_py.accounts import people, roles
from listmonk_py.accounts.models import Role, User
from listmonk_py.accounts.permissions import SUPER_ADMIN_ROLE_ID
from listmonk_py.api.errors import DomainError

from .create_api_user import find_role


class Command(BaseCommand):
    help = "Make a user who signs in with a password, which is asked for, or read from a pipe."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="user name: letters, digits and _ - . @")
        parser.add_argument("email")
        rights = parser.add_mutually_exclusive_group(required=True)
        rights.add_argument("--superadmin", action="store_true", help="may do everything")
        rights.add_argument("--role", help="name or id of a user role")
        parser.add_argument("--list-role", help="name or id of a list role")
        parser.add_argument("--full-name", default="")

    def handle(
        self, *, name: str, email: str, role: str | None, list_role: str | None, **options: Any
    ) -> str:
        password = getpass.getpass() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
        try:
            with transaction.atomic():
                roles.ensure_super_admin_role()
                fields = {
                    "type": User.Type.USER,
                    "username": name,
                    "name": options["full_name"],
                    "email": email,
                    "password_login": True,
                    "password": password,
                    "status": User.Status.ENABLED,
                    "user_role_id": find_role(role, Role.Type.USER) if role else SUPER_ADMIN_ROLE_ID,
                    "list_role_id": find_role(list_role, Role.Type.LIST) if list_role else None,
                }
                user, _ = people.create(fields)
        except DomainError as error:
            raise CommandError(error.message) from error
        return f"Made the user {user.username}."
