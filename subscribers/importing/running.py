"""Running an import: read, check, merge, checkpoint, until the file ends, somebody stops it, or it breaks."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import orjson
from django.db import OperationalError, connection, transaction

from listmonk_py.configuration import runtime
from listmonk_py.mail.addresses import DomainRules

from .. import counts, lists
from ..deadlocks import retried
from ..models import ImportJob
from . import announcing, files, jobs, merging, rows
from .params import Params
from .reading import Broken, Reader, Record

logger = logging.getLogger(__name__)

CHUNK_ROWS = 10_000

COPY_LINES = "COPY subscribers_importline (job_id, line, rejected, text, row) FROM STDIN"


@dataclass(slots=True)
class Chunk:
    """Up to 10,000 rows on their way into the database; `seen` counts all of them, rejected ones too."""

    seen: int = 0
    people: list[rows.Person] = field(default_factory=list)
    rejected: list[rows.Rejected] = field(default_factory=list)
    notes: list[rows.Note] = field(default_factory=list)


def run(job_id: int) -> None:
    """Work on the job until it ends. Nothing happens when it has ended or another process has it.

    Safe to run twice, and after a kill at any moment: each chunk of rows is one transaction together with
    the number of rows done. When the database goes away, the job stays under way and is taken up again.
    """
    job = jobs.take(job_id)
    if job is None:
        return
    try:
        if job.attempts > jobs.MOST_ATTEMPTS:
            raise files.BadFile(f"Given up: the import broke off {job.attempts} times at the same place.")
        outcome, message = _import(job)
    except jobs.LeaseLost:
        return
    except files.BadFile as error:
        outcome, message = jobs.Status.FAILED, error.message
    except OperationalError:
        raise
    except Exception as error:
        logger.exception("The import of %s failed", job.name)
        outcome, message = jobs.Status.FAILED, f"The import failed unexpectedly ({type(error).__name__})."
    _finish(job, outcome, message)


def _import(job: ImportJob) -> tuple[str, str]:
    params, path = Params.from_json(job.params), Path(job.path)
    survey = files.survey(path)
    if not job.rows_done:
        _note_start(job, survey)
        jobs.checkpoint(job, total=max(survey.lines - 1, 0))
    try:
        with files.text_of(path, survey.encoding) as text:
            return _import_text(job, params, Reader(text, params.delim))
    except (OSError, EOFError, UnicodeError) as error:
        raise files.BadFile(f"The file cannot be read further: {error}.") from None


def _note_start(job: ImportJob, survey: files.Survey) -> None:
    jobs.note(job.pk, f"Reading about {max(survey.lines - 1, 0)} rows as {survey.encoding}.")
    if survey.is_guess:
        jobs.note(
            job.pk, "The file is not UTF-8. It is read as Windows-1252 (Latin-1): check names with accents."
        )


def _import_text(job: ImportJob, params: Params, reader: Reader) -> tuple[str, str]:
    records = iter(reader)
    header = _header(job, params, records)
    reader.looks_like_row = header.fits
    for _ in islice(records, job.rows_done):
        pass
    while True:
        # Read for each chunk: a domain that is blocked meanwhile is refused from the next chunk on.
        rules = DomainRules(
            allow=runtime.get("privacy.domain_allowlist"), block=runtime.get("privacy.domain_blocklist")
        )
        chunk = _read_chunk(records, header, rules)
        if not chunk.seen:
            return jobs.Status.FINISHED, _summary(job, "Finished")
        state = _store(job, params, chunk, header)
        if state == jobs.Status.STOPPING:
            return jobs.Status.FINISHED, _summary(job, "Stopped")


def _header(job: ImportJob, params: Params, records: Iterator[Record | Broken]) -> rows.Header:
    first = next(records, None)
    if first is None:
        raise files.BadFile("The file is empty.")
    if isinstance(first, Broken):
        raise files.BadFile(f"The header, line {first.line}, cannot be read. {first.reason}")
    try:
        header = rows.Header.read(first.fields, params.columns)
    except rows.NoEmailColumn:
        shown = params.delim.join(first.fields)[:200]
        raise files.BadFile(
            f"There is no column named email. The header reads `{shown}`; is `{params.delim}` its delimiter?"
        ) from None
    if not job.rows_done and header.unknown:
        jobs.note(job.pk, f"Columns that are passed over: {', '.join(header.unknown)}.")
    jobs.checkpoint(job, params={**job.params, "header": header.names})
    return header


def _read_chunk(records: Iterator[Record | Broken], header: rows.Header, rules: DomainRules) -> Chunk:
    chunk = Chunk()
    for record in islice(records, CHUNK_ROWS):
        chunk.seen += 1
        if isinstance(record, Broken):
            chunk.rejected.append(rows.Rejected(record.line, record.reason, [_shown(record.text)]))
            continue
        found, note = rows.check(record, header, rules)
        if isinstance(found, rows.Person):
            chunk.people.append(found)
        elif found is not None:
            chunk.rejected.append(found)
        if note is not None:
            chunk.notes.append(note)
    return chunk


def _shown(text: str) -> str:
    """A broken line as it can be stored: without NULs and lone surrogates."""
    return text.rstrip("\r\n").replace("\0", "�").encode("utf-8", "replace").decode()


def _store(job: ImportJob, params: Params, chunk: Chunk, header: rows.Header) -> str:
    """One transaction: people, log lines, progress. Returns the job's status.

    Raises:
        LeaseLost: somebody else has the job; nothing was stored.
    """

    @transaction.atomic
    def store() -> str:
        refused = merging.merge(chunk.people, params)
        rejected = [*chunk.rejected, *_refused(refused, header)]
        _copy_lines(job.pk, sorted(rejected), chunk.notes)
        return jobs.checkpoint(
            job,
            rows_done=job.rows_done + chunk.seen,
            imported=job.imported + len(chunk.people) - len(refused),
            rejected=job.rejected + len(rejected),
        )

    return retried(store)


def _refused(refused: list[tuple[rows.Person, str]], header: rows.Header) -> list[rows.Rejected]:
    return [rows.Rejected(person.line, reason, header.fields_of(person)) for person, reason in refused]


def _copy_lines(job_id: int, rejected: list[rows.Rejected], notes: list[rows.Note]) -> None:
    if not rejected and not notes:
        return
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(COPY_LINES) as copy:
        for one in rejected:
            copy.write_row((job_id, one.line, True, one.reason, _json(one.fields)))
        for note in notes:
            copy.write_row((job_id, note.line, False, note.text, _json(note.fields)))


def _json(fields: list[str]) -> str:
    return orjson.dumps(fields).decode()


def _summary(job: ImportJob, how: str) -> str:
    refused = f", {job.rejected} rejected (see the file of rejected rows)" if job.rejected else ""
    return f"{how}: {job.imported} of {job.rows_done} rows imported{refused}."


def _finish(job: ImportJob, outcome: str, message: str) -> None:
    """Close the job, set the exact total, and tell whoever has to know."""
    try:
        jobs.end(job, outcome, message, exact=outcome == jobs.Status.FINISHED)
    except jobs.LeaseLost:
        return
    lists.touch(Params.from_json(job.params).lists)
    counts.compact()
    job.refresh_from_db()
    announcing.tell_staff(job, message)
