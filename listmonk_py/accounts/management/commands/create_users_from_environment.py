from typing import Any

from django.core.management.base import BaseCommand, CommandError

from listmonk_py.accounts import first_run
from listmonk_py.api.errors import DomainError


class Command(BaseCommand):
    help = (
        "Make the users that LISTMONK_ADMIN_USER, LISTMONK_ADMIN_PASSWORD and LISTMONK_ADMIN_API_USER ask for, "
        "unless they exist; the API user's token is printed on stderr."
    )

    def handle(self, **options: Any) -> None:
        try:
            token = first_run.from_environment()
        except DomainError as error:
            raise CommandError(error.message) from error
        if token is not None:
            self.stderr.write(f'export LISTMONK_ADMIN_API_TOKEN="{token}"')
