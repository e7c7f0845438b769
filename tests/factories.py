"""Rows for tests, with only what the test is about spelled out."""

import itertools
from collections.abc import Mapping
from typing import Any

from subscribers.models import List, Subscriber, Subscription

_numbers = itertools.count(1)


def make_list(**fields: Any) -> List:
    fields.setdefault("name", f"List {next(_numbers)}")
    return List.objects.create(**fields)


def make_subscriber(*, lists: Mapping[List, str] | None = None, **fields: Any) -> Subscriber:
    """A person; `lists` maps each list to the status of the subscription."""
    number = next(_numbers)
    fields.setdefault("email", f"person{number}@example.com")
    fields.setdefault("name", f"Person {number}")
    person = Subscriber.objects.create(**fields)
    for one, status in (lists or {}).items():
        Subscription.objects.create(list=one, subscriber=person, status=status)
    return person
