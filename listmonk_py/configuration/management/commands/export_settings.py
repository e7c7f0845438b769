from argparse import ArgumentParser
from typing import Any

import orjson
from django.core.management.base import BaseCommand

from listmonk_py.configuration import presenting, runtime


class Command(BaseCommand):
    help = "Print all settings as JSON, secrets masked unless --with-secrets."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--with-secrets", action="store_true", help="passwords and keys in clear")

    def handle(self, *, with_secrets: bool, **options: Any) -> str:
        values = runtime.all_values() if with_secrets else presenting.shown()
        return orjson.dumps(values, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode()
