"""Finding people from a search box: exact and by beginnings, each answered by an index on any number of rows."""

from typing import Any

from django.db.models import F, QuerySet
from django.db.models.functions import Left, Lower

from listmonk_py.accounts.admin_base import uuid_in

from .models import NAME_ORDER_CHARACTERS, Subscriber

MOST_FOUND = 500
LAST_CHARACTER = "\U0010ffff"


def found_by(text: str) -> tuple["QuerySet[Subscriber] | None", bool]:
    """People whose address or name begins with `text`, or whose UUID or number it is; None for a blank text.

    At most MOST_FOUND of each kind are looked at, and True says that there may be more: the ids are read
    first, so that the page's order (newest first) never makes PostgreSQL walk the table in search of a rare
    beginning.
    """
    text = text.strip().replace("\0", "")
    if not text:
        return None, False
    identifier = uuid_in(text)
    if identifier is not None:
        return Subscriber.objects.filter(uuid=identifier), False
    by_email = list(_beginning(Lower("email"), text.lower()))
    by_name = list(
        _beginning(Left(Lower("name"), NAME_ORDER_CHARACTERS), text.lower()[:NAME_ORDER_CHARACTERS])
    )
    ids = {*by_email, *by_name}
    if text.isdigit() and len(text) < 19:
        ids.add(int(text))
    return Subscriber.objects.filter(pk__in=ids), MOST_FOUND in (len(by_email), len(by_name))


def _beginning(indexed: Any, text: str) -> "QuerySet[Any]":
    """Ids of rows whose indexed expression begins with `text`: a range that the index is read along."""
    rows = Subscriber.objects.annotate(key=indexed).filter(key__gte=text, key__lte=text + LAST_CHARACTER)
    return rows.filter(key__startswith=text).order_by(F("key"))[:MOST_FOUND].values_list("pk", flat=True)
