from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from listmonk_py.accounts import tokens
from listmonk_py.accounts.models import User
from listmonk_py.api.errors import DomainError


class Command(BaseCommand):
    help = "Make another token for an API user and print it, and nothing else, on stdout."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", help="user name of an API user")
        parser.add_argument("--name", default="", help="what the token is for")
        parser.add_argument("--expires-at", default="", help="a time like 2030-01-31T00:00:00Z")

    def handle(self, *, user: str, name: str, expires_at: str, **options: Any) -> str:
        found = User.objects.filter(username=user).first()
        if found is None:
            raise CommandError(f"There is no user called {user}.")
        try:
            return tokens.issue(found, name=name, expires_at=expires_at)[1]
        except DomainError as error:
            raise CommandError(error.message) from error
