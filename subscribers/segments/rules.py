"""The rule tree: reading it from JSON, and refusing what it cannot mean."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from listmonk_py.api.errors import DomainError
from listmonk_py.api.times import in_utc

DEEPEST = 20
MOST_RULES = 500
LONGEST_TEXT = 2000

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
    """A comparison of one field. `operands` has one entry, but for IN; for EXISTS it is empty."""

    op: Op
    field: str
    operands: tuple[Operand, ...]
    wanted: bool = True


@dataclass(frozen=True, slots=True)
class Group:
    """`all` or `any` of the rules; without rules `all` holds and `any` does not."""

    all: bool
    rules: tuple["Rule", ...]


@dataclass(frozen=True, slots=True)
class Not:
    rule: "Rule"


Rule = Test | Group | Not


class BadRule(DomainError):
    """The tree is wrong; the message says where."""


def parse(tree: Any) -> Rule:
    """The rule in a JSON value. Keys and operators may have any case.

    Raises:
        BadRule: it is no rule; the message names the place, as in `rules[2]`.
    """
    counter = [0]
    return _parse(tree, "rule", 0, counter)


def _parse(tree: Any, place: str, depth: int, counter: list[int]) -> Rule:
    counter[0] += 1
    if depth > DEEPEST or counter[0] > MOST_RULES:
        raise BadRule(f"{place}: at most {MOST_RULES} rules, {DEEPEST} deep.")
    if not isinstance(tree, Mapping):
        raise BadRule(f"{place}: expected an object with op.")
    node = {str(key).lower(): value for key, value in tree.items()}
    op = str(node.get("op", "")).upper()
    if op in ("AND", "OR", "NOT"):
        return _parse_group(op, node.get("rules"), place, depth, counter)
    if op not in Op.__members__:
        raise BadRule(f"{place}: unknown op `{op}`. Use AND, OR, NOT, {', '.join(Op)}.")
    field = node.get("field")
    if not isinstance(field, str) or not field.strip() or "\0" in field:
        raise BadRule(f"{place}: field is missing.")
    return _parse_test(Op(op), field.strip(), node.get("value"), place)


def _parse_group(op: str, rules: Any, place: str, depth: int, counter: list[int]) -> Rule:
    if not isinstance(rules, list):
        raise BadRule(f"{place}: {op} needs rules, an array.")
    parsed = tuple(_parse(rule, f"rules[{n}]", depth + 1, counter) for n, rule in enumerate(rules))
    return Not(Group(True, parsed)) if op == "NOT" else Group(op == "AND", parsed)


def _parse_test(op: Op, field: str, value: Any, place: str) -> Test:
    if op is Op.EXISTS:
        if value not in (None, True, False):
            raise BadRule(f"{place}: EXISTS takes true or false.")
        return Test(op, field, (), wanted=value is not False)
    values = value if op is Op.IN else [value]
    if not isinstance(values, list) or len(values) > MOST_RULES:
        raise BadRule(f"{place}: IN needs an array of at most {MOST_RULES} values.")
    return Test(op, field, tuple(_operand(op, field, each, place) for each in values))


def _operand(op: Op, field: str, value: Any, place: str) -> Operand:
    if field in ("created_at", "updated_at"):
        return _moment(op, value, place)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float, Decimal)):
        number = Decimal(str(value))
        if not number.is_finite() or abs(number.adjusted()) > 300:
            raise BadRule(f"{place}: {value} is too large a number.")
        return plain(number) if op in TEXT_ONLY else number
    if not isinstance(value, str) or len(value) > LONGEST_TEXT or "\0" in value:
        raise BadRule(f"{place}: {op} needs a text of at most {LONGEST_TEXT} characters, or a number.")
    return lowered(value)


def _moment(op: Op, value: Any, place: str) -> datetime:
    if op in TEXT_ONLY or op is Op.IN:
        raise BadRule(f"{place}: {op} does not work on times. Use GT, GTE, LT, LTE.")
    try:
        return in_utc(datetime.fromisoformat(value))
    except (TypeError, ValueError):
        raise BadRule(f"{place}: expected a time such as 2026-11-23T15:00:00Z.") from None


def lowered(text: str) -> str:
    """`text` with ASCII letters in lower case, as PostgreSQL's lower() does under the collation C."""
    return text.translate(_UPPER_TO_LOWER)


def plain(number: Decimal) -> str:
    """Decimal notation without exponent and needless zeros."""
    text = format(number, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text
