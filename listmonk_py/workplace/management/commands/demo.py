import json
import signal
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console

from listmonk_py.local.children import LocalError
from listmonk_py.workplace.demo.client import DemoFault
from listmonk_py.workplace.demo.play import Demonstration


class Command(BaseCommand):
    help = "Send a shipped newsletter to 1,000 shipped subscribers and a mail catcher, and show the accounts."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="check it all, print a line of JSON, end")
        parser.add_argument("--port", type=int, default=9000, help="preferred port (default: 9000)")

    def handle(self, *, once: bool, port: int, **options: Any) -> str | None:
        console = Console(highlight=False)
        for one in (signal.SIGINT, signal.SIGTERM):  # SIGINT too: a shell may have it ignored
            signal.signal(one, signal.default_int_handler)
        demonstration = Demonstration(
            console, base_dir=settings.BASE_DIR, data_dir=settings.DATA_DIR, port=port
        )
        result = None
        try:
            demonstration.play()
            if once:
                result = json.dumps(demonstration.prove())
            else:
                demonstration.serve()
        except (DemoFault, LocalError) as fault:
            raise CommandError(str(fault)) from fault
        except KeyboardInterrupt:
            console.print("\nStopping.")
            if once:
                raise CommandError("Interrupted before the end.") from None
        finally:
            demonstration.stop()
        return result
