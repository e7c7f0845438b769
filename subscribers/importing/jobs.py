"""The life of an import job: started, leased, checkpointed, stopped, ended; status and log (contract 7.5).

The job's row is the truth. A task leases it for a minute at a time and writes how many rows are done in
the transaction that stores them, so after a kill the next lease goes on exactly there. At most one job
is under way (a unique index); one that nobody works on can always be stopped.
"""

import csv
import io
import logging
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from listmonk_py.api.errors import DomainError

from ..models import ImportJob, ImportLine
from ..people import sees_everybody
from .params import Params

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from listmonk_py.accounts.models import User

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)
# A job whose row kills the process each time must not come back for ever.
MOST_ATTEMPTS = 5
MOST_LOG_LINES = 5_000

Status = ImportJob.Status
UNDER_WAY = (Status.IMPORTING, Status.STOPPING)
NONE = {"name": "", "total": 0, "imported": 0, "status": "none", "rejected": 0}


class LeaseLost(Exception):
    """Somebody else has the job, or it has ended; whoever raises this stores nothing."""


def begin(*, name: str, path: Path, params: Params, by: "User | None" = None) -> ImportJob:
    """Record a new job for the file at `path`; the caller rings `tasks.run_import` after the commit.

    Raises:
        DomainError: another import is under way. The file is gone.
    """
    try:
        with transaction.atomic():
            job = ImportJob.objects.create(name=name, path=str(path), params=params.as_json(), by=by)
    except IntegrityError:
        path.unlink(missing_ok=True)
        raise DomainError("An import is already running. Wait for it to finish, or stop it first.") from None
    note(job.pk, f"Queued {name}.")
    return job


def latest() -> ImportJob | None:
    return ImportJob.objects.order_by("-pk").first()


def readable(user: "User") -> "QuerySet[ImportJob]":
    """The imports whose rows the user may read: their own, or all when no list limits whom they see."""
    jobs = ImportJob.objects.order_by("-pk")
    return jobs if sees_everybody(user) else jobs.filter(by=user)


def status() -> dict[str, Any]:
    """The current or last job as the REST API shows it; all blank when there is none or it was cleared."""
    job = latest()
    return NONE if job is None or job.cleared else shape(job)


def shape(job: ImportJob) -> dict[str, Any]:
    return {
        "name": job.name,
        "total": job.total,
        "imported": job.imported,
        "status": str(job.status),
        "rejected": job.rejected,
    }


def stop_or_clear() -> dict[str, Any]:
    """Stop the job that is under way, or clear away the one that has ended.

    A job that a worker is busy with becomes `stopping` and ends with its chunk; one that nobody holds
    ends at once.
    """
    now = timezone.now()
    running = ImportJob.objects.filter(status__in=UNDER_WAY)
    free = running.filter(Q(lease_until=None) | Q(lease_until__lte=now)).first()
    if free is not None and _end(free.pk, Status.FINISHED, "Stopped before it was picked up.", unheld=True):
        return status()
    if running.filter(status=Status.IMPORTING).update(status=Status.STOPPING, updated_at=Now()):
        return status()
    if not running.exists():
        ImportJob.objects.filter(cleared=False).update(cleared=True)
    return status()


def waiting() -> list[int]:
    """Jobs that are under way and that nobody works on."""
    rows = ImportJob.objects.filter(Q(lease_until=None) | Q(lease_until__lte=Now()), status__in=UNDER_WAY)
    return list(rows.values_list("pk", flat=True))


def paths_in_use() -> set[str]:
    """Files of imports that are under way."""
    return set(ImportJob.objects.filter(status__in=UNDER_WAY).values_list("path", flat=True))


def take(job_id: int) -> ImportJob | None:
    """Lease the job for this process, or None: it has ended, or somebody else has it."""
    rows = ImportJob.objects.filter(
        Q(lease_until=None) | Q(lease_until__lte=Now()), pk=job_id, status__in=UNDER_WAY
    )
    token = uuid.uuid4()
    if not rows.update(token=token, lease_until=Now() + LEASE, attempts=F("attempts") + 1):
        return None
    return ImportJob.objects.filter(pk=job_id, token=token).first()


def checkpoint(job: ImportJob, **changes: Any) -> str:
    """Write progress and renew the lease; returns the status, which somebody may have set to `stopping`.

    Raises:
        LeaseLost: the lease has gone to somebody else.
    """
    held = ImportJob.objects.filter(pk=job.pk, token=job.token, status__in=UNDER_WAY)
    if not held.update(lease_until=Now() + LEASE, attempts=0, updated_at=Now(), **changes):
        raise LeaseLost
    for name, value in changes.items():
        setattr(job, name, value)
    found: str = ImportJob.objects.values_list("status", flat=True).get(pk=job.pk)
    return found


def end(job: ImportJob, outcome: str, message: str, *, exact: bool = False) -> None:
    """Close a leased job and delete its file.

    Args:
        exact: the file was read to its end, so the total is what was read.

    Raises:
        LeaseLost: it is not ours any more.
    """
    changes = {"total": job.rows_done} if exact else {}
    if not _end(job.pk, outcome, message, token=job.token, changes=changes):
        raise LeaseLost
    job.status = outcome
    Path(job.path).unlink(missing_ok=True)


@transaction.atomic
def _end(
    job_id: int,
    outcome: str,
    message: str,
    *,
    token: uuid.UUID | None = None,
    unheld: bool = False,
    changes: Mapping[str, Any] | None = None,
) -> bool:
    rows = ImportJob.objects.filter(pk=job_id, status__in=UNDER_WAY)
    if unheld:
        rows = rows.filter(Q(lease_until=None) | Q(lease_until__lte=Now()))
    else:
        rows = rows.filter(token=token)
    if not rows.update(status=outcome, token=None, lease_until=None, updated_at=Now(), **(changes or {})):
        return False
    note(job_id, message)
    if unheld:
        Path(ImportJob.objects.get(pk=job_id).path).unlink(missing_ok=True)
    return True


def note(job_id: int, text: str) -> None:
    """A line in the job's log."""
    ImportLine.objects.create(job_id=job_id, text=text)


def log(job: ImportJob | None) -> str:
    """The job's log, one line per event; of very many the last 5,000; "" where there is no job."""
    if job is None:
        return ""
    lines = list(job.lines.order_by("-id")[:MOST_LOG_LINES])  # type: ignore[attr-defined]
    return "".join(_log_line(line) for line in reversed(lines))


def _log_line(line: ImportLine) -> str:
    place = "" if line.line is None else f"line {line.line}: "
    return f"{line.at:%Y/%m/%d %H:%M:%S} {place}{line.text}\n"


def rejects(job: ImportJob) -> Iterator[str]:
    """The rejected rows as CSV, ready to be corrected and imported again; a few rows at a time.

    The columns of the file, then `rejected_line` and `rejected_reason`, which an import passes over.
    """
    header: Sequence[str] = job.params.get("header") or ("email",)
    yield _csv_row([*header, "rejected_line", "rejected_reason"])
    for line in job.lines.filter(rejected=True).order_by("id").iterator(2000):  # type: ignore[attr-defined]
        fields = [*(line.row or ())][: len(header)]
        yield _csv_row([*fields, *[""] * (len(header) - len(fields)), line.line, line.text])


def _csv_row(fields: Sequence[Any]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(fields)
    return out.getvalue()
