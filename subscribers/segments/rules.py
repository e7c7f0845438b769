"""The rule tree: reading it from JSON, and refusing what it cannot mean."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from listmonk_py.api.errors import DomainError
from listmonk_py.api.times import in_utc

DEEPEST = 20
MOST_RULES = 500
LONGEST_TEXT = 2000
# What the tree itself is called in messages; its rules are rules[0], rules[0].rules[2], and so on.
ROOT = "rule"

NUMBER = re.compile(r"-?[0-9]{1,30}([.][0-9]{1,30})?\Z")
_UPPER_TO_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


class Op(StrEnum):
    EQ = "EQ"
    NE = "NE"
    GT = "GT"
    GTE = "GTE"
    LT = "LT"
    LTE = "LTE"
    CONTAINS = "CONTAINS"
    STARTS_WITH = "STARTS_WITH"
    ENDS_WITH = "ENDS_WITH"
    IN = "IN"
    EXISTS = "EXISTS"


ORDER = frozenset({Op.GT, Op.GTE, Op.LT, Op.LTE})
TEXT_ONLY = frozenset({Op.CONTAINS, Op.STARTS_WITH, Op.ENDS_WITH})

# What a rule compares with: a lower-cased text, a number, or a time.
Operand = str | Decimal | datetime


@dataclass(frozen=True, slots=True)
class Test:
    """A comparison of one field. `operands` has one entry, but for IN; for EXISTS it is empty.

    `place` is where it stands in the tree, as `parse` names it; it makes no difference between two tests.
    """

    op: Op
    field: str
    operands: tuple[Operand, ...]
    wanted: bool = True
    place: str = dataclass_field(default=ROOT, compare=False)


@dataclass(frozen=True, slots=True)
class Group:
    """`all` or `any` of the rules; without rules `all` holds and `any` does not."""

    all: bool
    rules: tuple["Rule", ...]


@dataclass(frozen=True, slots=True)
class Not:
    rule: "Rule"


Rule = Test | Group | Not


def both(one: Rule | None, other: Rule | None) -> Rule | None:
    """A rule that holds where both do; None when neither is given."""
    given = tuple(rule for rule in (one, other) if rule is not None)
    return Group(True, given) if given else None


def tests_of(rule: Rule) -> Iterator[Test]:
    """Every comparison in the tree."""
    match rule:
        case Group():
            for each in rule.rules:
                yield from tests_of(each)
        case Not():
            yield from tests_of(rule.rule)
        case Test():
            yield rule


class BadRule(DomainError):
    """The tree is wrong; the message begins with the place, which `extra["place"]` has as well."""

    def __init__(self, place: str, message: str) -> None:
        super().__init__(f"{place}: {message}", place=place)


def parse(tree: Any) -> Rule:
    """The rule in a JSON value. Keys and operators may have any case.

    Raises:
        BadRule: it is no rule; the message names the place, as in `rules[2].rules[0]`.
    """
    counter = [0]
    return _parse(tree, ROOT, 0, counter)


def _parse(tree: Any, place: str, depth: int, counter: list[int]) -> Rule:
    counter[0] += 1
    if depth > DEEPEST or counter[0] > MOST_RULES:
        raise BadRule(place, f"at most {MOST_RULES} rules, {DEEPEST} deep.")
    if not isinstance(tree, Mapping):
        raise BadRule(place, "expected an object with op.")
    node = {str(key).lower(): value for key, value in tree.items()}
    op = str(node.get("op", "")).upper()
    if op in ("AND", "OR", "NOT"):
        return _parse_group(op, node.get("rules"), place, depth, counter)
    if op not in Op.__members__:
        raise BadRule(place, f"unknown op `{op}`. Use AND, OR, NOT, {', '.join(Op)}.")
    field = node.get("field")
    if not isinstance(field, str) or not field.strip() or "\0" in field:
        raise BadRule(place, "field is missing.")
    return _parse_test(Op(op), field.strip(), node.get("value"), place)


def _parse_group(op: str, rules: Any, place: str, depth: int, counter: list[int]) -> Rule:
    if not isinstance(rules, list):
        raise BadRule(place, f"{op} needs rules, an array.")
    parsed = tuple(_parse(rule, at, depth + 1, counter) for rule, at in _numbered(rules, place))
    return Not(Group(True, parsed)) if op == "NOT" else Group(op == "AND", parsed)


def _parse_test(op: Op, field: str, value: Any, place: str) -> Test:
    if op is Op.EXISTS:
        if value is not None and not isinstance(value, bool):
            raise BadRule(place, "EXISTS takes true or false.")
        return Test(op, field, (), wanted=value is not False, place=place)
    values = value if op is Op.IN else [value]
    if not isinstance(values, list) or len(values) > MOST_RULES:
        raise BadRule(place, f"IN needs an array of at most {MOST_RULES} values.")
    operands = tuple(_operand(op, field, each, place) for each in values)
    return Test(op, field, operands, place=place)


def _operand(op: Op, field: str, value: Any, place: str) -> Operand:
    if field in ("created_at", "updated_at"):
        return _moment(op, value, place)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float, Decimal)):
        number = Decimal(str(value))
        if not number.is_finite() or abs(number.adjusted()) > 300:
            raise BadRule(place, f"{value} is too large a number.")
        return plain(number) if op in TEXT_ONLY else number
    if not isinstance(value, str) or len(value) > LONGEST_TEXT or "\0" in value:
        raise BadRule(place, f"{op} needs a text of at most {LONGEST_TEXT} characters, or a number.")
    return lowered(value)


def _moment(op: Op, value: Any, place: str) -> datetime:
    if op in TEXT_ONLY or op is Op.IN:
        raise BadRule(place, f"{op} does not work on times. Use GT, GTE, LT, LTE.")
    try:
        return in_utc(datetime.fromisoformat(value))
    except (TypeError, ValueError):
        raise BadRule(place, "expected a time such as 2026-11-23T15:00:00Z.") from None


def canonical(tree: Any) -> dict[str, Any]:
    """The tree of a segment that is kept: checked, keys and operators in one case, nothing else in it.

    A group without rules holds for everybody or for nobody, which is hardly meant by who keeps it, so it
    is refused here.

    Raises:
        BadRule: as `parse`, or a group has no rules.
    """
    parse(tree)
    return _canonical(tree, ROOT)


def _canonical(tree: Mapping[Any, Any], place: str) -> dict[str, Any]:
    node = {str(key).lower(): value for key, value in tree.items()}
    op = str(node["op"]).upper()
    if op not in Op.__members__:
        if not node["rules"]:
            raise BadRule(place, "this group has no rules. Add one, or take the group away.")
        return {"op": op, "rules": [_canonical(rule, at) for rule, at in _numbered(node["rules"], place)]}
    kept: dict[str, Any] = {"op": op, "field": node["field"].strip()}
    if op != Op.EXISTS or node.get("value") is False:
        kept["value"] = node.get("value")
    return kept


def _numbered(rules: list[Any], place: str) -> Iterator[tuple[Any, str]]:
    """Each rule of a group, and its place."""
    inside = "" if place == ROOT else f"{place}."
    for number, rule in enumerate(rules):
        yield rule, f"{inside}rules[{number}]"


def lowered(text: str) -> str:
    """`text` with ASCII letters in lower case, as PostgreSQL's lower() does under the collation C."""
    return text.translate(_UPPER_TO_LOWER)


def plain(number: Decimal) -> str:
    """Decimal notation without exponent and needless zeros."""
    text = format(number, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text
