"""Deleting what piles up: people on no list, blocklisted people, stale opt-ins, old opens and clicks."""

from datetime import datetime

from listmonk_py.api.errors import DomainError
from subscribers import maintenance as people
from tracking import removal

EVENTS = {
    "views": (removal.delete_views,),
    "clicks": (removal.delete_clicks,),
    "all": (removal.delete_views, removal.delete_clicks),
}


def delete_people(kind: str) -> int:
    """Delete people who are `orphan` (on no list) or `blocklisted`; return how many.

    Raises:
        DomainError: `kind` is neither.
    """
    if kind == "orphan":
        return people.delete_orphans()
    if kind == "blocklisted":
        return people.delete_blocklisted()
    raise DomainError("Invalid data: the type must be orphan or blocklisted.")


def delete_unconfirmed(before: datetime) -> int:
    """Delete subscriptions to double opt-in lists that were never confirmed; return how many."""
    return people.delete_unconfirmed(before)


def delete_events(kind: str, before: datetime) -> int:
    """Delete opens (`views`), clicks (`clicks`) or both (`all`) before a time; return how many.

    Raises:
        DomainError: `kind` is none of them.
    """
    if kind not in EVENTS:
        raise DomainError("Invalid data: the type must be all, views or clicks.")
    return sum(delete(before) for delete in EVENTS[kind])
