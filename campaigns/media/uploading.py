"""Taking in files: checked by content, named by us, with a thumbnail for pictures (contract 3.9)."""

import io
import re
import secrets
from contextlib import suppress
from pathlib import PurePosixPath
from typing import IO, Any

from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from PIL import Image, ImageOps, UnidentifiedImageError

from listmonk_py.api.errors import DomainError, Missing
from listmonk_py.configuration import runtime

from . import storage
from .models import Media

THUMBNAIL_WIDTH = 250  # pixels
MAX_PIXELS = 64_000_000  # a larger picture is a decompression bomb rather than an illustration
PICTURES = {"png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif"}
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

# First bytes -> type; what the content says, whatever the name claims.
SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
)


def upload(file: UploadedFile) -> Media:
    """Store one file.

    Raises:
        DomainError: no name, an extension that is not allowed, too large, or a picture that is none.
    """
    name = safe_name(file.name or "")
    extension = PurePosixPath(name).suffix.lstrip(".").lower()
    _check_allowed(extension, file.size or 0)
    content = file.open()
    meta: dict[str, Any] = {}
    thumbnail: bytes | None = None
    if extension in PICTURES:
        thumbnail, meta = _thumbnail(content)
        content.seek(0)
    content_type = _content_type(content, extension)
    return _store(
        name, content, content_type=content_type, meta=meta, thumbnail=thumbnail, size=file.size or 0
    )


def remove(media_id: int) -> None:
    """Delete a file, its thumbnail and its row; campaigns keep its name.

    Raises:
        Missing: there is none with this id.
    """
    media = find(media_id)
    with transaction.atomic():
        media.delete()
        thumb = media.thumb if media.thumb != media.filename else ""
        storage.delete(media.filename, thumb, kind=media.provider)


def find(media_id: int) -> Media:
    found = Media.objects.filter(pk=media_id).first()
    if found is None:
        raise Missing("not found")
    return found


def safe_name(name: str) -> str:
    """The last part of `name` with nothing that a path, a URL or a header could trip over.

    Raises:
        DomainError: nothing is left of it.
    """
    base = PurePosixPath(name.replace("\\", "/")).name.strip()
    base = re.sub(r"\s+", "-", base)
    base = re.sub(r"[^\w.\-]", "", base).lstrip(".")
    if not base:
        raise DomainError("Invalid file: it has no name.")
    stem, dot, extension = base.rpartition(".")
    return f"{stem[:150]}.{extension[:20]}" if dot and stem else base[:150]


def _check_allowed(extension: str, size_bytes: int) -> None:
    allowed = [str(item).lower().lstrip(".") for item in runtime.get("upload.extensions")]
    if "*" not in allowed and extension not in allowed:
        raise DomainError(f"Unsupported file type ({extension or 'none'}). Allowed: {', '.join(allowed)}.")
    limit_kb = int(runtime.get("upload.max_file_size"))
    if size_bytes > limit_kb * 1000:
        raise DomainError(f"The file is larger than {limit_kb:,} kB, the limit in Settings.")


def _thumbnail(content: IO[bytes]) -> tuple[bytes, dict[str, int]]:
    """A PNG at most 250 pixels wide, and the picture's own size."""
    try:
        with Image.open(content) as picture:
            width, height = picture.size
            if width * height > MAX_PIXELS:
                raise DomainError(f"The picture has {width} x {height} pixels, which is too many.")
            small = ImageOps.exif_transpose(picture)
            small.thumbnail((THUMBNAIL_WIDTH, THUMBNAIL_WIDTH * 20))
            out = io.BytesIO()
            small.convert("RGBA").save(out, "PNG", optimize=True)
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
        raise DomainError("Error resizing image: the file is not a picture that can be read.") from None
    return out.getvalue(), {"width": width, "height": height}


def _content_type(content: IO[bytes], extension: str) -> str:
    head = content.read(512)
    content.seek(0)
    for signature, content_type in SIGNATURES:
        if head.startswith(signature):
            return content_type
    if extension == "svg" and b"<svg" in head.lower():
        return "image/svg+xml"
    if b"\0" not in head and _is_text(head):
        return {"css": "text/css", "csv": "text/csv"}.get(extension, "text/plain")
    return "application/octet-stream"


def _is_text(head: bytes) -> bool:
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.start >= len(head) - 3  # a character cut by the end of the sample
    return True


def _store(
    name: str,
    content: IO[bytes],
    *,
    content_type: str,
    meta: dict[str, Any],
    thumbnail: bytes | None,
    size: int,
) -> Media:
    """Claim a free name by inserting its row, then store; a failed store takes the row with it."""
    for candidate in _candidates(name):
        try:
            with transaction.atomic():
                thumb = (
                    f"thumb_{candidate}"
                    if thumbnail
                    else candidate
                    if content_type == "image/svg+xml"
                    else ""
                )
                media = Media.objects.create(
                    provider=storage.provider(),
                    filename=candidate,
                    content_type=content_type,
                    thumb=thumb,
                    meta=meta,
                    size_bytes=size,
                )
                storage.save(candidate, content, content_type)
                if thumbnail:
                    _store_thumbnail(media, thumbnail)
        except IntegrityError:
            continue
        return media
    raise DomainError("No free name was found for this file. Rename it and upload it again.")


def _store_thumbnail(media: Media, thumbnail: bytes) -> None:
    """Store it, or take the picture away again: without its row nobody would know of it."""
    try:
        storage.save(media.thumb, io.BytesIO(thumbnail), "image/png")
    except (DomainError, OSError):
        with suppress(DomainError, OSError):
            storage.delete(media.filename, kind=media.provider)
        raise


def _candidates(name: str) -> list[str]:
    """The name itself, then with six random characters before its extension."""
    stem, dot, extension = name.rpartition(".")
    if not stem:
        stem, dot, extension = name, "", ""
    tails = ("".join(secrets.choice(ALPHABET) for _ in range(6)) for _ in range(5))
    return [name, *(f"{stem}_{tail}{dot}{extension}" for tail in tails)]
