"""Settings as `GET /api/settings` shows them: secrets masked, in listmonk's shape."""

from typing import Any

from . import runtime, secrets

# Left out while they are blank, as in listmonk.
_OMITTED_WHEN_BLANK = ("upload.s3.aws_secret_access_key",)


def shown() -> dict[str, Any]:
    """Every setting by key. A secret is as many bullets as it has characters."""
    values = secrets.masked(runtime.all_values())
    for key in _OMITTED_WHEN_BLANK:
        if not values[key]:
            del values[key]
    for server in values["smtp"]:
        if not server.get("password"):
            server.pop("password", None)
    return values
