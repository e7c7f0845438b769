"""What happened to one person, from every app, in one list: the heart of the person's page.

Apps register where they know something; the newest come first. Each source reads by an index on the person,
so a page costs the same on any number of people.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from heapq import nlargest
from typing import TYPE_CHECKING

from .models import Subscriber, Subscription

if TYPE_CHECKING:
    from listmonk_py.accounts.models import User

MOST = 100


@dataclass(frozen=True, slots=True)
class Event:
    """One line.

    Attributes:
        icon: a name of Material Symbols.
        title: what happened.
        text: to what, or why.
        link: address of the page about it, or blank.
    """

    at: datetime
    icon: str
    title: str
    text: str = ""
    link: str = ""


# (person, user, how many) -> their newest events that the user may see.
Source = Callable[[Subscriber, "User", int], Iterable[Event]]
_sources: list[Source] = []


def register(source: Source) -> Source:
    """Add a source; usable as a decorator."""
    if source not in _sources:
        _sources.append(source)
    return source


def of(person: Subscriber, user: "User", *, most: int = MOST) -> list[Event]:
    """The newest `most` events, newest first."""
    found = [event for source in _sources for event in source(person, user, most)]
    return nlargest(most, found, key=lambda event: event.at)


WORDS = {
    Subscription.Status.UNCONFIRMED: ("hourglass_empty", "Subscribed, not confirmed"),
    Subscription.Status.CONFIRMED: ("check_circle", "Confirmed"),
    Subscription.Status.UNSUBSCRIBED: ("do_not_disturb_on", "Unsubscribed"),
}


@register
def subscriptions(person: Subscriber, user: "User", most: int) -> Iterable[Event]:
    """Being put on a list, and the last change of the subscription."""
    rows = Subscription.objects.visible_to(user).filter(subscriber=person).select_related("list")
    for row in rows.order_by("-updated_at")[:most]:
        icon, title = WORDS[Subscription.Status(row.status)]
        yield Event(row.updated_at, icon, title, row.list.name)
        if row.created_at < row.updated_at and row.status != Subscription.Status.UNCONFIRMED:
            yield Event(row.created_at, "playlist_add", "Put on a list", row.list.name)


@register
def joined(person: Subscriber, user: "User", most: int) -> Iterable[Event]:
    yield Event(person.created_at, "person_add", "Became a subscriber")
