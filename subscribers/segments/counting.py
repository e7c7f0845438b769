"""How many people are in a segment: counted when that is quick, else estimated from a sample."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connection
from django.db.models.expressions import RawSQL

from .. import counts, finding, raw_conditions
from ..models import Subscriber
from . import sql
from .rules import Rule

if TYPE_CHECKING:
    from listmonk_py.accounts.models import User

COUNT_WITHIN_S = 2.0
SAMPLE_WITHIN_S = 5.0
# People in a sample of a table that is too large to count: one per cent of them is known to about a tenth.
SAMPLE = 20_000

TAKE_SAMPLE = "SELECT id FROM subscribers_subscriber TABLESAMPLE SYSTEM (%s)"


@dataclass(frozen=True, slots=True)
class Size:
    """A number of people. `is_exact` is False where it was estimated."""

    number: int
    is_exact: bool


def count(rule: Rule, user: "User") -> Size:
    """How many people who the user may see fit `rule` now. Takes seconds at most, on any number of people.

    Raises:
        BadRule: there is no such field.
        DomainError: not even a sample could be read in time.
    """
    asked = finding.Asked(segment=rule)
    try:
        with raw_conditions.reading(time_limit_s=COUNT_WITHIN_S):
            return Size(finding.people(asked, user).count(), is_exact=True)
    except raw_conditions.TookTooLong:
        return Size(estimate(rule, user), is_exact=False)


def estimate(rule: Rule, user: "User") -> int:
    """About how many, from some blocks of the table taken at random.

    Raises:
        as `count`.
    """
    everybody = counts.people()
    per_cent = min(100.0, 100 * SAMPLE / max(1, everybody))
    with raw_conditions.reading(time_limit_s=SAMPLE_WITHIN_S):
        with connection.cursor() as cursor:
            cursor.execute(TAKE_SAMPLE, [per_cent])
            sample = [pk for (pk,) in cursor.fetchall()]
        taken = RawSQL("SELECT unnest(%s::bigint[])", (sample,))
        fits = sql.condition(rule, readable=user.readable_list_ids(), few=True)
        found = Subscriber.objects.visible_to(user).filter(pk__in=taken).filter(fits).count()
    return round(found * everybody / len(sample)) if sample else 0
