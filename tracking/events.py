"""The wire form of opens and clicks: their URLs, and the line that each leaves in the stream.

A line is CSV as COPY takes it, so the tracker never parses one in Python:
`kind,event id,time,campaign,subscriber,link,machine` with kind `v` (view) or `c` (click).
"""

import random
import re
import time
from datetime import UTC, datetime

from django.conf import settings

# The Redis stream between the door and the tracker; each entry holds lines of one event-loop tick.
STREAM = "tracking:events"
FIELD = "d"
GROUP = "tracker"
# Counted by the door, shown on /metrics: accepted, late, dropped, shed.
COUNTERS = "tracking:counters"

NOBODY = "00000000-0000-0000-0000-000000000000"

_UUID = r"([0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12})"
# Groups: link, campaign, subscriber of a click; or campaign, subscriber of a pixel.
PATH = re.compile(rf"/(?:link/{_UUID}/{_UUID}/{_UUID}|campaign/{_UUID}/{_UUID}/px\.png)", re.ASCII)
IS_UUID = re.compile(_UUID, re.ASCII)

# A transparent 1x1 PNG (ISO/IEC 15948): signature, IHDR, IDAT, IEND.
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a"
    "0000000d49484452000000010000000108060000001f15c489"
    "0000000b4944415478da636000020000050001e9fadcd8"
    "0000000049454e44ae426082"
)
PIXEL_HEADERS = [
    ("content-type", "image/png"),
    ("cache-control", "no-cache"),
    ("x-robots-tag", "noindex"),
]


def stream_limit_bytes() -> int:
    """What the stream may hold; beyond it events are dropped and counted, so the broker stays alive."""
    return int(settings.TRACKING_STREAM_MB) * 1024 * 1024


def new_event_id(ms: int) -> str:
    """A UUID of version 7 (RFC 9562 section 5.7) in hex: near in time is near in the index."""
    low = random.getrandbits(62)
    return f"{ms << 80 | 7 << 76 | random.getrandbits(12) << 64 | 2 << 62 | low:032x}"


class Clock:
    """The time of events as text, made once per millisecond."""

    def __init__(self) -> None:
        self.ms = 0
        self.text = ""

    def now(self) -> tuple[int, str]:
        ms = time.time_ns() // 1_000_000
        if ms != self.ms:
            self.ms = ms
            self.text = datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")
        return ms, self.text


_clock = Clock()


def line(campaign: str, subscriber: str, link: str = "", *, machine: int = 0, individual: bool) -> bytes:
    """One event as a line of the stream, with an id and the time of now.

    Args:
        link: "" for a view.
        individual: False leaves the subscriber out (privacy.individual_tracking).
    """
    ms, at = _clock.now()
    who = subscriber if individual and subscriber != NOBODY else ""
    kind = "c" if link else "v"
    return f"{kind},{new_event_id(ms)},{at},{campaign},{who},{link},{machine}\n".encode()
