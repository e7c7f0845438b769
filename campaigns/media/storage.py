"""Where uploaded files lie: a folder, or a bucket that speaks S3. Live settings decide which."""

from collections.abc import Iterator
from pathlib import Path
from typing import IO

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, Storage

from listmonk_py.api.errors import DomainError, Unavailable
from listmonk_py.configuration import runtime
from listmonk_py.configuration.durations import parse_duration
from listmonk_py.mail import outbound


class StoreUnavailable(Unavailable):
    """The bucket does not answer, or refuses us."""


class FileIsGone(DomainError):
    """The database knows the file, and the storage has lost it."""


def provider() -> str:
    """`filesystem` or `s3`: where new files go and what the listing shows."""
    return str(runtime.get("upload.provider"))


def folder() -> Path:
    """The folder of the filesystem provider; a relative path is below DATA_DIR."""
    return Path(settings.DATA_DIR) / str(runtime.get("upload.filesystem.upload_path"))


def storage() -> Storage:
    """Django's storage for the provider in force.

    Raises:
        DomainError: S3 is chosen but its library is not installed, or its address is private.
    """
    if provider() == "s3":
        return _bucket()
    return FileSystemStorage(location=folder(), base_url=None)


def _bucket() -> Storage:
    try:
        from storages.backends.s3 import S3Storage  # an optional extra, hundreds of modules
    except ImportError:
        raise DomainError("Storing in S3 needs the extra `aws`: install boto3 and django-storages.") from None
    endpoint = str(runtime.get("upload.s3.url"))
    outbound.resolve(endpoint)
    is_public = runtime.get("upload.s3.bucket_type") == "public"
    return S3Storage(
        access_key=runtime.get("upload.s3.aws_access_key_id") or None,
        secret_key=runtime.get("upload.s3.aws_secret_access_key") or None,
        bucket_name=runtime.get("upload.s3.bucket"),
        region_name=runtime.get("upload.s3.aws_default_region"),
        endpoint_url=endpoint,
        location=str(runtime.get("upload.s3.bucket_path")).strip("/"),
        default_acl="public-read" if is_public else None,
        querystring_auth=not is_public,
        querystring_expire=int(parse_duration(runtime.get("upload.s3.expiry")).total_seconds()),
        file_overwrite=False,
    )


def url(name: str) -> str:
    """The address of a stored file, as mails and the API give it."""
    root = str(runtime.get("app.root_url")).rstrip("/")
    if provider() != "s3":
        return f"{root}{uri()}/{name}"
    public = str(runtime.get("upload.s3.public_url")).rstrip("/")
    if public.startswith("/"):
        return f"{root}{public}/{name}"
    if public:
        return f"{public}/{name}"
    return storage().url(name)


def uri() -> str:
    """The path under which we serve files ourselves, with a leading and no trailing slash."""
    return "/" + str(runtime.get("upload.filesystem.upload_uri")).strip("/")


def save(name: str, content: IO[bytes]) -> None:
    """Store under exactly this name, which the caller has made unique."""
    stored = storage().save(name, File(content))
    if stored != name:
        storage().delete(stored)
        raise DomainError(f"A file named {name} exists already. Upload it again.")


def read(name: str) -> bytes:
    """What the file holds.

    Raises:
        FileIsGone: it is not in the storage any more.
        OSError: it is there and cannot be read.
    """
    try:
        with storage().open(name) as file:
            return bytes(file.read())
    except FileNotFoundError:
        raise FileIsGone(
            f"The file `{name}` is not in the storage any more. Upload it again, or take it off the campaign."
        ) from None


def stream(name: str, *, size_bytes: int = 65_536) -> Iterator[bytes]:
    with storage().open(name) as file:
        while chunk := file.read(size_bytes):
            yield chunk


def delete(*names: str) -> None:
    for name in names:
        if name:
            storage().delete(name)
