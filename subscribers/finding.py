"""Whom a search, a condition or a list filter finds, and pages of them (contract 3.1, 3.5, 10.4).

A page costs the same wherever it is: listings are ordered by indexed expressions, `cursor` continues
after a row instead of counting past it, and totals that need no filter come from `counts`.
"""

import base64
import binascii
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson
from django.db import connection
from django.db.models import BooleanField, Exists, F, Func, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Left, Lower

from listmonk_py.api.errors import DomainError, Forbidden
from listmonk_py.api.times import in_utc

from . import counts, raw_conditions
from .models import NAME_ORDER_CHARACTERS, Subscriber, Subscription, SubscriptionQuerySet
from .segments import sql as segments
from .segments.rules import Rule

if TYPE_CHECKING:
    from listmonk_py.accounts.models import User

# People in one answer; each takes about 5 kB until it is sent.
MOST_AT_ONCE = 50_000

# Characters that mean something in a POSIX regular expression.
REGEX_CHARACTERS = frozenset(r".^$*+?()[]{}|\\")

# API name -> the indexed expression that orders by it. Addresses are stored in lower case.
ORDERS: dict[str, Any] = {
    "id": F("pk"),
    "email": Lower("email"),
    "name": Left(Lower("name"), NAME_ORDER_CHARACTERS),
    "status": F("status"),
    "created_at": F("created_at"),
    "updated_at": F("updated_at"),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """Which people. Everything given has to hold; of several lists one is enough.

    Attributes:
        search: a POSIX regular expression, in any case, found in the name or the address.
        condition: a raw SQL condition; needs subscribers:sql_query.
        list_ids: on one of these lists.
        subscription_status: that subscription's status; without lists it has no effect.
        ids: one of these people.
        segment: a rule over their fields, attributes and lists; see `segments`.
    """

    search: str = ""
    condition: str = ""
    list_ids: Sequence[int] = ()
    subscription_status: str = ""
    ids: Sequence[int] = field(default_factory=tuple)
    segment: Rule | None = None

    @property
    def is_everybody(self) -> bool:
        return not (self.list_ids or self.is_narrowed)

    @property
    def is_narrowed(self) -> bool:
        """Whether more than lists decides."""
        return bool(self.search.strip() or self.condition.strip() or self.ids or self.segment)


def people(
    asked: Asked, user: "User", *, manage: bool = False, above: int = 0, below: int = 0
) -> QuerySet[Subscriber]:
    """Everybody whom `asked` describes and `user` may see, or with `manage` may change.

    Lists that the user may not read count as lists that nobody is on. Only ids between `above` and
    `below` (0: no bound).
    Evaluate the queryset inside `raw_conditions.reading()`, which bounds the time of searches.

    Raises:
        Forbidden: a condition without the permission for it.
        DomainError: a condition that is refused, or an unknown subscription status.
    """
    if asked.subscription_status and asked.subscription_status not in Subscription.Status.values:
        raise DomainError(f"Invalid subscription_status: use one of {', '.join(Subscription.Status.values)}.")
    reach = Subscriber.objects.manageable_by if manage else Subscriber.objects.visible_to
    rows = reach(user, above=above, below=below)
    subscriptions = _subscriptions(asked, user).between(above, below).filter(subscriber=OuterRef("pk"))
    if asked.list_ids:
        rows = rows.filter(Exists(subscriptions))
    if asked.ids:
        rows = rows.filter(pk__in=asked.ids)
    if asked.search.strip():
        rows = rows.filter(_matches(asked.search.strip()))
    if asked.segment is not None:
        rows = rows.filter(segments.condition(asked.segment, readable=user.readable_list_ids()))
    if asked.condition.strip():
        if not user.may("subscribers:sql_query"):
            raise Forbidden("Permission denied: subscribers:sql_query")
        rows = rows.filter(pk__in=raw_conditions.ids(asked.condition, readable=user.readable_list_ids()))
    return rows


def _subscriptions(asked: Asked, user: "User") -> SubscriptionQuerySet:
    rows = Subscription.objects.visible_to(user).filter(list_id__in=asked.list_ids)
    return rows.filter(status=asked.subscription_status) if asked.subscription_status else rows


def _matches(text: str) -> Q:
    """A text without special characters is looked for as it is, which costs half of a regex."""
    if "\0" in text:
        raise DomainError("The search holds a NUL character.")
    how = "iregex" if REGEX_CHARACTERS.intersection(text) else "icontains"
    return Q(**{f"email__{how}": text}) | Q(**{f"name__{how}": text})


def matching_ids(asked: Asked, user: "User", *, manage: bool = False) -> "array[int]":
    """The ids of everybody whom `asked` describes, ascending; eight bytes each.

    Raises:
        as `people`, and DomainError: it took too long.
    """
    found = array("q")
    with raw_conditions.reading(time_limit_s=raw_conditions.BULK_TIME_LIMIT_S):
        rows = people(asked, user, manage=manage).order_by("pk").values_list("pk", flat=True)
        sql, parameters = rows.query.sql_with_params()
        # COPY: a plain SELECT would gather ten million rows in the client before handing over the first.
        with connection.cursor() as cursor, connection.wrap_database_errors:
            with cursor.copy(f"COPY ({sql}) TO STDOUT", parameters) as copy:
                for block in copy:
                    found.extend(map(int, bytes(block).split()))
    return found


def total(asked: Asked, user: "User", rows: QuerySet[Subscriber]) -> int:
    """How many people `rows` are; from the kept counts where those answer it."""
    if user.readable_list_ids() is None:
        if asked.is_everybody:
            return counts.people()
        if len(asked.list_ids) == 1 and not asked.is_narrowed:
            return counts.on_list(asked.list_ids[0], asked.subscription_status)
    return rows.count()


def check_size(number: int) -> None:
    """
    Raises:
        DomainError: a page of so many people would not fit into a web process.
    """
    if number > MOST_AT_ONCE:
        raise DomainError(
            f"More than {MOST_AT_ONCE:,} subscribers on one page. Use cursor= for page after page, or the export."
        )


@dataclass(frozen=True, slots=True)
class Order:
    """A listing's order: an API name of ORDERS, and the direction. The id decides between equals."""

    name: str = "id"
    ascending: bool = False

    def apply(self, rows: QuerySet[Subscriber]) -> QuerySet[Subscriber]:
        keys = [ORDERS["id"]] if self.name == "id" else [ORDERS[self.name], ORDERS["id"]]
        return rows.order_by(*(key.asc() if self.ascending else key.desc() for key in keys))


class _After(Func):
    """`(a, b) > (c, d)`: rows after one in an index on (a, b). Written with OR it would scan the index."""

    output_field = BooleanField()
    conditional = True

    def as_sql(self, compiler: Any, connection: Any, **extra: Any) -> Any:  # type: ignore[override]
        parts, parameters = [], []
        for expression in self.source_expressions:
            sql, values = compiler.compile(expression)
            parts.append(sql)
            parameters.extend(values)
        half = len(parts) // 2
        sign = self.extra["sign"]
        return f"({', '.join(parts[:half])}) {sign} ({', '.join(parts[half:])})", parameters


def after(
    asked: Asked, user: "User", order: Order, cursor: str, number: int
) -> tuple[list[Subscriber], str | None]:
    """The next `number` people after `cursor` (blank: from the start), and the cursor of the page after.

    Raises:
        as `people`, and DomainError: the cursor is not one of ours, or belongs to another order.
    """
    found = list(continued(asked, user, order, cursor)[: number + 1])
    if len(found) <= number:
        return found, None
    return found[:number], _write_cursor(found[number - 1], order)


def continued(asked: Asked, user: "User", order: Order, cursor: str) -> QuerySet[Subscriber]:
    """Everybody who comes after `cursor` in this order.

    Raises:
        as `after`.
    """
    if not cursor:
        return order.apply(people(asked, user))
    value, pk = _read_cursor(cursor, order)
    if order.name == "id":
        above, below = (pk, 0) if order.ascending else (0, pk)
        return order.apply(people(asked, user, above=above, below=below))
    sign = ">" if order.ascending else "<"
    rows = people(asked, user).filter(
        _After(ORDERS[order.name], ORDERS["id"], Value(value), Value(pk), sign=sign)
    )
    return order.apply(rows)


def _write_cursor(last: Subscriber, order: Order) -> str:
    values: dict[str, Any] = {
        "id": None,
        "email": last.email.lower(),
        "name": last.name.lower()[:NAME_ORDER_CHARACTERS],
        "status": last.status,
        "created_at": last.created_at,
        "updated_at": last.updated_at,
    }
    packed = orjson.dumps([order.name, order.ascending, values[order.name], last.pk])
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def _read_cursor(cursor: str, order: Order) -> tuple[Any, int]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        name, ascending, value, pk = orjson.loads(base64.urlsafe_b64decode(padded))
        if name.endswith("_at"):
            value = in_utc(datetime.fromisoformat(value))
    except (binascii.Error, ValueError, TypeError, AttributeError):
        raise DomainError("The cursor is not valid. Start again without one.") from None
    if (name, ascending) != (order.name, order.ascending) or not isinstance(pk, int):
        raise DomainError("The cursor belongs to another order. Start again without one.")
    return value, pk
