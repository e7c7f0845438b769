"""manage.py import_subscribers: import a CSV or ZIP from this machine, with a line per chunk of rows."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from listmonk_py.api.errors import DomainError
from subscribers.importing import files, jobs, running
from subscribers.importing.params import BLOCKLIST, SUBSCRIBE, Params
from subscribers.models import ImportJob, List, Subscription


class Command(BaseCommand):
    help = "Import subscribers from a CSV file, or from the first CSV in a ZIP file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--list", type=int, action="append", default=[], dest="lists", help="id; may repeat"
        )
        parser.add_argument("--mode", choices=(SUBSCRIBE, BLOCKLIST), default=SUBSCRIBE)
        parser.add_argument("--delimiter", default=",")
        parser.add_argument("--status", choices=Subscription.Status.values, default="unconfirmed")
        parser.add_argument("--overwrite-info", action="store_true", help="replace names and attributes")
        parser.add_argument("--overwrite-status", action="store_true", help="replace subscription statuses")

    def handle(self, *, file: Path, lists: list[int], mode: str, delimiter: str, **options: Any) -> str:
        known = set(List.objects.filter(pk__in=lists).values_list("pk", flat=True))
        if missing := set(lists) - known:
            raise CommandError(f"There is no list {min(missing)}.")
        if mode == SUBSCRIBE and not lists:
            raise CommandError("Name at least one --list to subscribe people to.")
        if len(delimiter.encode()) != 1:
            raise CommandError("The delimiter is a single character.")
        params = Params(
            mode=mode,
            delim=delimiter,
            subscription_status=options["status"],
            lists=tuple(sorted(known)),
            overwrite_userinfo=options["overwrite_info"],
            overwrite_subscription_status=options["overwrite_status"],
        )
        try:
            job = jobs.begin(name=file.name, path=files.keep_copy_of(file), params=params)
        except DomainError as error:
            raise CommandError(error.message) from None
        running.run(job.pk)
        job = ImportJob.objects.get(pk=job.pk)
        self.stdout.write(jobs.log(job), ending="")
        if job.status != ImportJob.Status.FINISHED:
            raise CommandError("The import did not finish. See the log above.")
        return f"Imported {job.imported} of {job.total} row(s), {job.rejected} rejected."
