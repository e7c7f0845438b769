"""Where uploaded files lie: a folder, or a bucket that speaks S3. Live settings decide which for new files;
every file is read, served and deleted where its row says it lies."""

import io
from pathlib import Path
from typing import IO, TYPE_CHECKING

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, Storage

from listmonk_py.api.errors import DomainError
from listmonk_py.configuration import runtime
from listmonk_py.configuration.durations import parse_duration

if TYPE_CHECKING:
    from .bucket import Bucket


class FileIsGone(DomainError):
    """The database knows the file, and the storage has lost it."""


def provider() -> str:
    """`filesystem` or `s3`: where new files go and what the listing shows."""
    return str(runtime.get("upload.provider"))


def folder() -> Path:
    """The folder of the filesystem provider; a relative path is below DATA_DIR."""
    return Path(settings.DATA_DIR) / str(runtime.get("upload.filesystem.upload_path"))


def storage(kind: str = "") -> Storage:
    """Django's storage for a provider; without one, for that in force.

    Raises:
        DomainError: S3 is asked for, but its libraries are not installed or no bucket is named.
    """
    return _bucket() if (kind or provider()) == "s3" else _files()


def _files() -> FileSystemStorage:
    return FileSystemStorage(location=folder(), base_url=None)


def _bucket() -> "Bucket":
    try:
        from . import bucket  # boto3 is an optional extra of hundreds of modules
    except ImportError:
        raise DomainError("Storing in S3 needs the extra `aws`: install boto3 and django-storages.") from None
    name = str(runtime.get("upload.s3.bucket")).strip()
    if not name:
        raise DomainError("No S3 bucket is named in Settings.")
    return bucket.bucket(
        bucket.Settings(
            endpoint=str(runtime.get("upload.s3.url")),
            region=str(runtime.get("upload.s3.aws_default_region")),
            bucket=name,
            path=str(runtime.get("upload.s3.bucket_path")).strip("/"),
            access_key=str(runtime.get("upload.s3.aws_access_key_id")),
            secret_key=str(runtime.get("upload.s3.aws_secret_access_key")),
            is_public=runtime.get("upload.s3.bucket_type") == "public",
            expiry_s=int(parse_duration(runtime.get("upload.s3.expiry")).total_seconds()),
        )
    )


def url(name: str, kind: str = "") -> str:
    """The address of a stored file, as mails and the API give it; of the provider in force without `kind`."""
    root = str(runtime.get("app.root_url")).rstrip("/")
    if (kind or provider()) != "s3":
        return f"{root}{uri()}/{name}"
    public = str(runtime.get("upload.s3.public_url")).rstrip("/")
    if public.startswith("/"):
        return f"{root}{public}/{name}"
    if public:
        return f"{public}/{name}"
    return _bucket().url(name)


def uri() -> str:
    """The path under which we serve files ourselves, with a leading and no trailing slash."""
    return "/" + str(runtime.get("upload.filesystem.upload_uri")).strip("/")


def save(name: str, content: IO[bytes], content_type: str) -> None:
    """Store under exactly this name, which the caller has made unique, where new files go.

    A bucket keeps the type, which is from the content: what a name claims is not to run in a browser.
    """
    file = File(content)
    file.content_type = content_type  # type: ignore[attr-defined]  # where django-storages looks for it
    stored = storage().save(name, file)
    if stored != name:
        storage().delete(stored)
        raise DomainError(f"A file named {name} exists already. Upload it again.")


def opened(name: str, kind: str) -> IO[bytes]:
    """A file of the provider `kind`, to be read and closed; one of a bucket has been fetched.

    Raises:
        FileIsGone: it is not in the storage any more.
        DomainError: the bucket refuses us, or does not answer.
        OSError: it is there and cannot be read.
    """
    try:
        return io.BytesIO(_bucket().content(name)) if kind == "s3" else _files().open(name)
    except FileNotFoundError:
        raise FileIsGone(
            f"The file `{name}` is not in the storage any more. Upload it again, or take it off the campaign."
        ) from None


def read(name: str, kind: str) -> bytes:
    """What a file of the provider `kind` holds; raises as `opened`."""
    with opened(name, kind) as file:
        return file.read()


def delete(*names: str, kind: str) -> None:
    for name in names:
        if name:
            storage(kind).delete(name)
