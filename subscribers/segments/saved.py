"""Segments that are kept: writing them, finding them, and what uses them.

A segment may decide who gets a campaign, which this app knows nothing about: apps above say what uses a
segment (`register_use`), and a segment in use is not deleted.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction

from listmonk_py.api.errors import Conflict, DomainError, Forbidden, NotFound

from ..models import Segment
from . import sql
from .rules import Rule, canonical, parse, tests_of

if TYPE_CHECKING:
    from listmonk_py.accounts.models import User

LONGEST_NAME = 200
LONGEST_DESCRIPTION = 2000


@dataclass(frozen=True, slots=True)
class Use:
    """What a higher app does with segments.

    Attributes:
        users: what needs this segment, in words such as `the campaign “May news”`, as the user may know it.
        renamed: told when a segment has a new name.
        released: told when a segment that nothing needs is about to be deleted, to let go of its row.
    """

    users: Callable[[Segment, "User"], list[str]]
    renamed: Callable[[Segment], None]
    released: Callable[[Segment], None]


_uses: list[Use] = []


def register_use(use: Use) -> None:
    """Called by higher apps in AppConfig.ready()."""
    _uses.append(use)


def readable(segment_id: int, user: "User") -> Segment:
    """The segment, when the user may use segments.

    Raises:
        NotFound: there is none, or none for this user.
    """
    found = Segment.objects.visible_to(user).filter(pk=segment_id).first()
    if found is None:
        raise NotFound("Segment not found")
    return found


def manageable(segment_id: int, user: "User") -> Segment:
    """The segment, when the user may change it.

    Raises:
        NotFound: there is none.
        Forbidden: it is somebody else's, and the user's view is limited to some lists.
    """
    found = readable(segment_id, user)
    if not Segment.objects.manageable_by(user).filter(pk=found.pk).exists():
        raise Forbidden(
            "Permission denied: with access to some lists only, you may change your own segments."
        )
    return found


def rule_of(segment: Segment) -> Rule:
    return parse(segment.rule)


def lists_in(rule: Rule) -> set[int]:
    """Ids of the lists that the rule asks about."""
    return {
        int(operand)
        for test in tests_of(rule)
        if test.field.partition(".")[0] == "lists"
        for operand in test.operands
        if isinstance(operand, Decimal)
    }


def checked(tree: Any) -> dict[str, Any]:
    """The tree in the form that is stored.

    Raises:
        BadRule: it means nothing, or names a field that does not exist.
    """
    kept = canonical(tree)
    sql.to_sql(parse(kept))
    return kept


def create(values: Mapping[str, Any], user: "User") -> Segment:
    """A new segment of the user's.

    Args:
        values: `name`, `rule` (a tree), `description`.

    Raises:
        DomainError: the name is blank or too long, or the rule is wrong.
        Conflict: another segment has the name.
    """
    made = Segment(owner=user if user.pk else None)
    _apply(made, {"name": None, "rule": None, **values})
    _save(made)
    made.refresh_from_db(fields=("created_at",))
    return made


@transaction.atomic
def update(segment: Segment, values: Mapping[str, Any]) -> Segment:
    """Change what `values` has. Campaigns that have started go on with the rule they started with.

    Raises:
        as `create`.
    """
    changed = Segment.objects.select_for_update(no_key=True).get(pk=segment.pk)
    before = changed.name
    _apply(changed, values)
    _save(changed)
    if changed.name != before:
        for use in _uses:
            use.renamed(changed)
    return changed


@transaction.atomic
def delete(segment_id: int, user: "User") -> None:
    """Delete a segment; the people stay.

    Raises:
        NotFound, Forbidden: as `manageable`.
        DomainError: something uses it; the message says what.
    """
    manageable(segment_id, user)
    # Against somebody who chooses it for a campaign at this moment, and holds the row for that.
    segment = Segment.objects.select_for_update().filter(pk=segment_id).first()
    if segment is None:
        return
    users = [name for use in _uses for name in use.users(segment, user)]
    if users:
        shown = ", ".join(users[:3]) + (f" and {len(users) - 3} more" if len(users) > 3 else "")
        raise DomainError(
            f"The segment “{segment.name}” is used by {shown}. Choose another segment there first."
        )
    for use in _uses:
        use.released(segment)
    segment.delete()


def _apply(segment: Segment, values: Mapping[str, Any]) -> None:
    if "name" in values:
        segment.name = _checked_name(values["name"])
    if "rule" in values:
        segment.rule = checked(values["rule"])
    if values.get("description") is not None:
        segment.description = values["description"]


def _checked_name(name: str | None) -> str:
    name = (name or "").strip()
    if not name or len(name) > LONGEST_NAME:
        raise DomainError(f"name: a segment needs a name of 1 to {LONGEST_NAME} characters.", field="name")
    return name


def _save(segment: Segment) -> None:
    try:
        with transaction.atomic():
            segment.save()
    except IntegrityError as error:
        if "segment_name_is_unique" in str(error):
            raise Conflict(f"There is a segment “{segment.name}” already.", field="name") from None
        raise


def shape(segment: Segment) -> dict[str, Any]:
    """A segment as the REST API shows it."""
    return {
        "id": segment.pk,
        "uuid": segment.uuid,
        "created_at": segment.created_at,
        "updated_at": segment.updated_at,
        "name": segment.name,
        "description": segment.description,
        "rule": segment.rule,
        "owner_id": segment.owner_id,
    }
