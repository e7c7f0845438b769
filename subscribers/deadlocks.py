"""Trying again when PostgreSQL breaks a deadlock between two changes of the same people."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import OperationalError, connection
from psycopg import errors as pg

T = TypeVar("T")

MOST_TRIES = 6
FIRST_PAUSE_S = 0.05


def retried(change: Callable[[], T]) -> T:
    """The result of `change`, a whole transaction of its own, run again while it is a deadlock's victim.

    Inside a transaction there is nothing to try again: the victim is that transaction.

    Raises:
        OperationalError: another fault, or a deadlock after six tries.
    """
    for attempt in range(MOST_TRIES):
        try:
            return change()
        except OperationalError as error:
            is_deadlock = isinstance(error.__cause__, pg.DeadlockDetected)
            if not is_deadlock or connection.in_atomic_block or attempt + 1 == MOST_TRIES:
                raise
            time.sleep(FIRST_PAUSE_S * 2**attempt * random.uniform(0.5, 1.5))
    raise AssertionError("the loop returns or raises")
