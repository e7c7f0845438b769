"""What staff do with mailing lists: find, create, change, delete (contract 2.7, 3.4)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from listmonk_py.api.errors import DomainError, Forbidden, NotFound

from . import counts, tags
from .models import List

if TYPE_CHECKING:
    from listmonk_py.accounts.models import User

LONGEST_NAME = 2000
LONGEST_DESCRIPTION = 2000


@dataclass(frozen=True, slots=True)
class Filters:
    """Which lists are asked for; blank and empty mean any."""

    words: str = ""
    type: str = ""
    optin: str = ""
    status: str = ""
    tags: Collection[str] = field(default_factory=tuple)

    def apply(self, lists: QuerySet[List]) -> QuerySet[List]:
        """Narrow `lists`.

        Every word has to occur in the name, in any case and also as part of a word; a tag matches
        exactly, and several tags have to be there all.

        Raises:
            DomainError: a type, opt-in or status that does not exist.
        """
        for name, known in (("type", List.Type), ("optin", List.Optin), ("status", List.Status)):
            value = getattr(self, name)
            if value and value not in known.values:
                raise DomainError(f"Invalid {name}: use one of {', '.join(known.values)}.")
            if value:
                lists = lists.filter(**{name: value})
        for word in self.words.replace("\0", "").split():
            lists = lists.filter(Q(name__icontains=word))
        if self.tags:
            lists = lists.filter(tags__contains=list(self.tags))
        return lists


def readable(list_id: int, user: "User") -> List:
    """The list, when the user may read it.

    Raises:
        Forbidden: the user may not; the answer is the same when there is no such list.
        NotFound: there is none.
    """
    ids = user.readable_list_ids()
    return _get(list_id, allowed=ids)


def manageable(list_id: int, user: "User") -> List:
    """The list, when the user may change it.

    Raises:
        Forbidden, NotFound: as `readable`.
    """
    return _get(list_id, allowed=user.manageable_list_ids())


def _get(list_id: int, *, allowed: frozenset[int] | None) -> List:
    if allowed is not None and list_id not in allowed:
        raise Forbidden("permission denied")
    found = List.objects.filter(pk=list_id).first()
    if found is None:
        raise NotFound("List not found")
    return found


def create(values: Mapping[str, Any]) -> List:
    """A new list.

    Args:
        values: `name` (kept as typed, spaces included), and `type`, `optin`, `status`, `tags`,
            `description` when they differ from the defaults.

    Raises:
        DomainError: the name is blank or too long.
    """
    made = List(name=_checked_name(values))
    for name in ("type", "optin", "status", "description"):
        if values.get(name):
            setattr(made, name, values[name])
    made.tags = tags.normalised(values.get("tags") or ())
    made.save()
    made.refresh_from_db(fields=("created_at",))
    return made


@transaction.atomic
def update(changed: List, values: Mapping[str, Any]) -> List:
    """Change a list. Blank type, opt-in, status and description keep what is stored; tags are replaced.

    A new name also goes to the campaigns that carry the old one.

    Raises:
        DomainError: the name is blank or too long.
    """
    changed.name = _checked_name(values)
    for name in ("type", "optin", "status", "description"):
        if values.get(name):
            setattr(changed, name, values[name])
    changed.tags = tags.normalised(values.get("tags") or ())
    changed.save()
    changed.campaign_lists.exclude(list_name=changed.name).update(list_name=changed.name)  # type: ignore[attr-defined]
    return changed


def _checked_name(values: Mapping[str, Any]) -> str:
    name: str = values.get("name") or ""
    if not name.strip() or len(name) > LONGEST_NAME:
        raise DomainError("Invalid name", field="name")
    return name


def delete(list_ids: Collection[int], user: "User") -> None:
    """Delete lists with their subscriptions; people stay. Ids that do not exist are passed over.

    Raises:
        Forbidden: the user may not change one of them. Nothing was deleted.
    """
    allowed = user.manageable_list_ids()
    if allowed is not None and not allowed.issuperset(list_ids):
        raise Forbidden("permission denied")
    List.objects.filter(pk__in=list_ids).delete()


def delete_matching(filters: Filters, user: "User") -> None:
    """Delete the lists that match and that the user may change."""
    filters.apply(List.objects.manageable_by(user)).delete()


def touch(list_ids: Collection[int]) -> None:
    """Note that something happened to these lists, such as an import."""
    List.objects.filter(pk__in=list_ids).update(updated_at=Now())


def shape(one: List, statuses: Mapping[str, int] | None) -> dict[str, Any]:
    """A list as the REST API shows it.

    Args:
        statuses: its subscriptions by status; None for the minimal listing, which does not count.
    """
    return {
        "id": one.pk,
        "created_at": one.created_at,
        "updated_at": one.updated_at,
        "uuid": one.uuid,
        "name": one.name,
        "type": one.type,
        "optin": one.optin,
        "status": one.status,
        "tags": one.tags or [],
        "description": one.description,
        "subscriber_count": sum((statuses or {}).values()),
        "subscriber_statuses": statuses,
        "subscription_created_at": None,
        "subscription_updated_at": None,
    }


def shape_with_counts(one: List) -> dict[str, Any]:
    """A list as the REST API shows it, with its counts."""
    return shape(one, counts.of_lists([one.pk])[one.pk])
