from argparse import ArgumentParser, BooleanOptionalAction
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from listmonk_py.local import up
from listmonk_py.local.children import LocalError


class Command(BaseCommand):
    help = (
        "Run the whole installation on this machine, with its own PostgreSQL and Valkey unless URLs are set."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--host", default="127.0.0.1", help="address to listen on (default: this machine only)"
        )
        parser.add_argument(
            "--port", type=int, default=9000, help="port of pages, API and tracking (default: 9000)"
        )
        parser.add_argument("--workers", type=int, default=2, help="number of sender processes (default: 2)")
        parser.add_argument(
            "--catcher",
            action=BooleanOptionalAction,
            default=None,
            help="also run a mail catcher that delivers nothing (default: as the last time)",
        )
        parser.add_argument("--catcher-rules", type=Path, help="JSON file: addresses the catcher refuses")
        parser.add_argument("--catcher-smtp-port", type=int, default=1025)
        parser.add_argument("--catcher-http-port", type=int, default=8025)

    def handle(self, *, workers: int, **options: Any) -> None:
        if workers < 1:
            raise CommandError("--workers is the number of sender processes: at least 1.")
        own = {name: options[name] for name in up.Options.__dataclass_fields__ if name in options}
        asked = up.Options(base_dir=settings.BASE_DIR, data_dir=settings.DATA_DIR, senders=workers, **own)
        try:
            up.run(asked)
        except LocalError as fault:
            raise CommandError(str(fault)) from fault
