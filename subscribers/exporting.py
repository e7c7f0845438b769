"""People as CSV, streamed in batches by ascending id with constant memory (contract 7.6)."""

import csv
import io
import zlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING, Any

import orjson

from . import bulk, finding, raw_conditions
from .models import Subscriber, Subscription

if TYPE_CHECKING:
    from listmonk_py.accounts.models import User

BATCH = 2_000
COLUMNS = ("uuid", "email", "name", "attributes", "status", "created_at", "updated_at")
GZIP = 16 + zlib.MAX_WBITS


def rows(asked: finding.Asked, user: "User", *, with_lists: bool = False) -> Iterator[bytes]:
    """The file in pieces: a header, then a few thousand rows at a time.

    The first batch is read at once, so that a search that cannot be carried out is an error rather than
    half a file.

    Args:
        with_lists: a column `lists` more, a JSON object of list names and subscription statuses (ours).

    Raises:
        as `finding.people`.
    """
    readable = user.readable_list_ids()
    batches = _by_condition(asked, user) if asked.condition.strip() else _by_id(asked, user)
    first = next(batches, [])
    header = _csv([(*COLUMNS, "lists") if with_lists else COLUMNS])
    texts = (_csv(_lines(batch, readable, with_lists)) for batch in chain([first], batches))
    return chain([header], texts)


def zipped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """`pieces` as one gzip stream (RFC 1952), each flushed, so that the download makes progress."""
    packer = zlib.compressobj(wbits=GZIP)
    for piece in pieces:
        packed = packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH)
        if packed:
            yield packed
    yield packer.flush()


def _by_id(asked: finding.Asked, user: "User") -> Iterator[list[Subscriber]]:
    """Batches by keyset: each is a short transaction, wherever it is and however slow the reader."""
    last = 0
    while True:
        with raw_conditions.reading(time_limit_s=raw_conditions.BULK_TIME_LIMIT_S):
            batch = list(finding.people(asked, user, above=last).order_by("pk")[:BATCH])
        if not batch:
            return
        yield batch
        last = batch[-1].pk


def _by_condition(asked: finding.Asked, user: "User") -> Iterator[list[Subscriber]]:
    """A condition may cost a pass over everybody, so it is evaluated once, to ids."""
    for chunk in bulk.chunks(finding.matching_ids(asked, user), BATCH):
        yield list(Subscriber.objects.filter(pk__in=chunk).order_by("pk"))


def _lines(
    people: list[Subscriber], readable: Collection[int] | None, with_lists: bool
) -> Iterator[tuple[Any, ...]]:
    lists = _lists(people, readable) if with_lists else {}
    for one in people:
        line = (
            one.uuid,
            one.email,
            one.name,
            orjson.dumps(one.attribs or {}).decode(),
            one.status,
            go_time(one.created_at),
            go_time(one.updated_at),
        )
        yield (*line, orjson.dumps(lists.get(one.pk, {})).decode()) if with_lists else line


def _lists(people: list[Subscriber], readable: Collection[int] | None) -> dict[int, dict[str, str]]:
    found: dict[int, dict[str, str]] = defaultdict(dict)
    subscriptions = Subscription.objects.filter(subscriber_id__in=[one.pk for one in people])
    if readable is not None:
        subscriptions = subscriptions.filter(list_id__in=readable)
    for pk, name, status in subscriptions.order_by("list_id").values_list(
        "subscriber_id", "list__name", "status"
    ):
        found[pk][name] = status
    return found


def _csv(lines: Iterable[Iterable[Any]]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(lines)
    return out.getvalue().encode()


def go_time(moment: datetime) -> str:
    """A time as Go prints it: `2026-11-22 02:58:44.33284 +0000 UTC`."""
    utc = moment.astimezone(UTC)
    fraction = f".{utc.microsecond:06}".rstrip("0") if utc.microsecond else ""
    return f"{utc:%Y-%m-%d %H:%M:%S}{fraction} +0000 UTC"
