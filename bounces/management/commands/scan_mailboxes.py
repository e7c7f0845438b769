"""manage.py scan_mailboxes: read the bounce mailboxes empty now, whenever they are due."""

import math
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bounces.mailboxes import scanning
from bounces.mailboxes.box import Box
from bounces.models import MailboxScan


class Command(BaseCommand):
    help = "Read the enabled bounce mailboxes now and record what came back."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", help="only the mailboxes at this host")

    def handle(self, *, host: str | None, **options: Any) -> None:
        chosen = [box for box in scanning.boxes() if host in (None, box.host)]
        if not chosen:
            raise CommandError(
                "There is no such mailbox. Enable bounces and a mailbox in the settings, under Bounces."
            )
        failed = [error for box in chosen if (error := self._read(box))]
        if failed:
            raise CommandError("\n".join(failed))

    def _read(self, box: Box) -> str:
        """Scan until nothing is left; what went wrong, or blank."""
        while True:
            tally = scanning.scan(box, stop_at=math.inf)
            if tally is None:
                return f"{box.where} is being read by another process."
            error = MailboxScan.objects.get(mailbox=box.key).error
            self.stdout.write(
                f"{box.where}: {tally.mails_read} mails, {tally.bounces} bounces, "
                f"{tally.kept_aside} not understood, {tally.mails_left} left."
            )
            if error or not tally.mails_left or not tally.mails_read:
                return error
