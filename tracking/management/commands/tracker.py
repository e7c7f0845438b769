"""The process that counts opens and clicks."""

import logging
import signal
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from tracking.consumer import ABANDONED_MS, Consumer

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    # They load the whole admin; this process only moves events.
    requires_system_checks = []
    help = "Move opens and clicks from Redis to PostgreSQL until SIGTERM; any number may run."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="Store what is waiting, then stop.")
        parser.add_argument(
            "--claim-after",
            type=float,
            default=ABANDONED_MS / 1000,
            metavar="SECONDS",
            help="Take over what another tracker has held so long (%(default)s).",
        )

    def handle(self, *, once: bool, claim_after: float, **options: Any) -> str | None:
        consumer = Consumer(abandoned_ms=int(claim_after * 1000))
        signal.signal(signal.SIGTERM, consumer.stop)
        signal.signal(signal.SIGINT, consumer.stop)
        if once:
            consumer.make_group()
            while consumer.turn():
                pass
            return f"Stored {consumer.stored} opens and clicks."
        logger.info("Counting opens and clicks")
        consumer.run()
        logger.info("Stopped; stored %d opens and clicks", consumer.stored)
        return None
