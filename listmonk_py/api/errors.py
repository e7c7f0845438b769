"""What can go wrong, as one family of exceptions, and how each becomes an answer.

Domain functions raise a `DomainError`; `answer` (DRF's exception handler) turns it into listmonk's
error envelope `{"message": ...}` with the error's status. No view catches these itself.
"""

import logging
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, ValidationError
from django.db import DataError, IntegrityError, OperationalError, transaction
from django.http import Http404
from redis.exceptions import RedisError
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response

logger = logging.getLogger(__name__)


class DomainError(Exception):
    """Something a user asked for that cannot be done; `message` tells how to go on.

    Attributes:
        message: one or two sentences for a person.
        status: the HTTP status that the REST API answers with.
        extra: more fields for the error envelope, such as a line number.
        text_key, values: where a page for subscribers finds the message in their language, and what fills
            its placeholders; "" where no subscriber meets it.
    """

    status = 400
    text_key = ""

    def __init__(
        self, message: str, *, text_key: str = "", values: Mapping[str, Any] | None = None, **extra: Any
    ) -> None:
        super().__init__(message)
        self.message = message
        self.text_key = text_key or self.text_key
        self.values = dict(values or {})
        self.extra = extra


class NotFound(DomainError):
    """There is no such thing. listmonk answers 400 for most of its objects; see contract 3.1."""

    status = 400


class Missing(DomainError):
    """There is no such thing, where listmonk answers 404 (media, users, public objects)."""

    status = 404


class Forbidden(DomainError):
    """The user may not do this."""

    status = 403


class Conflict(DomainError):
    """The thing exists already, or was changed by somebody else meanwhile."""

    status = 409


class PreconditionFailed(DomainError):
    """`If-Match` names an older version than the stored one (RFC 9110 section 13.1.1)."""

    status = 412


class Unavailable(DomainError):
    """A server we need (PostgreSQL, Redis, SMTP) is away; the same request may work later."""

    status = 503


class NotBuilt(DomainError):
    """The route exists in listmonk's protocol and is not served yet."""

    status = 501


def envelope(message: str, **extra: Any) -> dict[str, Any]:
    """listmonk's error shape: `{"message": ...}`, with our additional fields beside it."""
    return {"message": message, **extra}


def first_message(detail: Any, field: str = "") -> str:
    """The first sentence in a DRF or Django validation error, led by its field's name.

    `{"email": ["This field is required."]}` becomes `email: This field is required.`
    """
    if isinstance(detail, dict):
        key, value = next(iter(detail.items()))
        name = "" if key in ("non_field_errors", "__all__") else str(key)
        return first_message(value, ".".join(part for part in (field, name) if part))
    if isinstance(detail, (list, tuple)):
        filled = [(i, value) for i, value in enumerate(detail) if value]
        if not filled:
            return "The request is not valid."
        i, value = filled[0]
        nested = isinstance(value, (dict, list)) and len(detail) > 1
        return first_message(value, f"{field}[{i}]" if nested else field)
    return f"{field}: {detail}" if field else str(detail)


def answer(error: Exception, context: dict[str, Any]) -> Response:
    """DRF's exception handler: every error as `{"message": ...}` with the right status."""
    message, status, extra = _describe(error, context.get("request"))
    headers = {}
    if isinstance(error, exceptions.Throttled):
        wait_s = getattr(error, "wait", None)
        headers["Retry-After"] = str(int(wait_s or 1) + 1)
    if status == 503:
        headers["Retry-After"] = "5"
    connection = transaction.get_connection()
    if connection.settings_dict["ATOMIC_REQUESTS"] and connection.in_atomic_block:
        transaction.set_rollback(True)
    return Response(envelope(message, **extra), status=status, headers=headers)


def _describe(error: Exception, request: Request | None) -> tuple[str, int, dict[str, Any]]:
    match error:
        case DomainError():
            return error.message, error.status, error.extra
        case ValidationError():
            detail = error.message_dict if hasattr(error, "error_dict") else error.messages
            return first_message(detail), 400, {}
        case exceptions.ValidationError():
            return first_message(error.detail), 400, {}
        case exceptions.MethodNotAllowed():
            # listmonk's router knows no 405 (contract 3.1).
            return "Not Found", 404, {}
        case exceptions.NotAuthenticated():
            return "invalid session", 403, {}
        case exceptions.Throttled():
            return "Too many requests. Wait a moment and try again.", 429, {}
        case exceptions.UnsupportedMediaType():
            return str(error.detail), 400, {}
        case exceptions.APIException():
            return first_message(error.detail), error.status_code, {}
        case Http404():
            return str(error) or "Not Found", 404, {}
        case PermissionDenied():
            return str(error) or "permission denied", 403, {}
        case RequestDataTooBig():
            return "The request body is too large.", 413, {}
    return _describe_fault(error, request)


def _describe_fault(error: Exception, request: Request | None) -> tuple[str, int, dict[str, Any]]:
    """Faults of the servers behind us, and of ourselves: logged, and told without a traceback."""
    path = getattr(request, "path", "?")
    if isinstance(error, (OperationalError, RedisError)):
        logger.warning("A server behind %s is away: %s", path, error)
        return "The database or Redis does not answer. Try again in a moment.", 503, {}
    if isinstance(error, (DataError, IntegrityError)):
        logger.warning("%s: refused by a database constraint: %s", path, error)
        return "The database refuses this value. Check what was sent.", 400, {}
    logger.exception("Unexpected error at %s", path)
    return "Something went wrong on our side. It is in the log.", 500, {}
