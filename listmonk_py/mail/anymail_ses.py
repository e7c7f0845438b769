"""What errors of Amazon SES mean. They come from botocore, and Anymail gives them no HTTP status.

Source: Amazon SES API v2, "SendEmail", errors; botocore's exceptions. By their names, since boto3 is an extra.
"""

from typing import Any

from anymail.exceptions import AnymailAPIError

from .outgoing import Outcome

# About the account or its sender, whoever the message is for; Amazon answers 400.
ABOUT_ALL_MAIL = frozenset(
    {
        "AccountSuspendedException",
        "LimitExceededException",
        "MailFromDomainNotVerifiedException",
        "SendingPausedException",
        "Throttling",
        "ThrottlingException",
    }
)
# The request was out when the connection failed: the message may have been taken.
IN_DOUBT = frozenset(
    {"ConnectionClosedError", "HTTPClientError", "ReadTimeoutError", "ResponseStreamingError"}
)


def judge(fault: AnymailAPIError) -> tuple[Outcome, int]:
    """Whose fault it is, and the HTTP status, 0 when there was no answer."""
    answer: Any = fault.response if isinstance(fault.response, dict) else {}
    status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0)
    if not status:
        in_doubt = fault.__cause__ is None or type(fault.__cause__).__name__ in IN_DOUBT
        return (Outcome.UNKNOWN if in_doubt else Outcome.SERVER), 0
    if status < 300:
        return Outcome.UNKNOWN, status  # taken, but the answer could not be read
    code = answer.get("Error", {}).get("Code")
    is_theirs = status in (401, 403, 404, 408, 429) or status >= 500 or code in ABOUT_ALL_MAIL
    return (Outcome.SERVER if is_theirs else Outcome.FAILED), status
