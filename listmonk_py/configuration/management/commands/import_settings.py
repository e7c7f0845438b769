import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError

from listmonk_py.api.errors import DomainError
from listmonk_py.configuration import runtime, validation
from listmonk_py.configuration.registry import FIELDS


class Command(BaseCommand):
    help = "Change settings to those in a JSON file (- is stdin); masked secrets keep what is stored."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file")
        parser.add_argument("--dry-run", action="store_true", help="only check the file")

    def handle(self, *, file: str, dry_run: bool, **options: Any) -> str:
        given = self._read(file)
        unknown = sorted(set(given) - set(FIELDS))
        try:
            checked = validation.checked(given)
        except DomainError as error:
            raise CommandError(error.message) from error
        if unknown:
            self.stderr.write(f"Not known, and left out: {', '.join(unknown)}.")
        if dry_run:
            return f"Would change {len(checked)} setting(s)."
        runtime.save(checked)
        return f"Changed {len(checked)} setting(s)."

    @staticmethod
    def _read(file: str) -> dict[str, Any]:
        try:
            data = orjson.loads(sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes())
        except OSError as error:
            raise CommandError(f"The file cannot be read: {error}.") from error
        except orjson.JSONDecodeError as error:
            raise CommandError(f"The file is not JSON: {error}.") from error
        if not isinstance(data, dict):
            raise CommandError("The file must hold one JSON object of settings by key.")
        return data
