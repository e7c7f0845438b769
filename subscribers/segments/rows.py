"""Evaluating rules over rows in memory, such as lines of a CSV file."""

import operator
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from .rules import NUMBER, ORDER, Group, Not, Op, Operand, Rule, Test, lowered, plain

_COMPARE: dict[Op, Callable[[Any, Any], bool]] = {
    Op.EQ: operator.eq,
    Op.IN: operator.eq,
    Op.GT: operator.gt,
    Op.GTE: operator.ge,
    Op.LT: operator.lt,
    Op.LTE: operator.le,
}


def matches(rule: Rule, row: Mapping[str, Any]) -> bool:
    """Whether the row fits.

    Args:
        row: column name -> value. `attribs.a.b` walks into nested objects when no column has that whole
            name; `lists` holds list id -> subscription status.
    """
    match rule:
        case Group():
            check = all if rule.all else any
            return check(matches(each, row) for each in rule.rules)
        case Not():
            return not matches(rule.rule, row)
        case Test():
            return _test(rule, row)


def _test(test: Test, row: Mapping[str, Any]) -> bool:
    if test.op is Op.NE:
        return not _test(replace(test, op=Op.EQ), row)
    values = _values(row, test.field)
    if test.op is Op.EXISTS:
        return any(_text(value) not in (None, "") for value in values) == test.wanted
    return any(_holds(test.op, value, operand) for value in values for operand in test.operands)


def _values(row: Mapping[str, Any], field: str) -> list[Any]:
    if field.partition(".")[0] == "lists" and isinstance(row.get("lists"), Mapping):
        return _lists(row["lists"], field.partition(".")[2])
    value: Any = row
    if field in row:
        value = row[field]
    else:
        for key in field.split("."):
            value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, list) else [value]


def _lists(statuses: Mapping[int, str], wanted: str) -> list[int]:
    if wanted:
        return [pk for pk, status in statuses.items() if status == wanted]
    return [pk for pk, status in statuses.items() if status != "unsubscribed"]


def _holds(op: Op, value: Any, operand: Operand) -> bool:
    if isinstance(operand, datetime):
        return isinstance(value, datetime) and _COMPARE[op](value, operand)
    if isinstance(operand, Decimal):
        number = _number(value)
        return number is not None and _COMPARE[op](number, operand)
    text = _text(value)
    if text is None:
        return False
    if op is Op.CONTAINS:
        return operand in text
    if op is Op.STARTS_WITH:
        return text.startswith(operand)
    if op is Op.ENDS_WITH:
        return text.endswith(operand)
    if op in ORDER:
        return _COMPARE[op](text.encode(), operand.encode())
    return text == operand


def _text(value: Any) -> str | None:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float() | Decimal():
            return plain(Decimal(str(value)))
        case str():
            return lowered(value)
        case datetime():
            return value.isoformat()
    return None


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float, Decimal)):
        return Decimal(str(value))
    if isinstance(value, str) and NUMBER.match(value):
        return Decimal(value)
    return None
