"""Uploaded files: kept in DATA_DIR/imports until their import has ended, opened as a stream of text.

Encodings are recognised: UTF-8 (with or without a byte order mark), UTF-16, UTF-32; a file that is
none of them is read as Windows-1252, the superset of Latin-1 that spreadsheets write.
"""

import codecs
import io
import shutil
import time
import uuid
import zipfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol

from django.conf import settings

from listmonk_py.api.errors import DomainError, Unavailable

BLOCK_BYTES = 1 << 20
STRAY_AFTER_S = 24 * 3600
# A CSV packed to a thousandth of its size is no CSV but an attack on the disk and the CPU.
LARGEST_UNPACKED_BYTES = 20 << 30

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class BadFile(DomainError):
    """The file cannot be read; the message says why."""


class Upload(Protocol):
    """What we need of Django's UploadedFile."""

    name: str | None

    def chunks(self) -> Iterator[bytes]: ...


def folder() -> Path:
    path: Path = settings.DATA_DIR / "imports"
    path.mkdir(parents=True, exist_ok=True)
    return path


def keep(upload: Upload) -> Path:
    """Move an upload into DATA_DIR/imports, under a name of ours.

    Raises:
        BadFile: a ZIP that cannot be opened or has no CSV. Nothing is kept.
        Unavailable: the disk is full, or the folder cannot be written.
    """
    suffix = ".csv" if (upload.name or "").lower().endswith(".csv") else ".zip"
    path = folder() / f"{uuid.uuid4()}{suffix}"
    temporary = getattr(upload, "temporary_file_path", None)
    try:
        if temporary is not None:
            shutil.copyfile(temporary(), path)
        else:
            with path.open("wb") as out:
                for block in upload.chunks():
                    out.write(block)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise Unavailable(f"The file cannot be stored on the server: {error.strerror}.") from None
    return _checked(path)


def keep_copy_of(source: Path) -> Path:
    """The same for a file on this machine.

    Raises:
        BadFile: it cannot be read.
    """
    suffix = ".zip" if source.suffix.lower() == ".zip" else ".csv"
    path = folder() / f"{uuid.uuid4()}{suffix}"
    try:
        shutil.copyfile(source, path)
    except OSError as error:
        raise BadFile(f"{source} cannot be read: {error.strerror}.") from None
    return _checked(path)


def forget_strays(in_use: Collection[str], *, older_than_s: float = STRAY_AFTER_S) -> int:
    """Delete old uploads that no import needs: their request broke off. Returns how many."""
    oldest, deleted = time.time() - older_than_s, 0
    for path in folder().iterdir():
        if str(path) not in in_use and path.stat().st_mtime < oldest:
            path.unlink(missing_ok=True)
            deleted += 1
    return deleted


def _checked(path: Path) -> Path:
    try:
        with opened(path):
            return path
    except BadFile:
        path.unlink(missing_ok=True)
        raise


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The bytes of the CSV at `path`, or of the first CSV inside the ZIP there.

    Raises:
        BadFile: there is no file, no ZIP, or no CSV in it.
    """
    if not path.exists():
        raise BadFile(
            "The uploaded file is not on this machine. If web and worker run on different machines, "
            "DATA_DIR must be a folder that they share."
        )
    if path.suffix == ".csv":
        with path.open("rb") as plain:
            yield plain
        return
    try:
        with zipfile.ZipFile(path) as archive, archive.open(_csv_inside(archive)) as packed:
            yield packed  # type: ignore[misc]
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise BadFile(f"The ZIP file cannot be read: {error}.") from None


def _csv_inside(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    for entry in archive.infolist():
        name = PurePosixPath(entry.filename.replace("\\", "/")).name
        if entry.is_dir() or not name.lower().endswith(".csv") or name.startswith("."):
            continue
        if entry.file_size > LARGEST_UNPACKED_BYTES:
            raise BadFile("The CSV inside the ZIP is larger than 20 GB unpacked.")
        return entry
    raise BadFile("There is no .csv file in the ZIP.")


@dataclass(frozen=True, slots=True)
class Survey:
    """What one pass over the bytes tells: the encoding, and how many lines there are (about)."""

    encoding: str
    lines: int

    @property
    def is_guess(self) -> bool:
        return self.encoding == "cp1252"


def survey(path: Path) -> Survey:
    """Read the file once in blocks.

    Raises:
        BadFile: as `opened`, or a damaged ZIP.
    """
    with opened(path) as stream:
        head = stream.read(BLOCK_BYTES)
        encoding = _marked(head) or _without_mark(head)
        if encoding.startswith(("utf-16", "utf-32")):
            return Survey(encoding, _lines_of_text(head, stream, encoding))
        return _survey_bytes(head, stream, encoding)


def _marked(head: bytes) -> str:
    return next((name for mark, name in BYTE_ORDER_MARKS if head.startswith(mark)), "")


def _without_mark(head: bytes) -> str:
    """UTF-16 of mostly Latin text has a zero in every second byte."""
    if head[1::2].count(0) > len(head) // 5:
        return "utf-16-le"
    if head[0::2].count(0) > len(head) // 5:
        return "utf-16-be"
    return "utf-8"


def _lines_of_text(head: bytes, stream: BinaryIO, encoding: str) -> int:
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    lines, block = 0, head
    while block:
        lines += decoder.decode(block).count("\n")
        block = stream.read(BLOCK_BYTES)
    return lines + 1


def _survey_bytes(head: bytes, stream: BinaryIO, encoding: str) -> Survey:
    """Count lines, and compare bytes that are no UTF-8 with letters that are.

    A few bad bytes among good ones are bad rows of a UTF-8 file; otherwise it is another encoding.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    newlines = returns = good = bad = 0
    block, last = head, b""
    while block:
        newlines += block.count(b"\n")
        returns += block.count(b"\r")
        if not block.isascii():
            text = decoder.decode(block)
            wrong = sum(map(text.count, _ESCAPED)) if _has_escapes(text) else 0
            bad += wrong
            good += sum(1 for character in text if character > "\x7f") - wrong
        last, block = block[-1:], stream.read(BLOCK_BYTES)
    lines = (newlines or returns) + (last not in (b"\n", b"\r", b""))
    return Survey("cp1252" if bad > good else encoding, lines)


_ESCAPED = [chr(0xDC00 + byte) for byte in range(0x80, 0x100)]


def _has_escapes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


@contextmanager
def text_of(path: Path, encoding: str) -> Iterator[io.TextIOWrapper]:
    """The file as text, line ends as they are. Bytes that are not in the encoding become lone surrogates
    (single-byte encodings and UTF-8), by which the reader knows the row.

    Raises:
        BadFile: as `opened`; also while reading.
    """
    wide = encoding.startswith(("utf-16", "utf-32"))
    with opened(path) as stream:
        text = io.TextIOWrapper(
            stream, encoding=encoding, errors="replace" if wide else "surrogateescape", newline=""
        )
        yield text
