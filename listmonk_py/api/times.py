"""Times as clients write them, made such that PostgreSQL takes them."""

from datetime import UTC, datetime


def in_utc(moment: datetime) -> datetime:
    """`moment` in UTC, which is also what it is taken for when it names no zone.

    PostgreSQL refuses zones of 16 hours and more, which ISO 8601 allows and `fromisoformat` reads.

    Raises:
        ValueError: in UTC it would be before the year 1 or after 9999.
    """
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{moment.isoformat()} is out of range") from None
