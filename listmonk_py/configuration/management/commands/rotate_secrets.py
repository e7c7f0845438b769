from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import transaction

from listmonk_py.configuration import rotation


class Command(BaseCommand):
    help = "Encrypt every stored secret with the newest key (the first of SETTINGS_KEY)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say how many there are")

    def handle(self, *, dry_run: bool, **options: Any) -> str:
        with transaction.atomic():
            changed = rotation.rotate()
            if dry_run:
                transaction.set_rollback(True)
        if dry_run:
            return f"Would encrypt the secrets of {changed} row(s) anew."
        keys = len(settings.SETTINGS_KEYS)
        rest = " The other keys are not needed any more." if keys > 1 else ""
        return f"Encrypted the secrets of {changed} row(s) with the newest of {keys} key(s).{rest}"
