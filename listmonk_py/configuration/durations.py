"""Durations in Go's notation, as listmonk's settings hold them: `15s`, `1h30m`, `500ms`.

Source: the documentation of Go's time.ParseDuration.
"""

import re
from datetime import timedelta
from typing import Final

UNITS_S: Final = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}
_PART = r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)"
_PARTS = re.compile(_PART, re.ASCII)
_WHOLE = re.compile(f"(?:{_PART})+", re.ASCII)


def parse_duration(text: str) -> timedelta:
    """The duration that `text` names; `0` needs no unit.

    Raises:
        ValueError: it is not a duration, or it is negative; the message says how to write one.
    """
    text = text.strip()
    if text == "0":
        return timedelta()
    if not _WHOLE.fullmatch(text) or len(text) > 60:
        raise ValueError(f"{text!r} is not a duration. Write it like 15s, 10m or 1h30m.")
    try:
        return timedelta(seconds=sum(float(number) * UNITS_S[unit] for number, unit in _PARTS.findall(text)))
    except OverflowError:
        raise ValueError(f"{text!r} is too long a duration.") from None


def seconds(text: str) -> float:
    """`parse_duration`, in seconds."""
    return parse_duration(text).total_seconds()


def format_duration(value: timedelta) -> str:
    """The shortest notation, without zero parts: `1h30m`, `10ms`, `0s`."""
    rest = round(value.total_seconds() * 1000)
    parts = []
    for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
