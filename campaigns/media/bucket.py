"""A bucket that speaks S3, through boto3, with every request on a connection to an address that was checked.

The endpoint is an address that a user has typed in, so boto3 does not open connections by itself: botocore's
event `before-send` hands each request, a retry or the one after a redirect too, to `listmonk_py.mail.outbound`.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import boto3.exceptions
import botocore.exceptions
import urllib3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from storages.backends.s3 import S3Storage

from listmonk_py.api.errors import DomainError, Unavailable
from listmonk_py.mail import outbound

logger = logging.getLogger(__name__)

TIMEOUT_S = 30.0
ATTEMPTS = 2
# Signature version 4 signs for seven days at most (AWS, "Authenticating requests: query parameters").
LONGEST_EXPIRY_S = 7 * 86_400
REDIRECTS = frozenset({301, 302, 303, 307, 308})
# Refusals that a later request may not meet.
PASSING = frozenset({"SlowDown", "RequestTimeout", "ServiceUnavailable", "InternalError", "Throttling"})


class BucketAway(Unavailable):
    """The bucket does not answer, or asks to come back later."""


class BucketRefuses(DomainError):
    """The bucket answers no: a wrong key, a bucket that is not there, an address that may not be asked."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the bucket is and who asks. Without an access key, the machine's own (its IAM role) is used.

    path: of the files in the bucket, without slashes at its ends.
    expiry_s: how long a signed URL of a private bucket lives.
    """

    endpoint: str
    region: str
    bucket: str
    path: str = ""
    access_key: str = ""
    secret_key: str = field(default="", repr=False)
    is_public: bool = True
    expiry_s: int = LONGEST_EXPIRY_S

    @property
    def url(self) -> str:
        """The endpoint; Amazon's are named s3.<region>, and listmonk's default has the two the wrong way round."""
        misspelt = re.fullmatch(r"https://([a-z]{2}(?:-[a-z]+)+-\d)\.s3\.amazonaws\.com/?", self.endpoint)
        return f"https://s3.{misspelt[1]}.amazonaws.com" if misspelt else self.endpoint.rstrip("/")

    def key(self, name: str) -> str:
        return f"{self.path}/{name}" if self.path else name


class Bucket(S3Storage):
    """Django's storage for one bucket; whatever goes wrong is told in words.

    Raises (every method that asks the bucket):
        BucketAway, BucketRefuses.
    """

    def __init__(self, values: Settings) -> None:
        self.values = values
        super().__init__(
            access_key=values.access_key or None,
            secret_key=values.secret_key or None,
            bucket_name=values.bucket,
            region_name=values.region,
            endpoint_url=values.url,
            location=values.path,
            default_acl="public-read" if values.is_public else None,
            querystring_auth=not values.is_public,
            querystring_expire=max(1, min(values.expiry_s, LONGEST_EXPIRY_S)),
            file_overwrite=False,
            client_config=Config(
                signature_version="s3v4",
                retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
                # Newer checksums are Amazon's alone: other stores refuse the trailers they come in.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def _create_session(self) -> Any:
        session = super()._create_session()
        session.events.register("before-send.s3", send)
        return session

    def url(self, name: str, *args: Any, **kwargs: Any) -> str:
        """For everybody when the bucket is public, else signed. Asks nobody."""
        if self.values.is_public:
            return f"{self.values.url}/{self.values.bucket}/{quote(self.values.key(name))}"
        with in_words():
            return str(super().url(name, *args, **kwargs))

    def exists(self, name: str) -> bool:
        """False also where the key may not ask: Amazon answers 403 for a missing file to who may not list.

        A key that is wrong altogether is told about by what comes next, with a reason; HEAD has no body for it.
        """
        with in_words():
            try:
                return bool(super().exists(name))
            except botocore.exceptions.ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] == 403:
                    return False
                raise

    def delete(self, name: str) -> None:
        with in_words():
            super().delete(name)

    def content(self, name: str) -> bytes:
        """What the file holds.

        Raises:
            FileNotFoundError: the bucket has no such file.
        """
        with in_words():
            try:
                return bytes(self.bucket.Object(self.values.key(name)).get()["Body"].read())
            except botocore.exceptions.ClientError as error:
                if error.response.get("Error", {}).get("Code") == "NoSuchKey":
                    raise FileNotFoundError(name) from error
                raise

    def _save(self, name: str, content: Any) -> str:
        with in_words():
            return str(super()._save(name, content))


@lru_cache(maxsize=2)
def bucket(values: Settings) -> Bucket:
    """The storage for these settings; kept, for making a client takes boto3 a tenth of a second."""
    return Bucket(values)


def send(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
    """Botocore's `before-send`: the answer to a signed request, its body read.

    Raises:
        OutboundRefused: the host may not be asked, or is not known.
        BucketRefuses: the answer is a redirect that does not say it is about the region.
        botocore.exceptions.HTTPClientError: no answer; botocore may try again.
    """
    headers = {name: value for name, value in request.headers.items() if name.lower() != "expect"}
    try:
        answer = outbound.transfer(
            request.method, request.url, body=request.body, headers=headers, timeout_s=TIMEOUT_S
        )
    except urllib3.exceptions.HTTPError as error:
        raise botocore.exceptions.EndpointConnectionError(endpoint_url=request.url, error=error) from error
    if answer.status in REDIRECTS and "x-amz-bucket-region" not in answer.headers:
        # Nobody is followed elsewhere; and botocore asks for the region again and again, without an end.
        raise BucketRefuses(
            "The S3 bucket says that it is elsewhere. Check its address and region in Settings."
        )
    return AWSResponse(request.url, answer.status, answer.headers, answer)


@contextmanager
def in_words() -> Iterator[None]:
    """Turn what boto3 raises into errors of ours."""
    try:
        yield
    except botocore.exceptions.ClientError as error:
        raise _refusal(error) from error
    except (botocore.exceptions.NoCredentialsError, botocore.exceptions.PartialCredentialsError) as error:
        raise BucketRefuses(
            "The S3 bucket needs an access key and its secret key in Settings, or a machine with a role of its own."
        ) from error
    except (botocore.exceptions.ParamValidationError, ValueError) as error:
        raise BucketRefuses(f"The settings of the S3 bucket cannot be used: {_line(error)}") from error
    except (botocore.exceptions.BotoCoreError, boto3.exceptions.Boto3Error) as error:
        logger.warning("The S3 bucket cannot be reached: %s", error)
        raise BucketAway(
            "The S3 bucket does not answer. Check its address in Settings, or try again in a moment."
        ) from error


def _refusal(error: botocore.exceptions.ClientError) -> DomainError:
    told = error.response.get("Error", {})
    code, text = str(told.get("Code", "")), str(told.get("Message", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    logger.warning("The S3 bucket answered %s %s: %s", status, code, text)
    if status >= 500 or code in PASSING:
        return BucketAway("The S3 bucket is busy or out of order. Try again in a moment.")
    if status == 403 or code in ("InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied"):
        return BucketRefuses(
            f"The S3 bucket refuses us ({code}): check the access key, the secret key, the region and what the "
            "key may do."
        )
    if code == "NoSuchBucket":
        return BucketRefuses("There is no such S3 bucket. Check its name and address in Settings.")
    return BucketRefuses(f"The S3 bucket refuses this: {_line(text or code)}")


def _line(text: object) -> str:
    return " ".join(str(text).split())[:300]
