"""Points in time in Go's layouts, and Sprig's date functions.

A layout shows how Go's reference time, Monday 2 January 2006 15:04:05 in zone -0700 (MST), would be
written (documentation of Go's package time). Times in the data are ISO 8601 text.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from listmonk_py.templating.functions.limits import number, text, whole

ANSIC = "Mon Jan _2 15:04:05 2006"

MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


def _zone(moment: datetime, *, colon: bool, zulu: bool) -> str:
    offset = moment.utcoffset() or timedelta()
    if zulu and not offset:
        return "Z"
    minutes = int(offset.total_seconds() // 60)
    sign, minutes = ("-" if minutes < 0 else "+"), abs(minutes)
    return f"{sign}{minutes // 60:02d}{':' if colon else ''}{minutes % 60:02d}"


def _hour12(moment: datetime) -> int:
    return moment.hour % 12 or 12


# Longest first where one begins with another.
_LAYOUT: dict[str, Callable[[datetime], str]] = {
    "January": lambda t: MONTHS[t.month - 1],
    "Jan": lambda t: MONTHS[t.month - 1][:3],
    "Monday": lambda t: DAYS[t.weekday()],
    "Mon": lambda t: DAYS[t.weekday()][:3],
    "MST": lambda t: t.tzname() or "UTC",
    "2006": lambda t: f"{t.year:04d}",
    "__2": lambda t: f"{t.timetuple().tm_yday:3d}",
    "002": lambda t: f"{t.timetuple().tm_yday:03d}",
    "01": lambda t: f"{t.month:02d}",
    "02": lambda t: f"{t.day:02d}",
    "03": lambda t: f"{_hour12(t):02d}",
    "04": lambda t: f"{t.minute:02d}",
    "05": lambda t: f"{t.second:02d}",
    "06": lambda t: f"{t.year % 100:02d}",
    "15": lambda t: f"{t.hour:02d}",
    "_2": lambda t: f"{t.day:2d}",
    "PM": lambda t: "PM" if t.hour >= 12 else "AM",
    "pm": lambda t: "pm" if t.hour >= 12 else "am",
    "Z07:00": lambda t: _zone(t, colon=True, zulu=True),
    "Z0700": lambda t: _zone(t, colon=False, zulu=True),
    "-07:00": lambda t: _zone(t, colon=True, zulu=False),
    "-0700": lambda t: _zone(t, colon=False, zulu=False),
    "-07": lambda t: _zone(t, colon=False, zulu=False)[:3],
    "1": lambda t: str(t.month),
    "2": lambda t: str(t.day),
    "3": lambda t: str(_hour12(t)),
    "4": lambda t: str(t.minute),
    "5": lambda t: str(t.second),
}
_ELEMENT = re.compile(
    r"[.,](?P<zeros>0+)(?!\d)|[.,](?P<nines>9+)(?!\d)|_2006|" + "|".join(map(re.escape, _LAYOUT))
)


def formatted(layout: Any, moment: datetime) -> str:
    """Return `moment` written as the Go layout shows."""

    def element(found: re.Match[str]) -> str:
        sign, micros = found[0][0], f"{moment.microsecond:06d}000"
        if found["zeros"]:
            return sign + micros[: len(found["zeros"])].ljust(len(found["zeros"]), "0")
        if found["nines"]:
            shown = micros[: len(found["nines"])].rstrip("0")
            return sign + shown if shown else ""
        if found[0] == "_2006":
            return f"_{moment.year:04d}"
        return _LAYOUT[found[0]](moment)

    return _ELEMENT.sub(element, text(layout)[:1000])


def parsed(layout: Any, value: Any) -> datetime | None:
    """Return the time that `value` shows in the Go layout; None when it does not match."""
    pattern, names = "", []
    position = 0
    written = text(layout)[:200]
    for found in _ELEMENT.finditer(written):
        pattern += re.escape(written[position : found.start()])
        names.append(found[0])
        pattern += r"([-+:\w]+?|[-+]\d\d:?\d\d)" if found[0][0] in "-Z" else r"([A-Za-z]+|\s?\d+)"
        position = found.end()
    match = re.fullmatch(pattern + re.escape(written[position:]), text(value)[:200])
    if match is None:
        return None
    try:
        return _assembled(dict(zip(names, match.groups(), strict=True)))
    except ValueError:
        return None


def _assembled(parts: dict[str, str]) -> datetime:
    year, month, day, hour, minute, second = 1, 1, 1, 0, 0, 0
    zone: tzinfo = UTC
    afternoon = None
    for name, part in parts.items():
        match name:
            case "2006":
                year = int(part)
            case "06":
                year = int(part) + (1900 if int(part) >= 69 else 2000)
            case "01" | "1":
                month = int(part)
            case "January" | "Jan":
                month = [m[:3].lower() for m in MONTHS].index(part[:3].lower()) + 1
            case "02" | "_2" | "2":
                day = int(part)
            case "15" | "03" | "3":
                hour = int(part)
            case "04" | "4":
                minute = int(part)
            case "05" | "5":
                second = int(part)
            case "PM" | "pm":
                afternoon = part.lower() == "pm"
            case _ if name[0] in "-Z" and part != "Z":
                digits = part.replace(":", "")
                offset = timedelta(hours=int(digits[1:3]), minutes=int(digits[3:5] or 0))
                zone = timezone(-offset if digits[0] == "-" else offset)
    if afternoon is not None:
        hour = hour % 12 + (12 if afternoon else 0)
    return datetime(year, month, day, hour, minute, second, tzinfo=zone)


def moment_of(value: Any) -> datetime:
    """Return the time that a value stands for: ISO 8601 text or Unix seconds; now when there is none."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            return datetime.fromtimestamp(number(value), UTC)
        except (OverflowError, OSError, ValueError) as error:
            raise ValueError(f"{value} is no time.") from error
    if value is None or value == "":
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(text(value))
    except ValueError as error:
        raise ValueError(f"{text(value)[:60]} is no time; ISO 8601 is understood.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def now() -> str:
    return datetime.now(UTC).isoformat()


def listmonk_date(layout: Any = "") -> str:
    """listmonk's Date: now in a Go layout; ANSIC when the layout is blank."""
    return formatted(text(layout) or ANSIC, datetime.now(UTC))


def in_zone(layout: Any, value: Any, zone: Any) -> str:
    try:
        place = ZoneInfo(text(zone) or "UTC")
    except (KeyError, ValueError, OSError):
        # Sprig falls back to UTC as well.
        place = ZoneInfo("UTC")
    return formatted(layout, moment_of(value).astimezone(place))


_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


def seconds_of(value: Any) -> float:
    """Return the seconds of a Go duration such as -1h30m; a bare number is seconds."""
    written = text(value).strip()
    if re.fullmatch(r"[-+]?\d+", written):
        return float(written)
    parts = re.findall(r"([\d.]+)(h|ms|us|µs|ns|m|s)", written)
    if not parts or "".join(a + b for a, b in parts) != written.lstrip("+-"):
        raise ValueError(f"{written[:60]} is no duration; write it like 1h30m.")
    total = sum(float(count) * _UNITS[unit] for count, unit in parts)
    return -total if written.startswith("-") else total


def date_modify(change: Any, value: Any) -> str:
    try:
        return (moment_of(value) + timedelta(seconds=seconds_of(change))).isoformat()
    except OverflowError as error:
        raise ValueError("This date is out of range.") from error


def duration(value: Any) -> str:
    """Seconds as Go shows a duration: 1h30m0s."""
    left = abs(whole(value))
    hours, minutes, seconds = left // 3600, left % 3600 // 60, left % 60
    shown = (
        f"{hours}h{minutes}m{seconds}s" if hours else f"{minutes}m{seconds}s" if minutes else f"{seconds}s"
    )
    return "-" + shown if whole(value) < 0 else shown


def duration_round(value: Any) -> str:
    """A duration (or the time since a date) in its largest unit: 2mo, 3d, 5h."""
    try:
        left = abs(seconds_of(value))
    except ValueError:
        left = abs((datetime.now(UTC) - moment_of(value)).total_seconds())
    for unit, size in (("y", 31536000), ("mo", 2592000), ("d", 86400), ("h", 3600), ("m", 60)):
        if left >= size:
            return f"{int(left // size)}{unit}"
    return f"{int(left)}s"


def go_time(value: Any, method: str, layout: Any = "") -> Any:
    """A method of Go's time.Time on a time in the data; nothing when there is no time."""
    if not value:
        return True if method == "IsZero" else ""
    moment = moment_of(value)
    match method:
        case "Format":
            return formatted(layout, moment)
        case "Unix":
            return int(moment.timestamp())
        case "Month":
            return MONTHS[moment.month - 1]
        case "Weekday":
            return DAYS[moment.weekday()]
        case "YearDay":
            return moment.timetuple().tm_yday
        case "IsZero":
            return False
    return getattr(moment, method.lower())


def to_date(layout: Any, value: Any) -> str:
    moment = parsed(layout, value)
    return moment.isoformat() if moment else "0001-01-01T00:00:00+00:00"


DATES: dict[str, Callable[..., Any]] = {
    "Date": listmonk_date,
    "now": now,
    "date": lambda layout, value=None: formatted(layout, moment_of(value)),
    "dateInZone": in_zone,
    "date_in_zone": in_zone,
    "htmlDate": lambda value=None: formatted("2006-01-02", moment_of(value)),
    "htmlDateInZone": lambda value, zone: in_zone("2006-01-02", value, zone),
    "dateModify": date_modify,
    "date_modify": date_modify,
    "toDate": to_date,
    "unixEpoch": lambda value=None: str(int(moment_of(value).timestamp())),
    "ago": lambda value: duration((datetime.now(UTC) - moment_of(value)).total_seconds()),
    "duration": duration,
    "durationRound": duration_round,
    "time": go_time,
}
