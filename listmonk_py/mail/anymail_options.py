"""The options of a provider's entry in the settings, and what of them Anymail's backend gets."""

from collections.abc import Mapping
from typing import Any

# Options, sorted by name and hashable: entries are keys of the registry. A value that is an object is frozen too.
Frozen = tuple[tuple[str, Any], ...]

# They prove who sends reports (see the webhooks in `bounces`); a backend has no use for them.
WEBHOOK_OPTIONS = frozenset(
    {
        "signing_secret",
        "tracking_secret",
        "tracking_webhook_verification_key",
        "webhook_key",
        "webhook_secret",
        "webhook_signing_key",
        "webhook_url",
    }
)
# botocore repeats a request whose answer was lost, which could send a message twice without our knowing;
# repeating is the sender's to decide. Each thread has a client of its own.
SES_CONFIG = {
    "retries": {"total_max_attempts": 1},
    "connect_timeout": 10,
    "read_timeout": 30,
    "max_pool_connections": 1,
}


def frozen(options: Mapping[str, Any]) -> Frozen:
    """`options` with names in lower case."""
    plain = {
        str(name).lower(): tuple(sorted(value.items())) if isinstance(value, dict) else value
        for name, value in options.items()
    }
    return tuple(sorted(plain.items()))


def for_backend(backend: str, options: Frozen) -> dict[str, Any]:
    """What the backend's class is called with."""
    given = {
        name: dict(value) if isinstance(value, tuple) else value
        for name, value in options
        if name not in WEBHOOK_OPTIONS
    }
    if backend == "amazon_ses":
        given["client_params"] = {"config": SES_CONFIG, **given.get("client_params", {})}
    return given
