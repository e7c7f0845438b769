"""listmonk's raw SQL conditions (stub while under construction)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction

from listmonk_py.api.errors import NotBuilt


def ids(condition: str) -> Any:
    raise NotBuilt("x")


@contextmanager
def reading() -> Iterator[None]:
    with transaction.atomic():
        yield
