"""The process that counts opens and clicks."""

import logging
import signal
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from tracking.consumer import Consumer

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Move opens and clicks from Redis to PostgreSQL until SIGTERM; any number may run."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="Store what is waiting, then stop.")

    def handle(self, *, once: bool, **options: Any) -> str | None:
        consumer = Consumer()
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
