"""Rules as a condition on the table of subscribers; every value is a parameter."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import BooleanField
from django.db.models.expressions import RawSQL

from ..models import Subscription
from .rules import BadRule, Group, Not, Op, Operand, Rule, Test

Sql = tuple[str, list[Any]]

TABLE = "subscribers_subscriber"
TEXT_COLUMNS = frozenset({"email", "name", "status", "uuid"})
TIME_COLUMNS = frozenset({"created_at", "updated_at"})


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a rule is evaluated.

    Attributes:
        alias: what the table of subscribers is called in the statement.
        readable: ids of the lists that the asking user may read; None means all.
        few: the statement looks at some thousands of people only, out of any number. A list is then asked
            about each of them; PostgreSQL would else read everybody who is on it first (`OFFSET 0` keeps
            it from that).
    """

    alias: str = TABLE
    readable: frozenset[int] | None = None
    few: bool = False


EVERYTHING = Scope()

# Fields of higher apps (opens, clicks, campaigns): name -> a function of the test and the scope.
Extension = Callable[[Test, Scope], Sql]
_extensions: dict[str, Extension] = {}

_SIGNS = {Op.EQ: "=", Op.IN: "=", Op.GT: ">", Op.GTE: ">=", Op.LT: "<", Op.LTE: "<="}
# A CASE decides before it computes, so a text that is no number is never cast.
_NUMBER = "CASE WHEN {text} ~ '^-?[0-9]{{1,30}}([.][0-9]{{1,30}})?$' THEN ({text})::numeric END"

# One row per value of an attribute: the entries of an array, or the value itself.
_ENTRIES = """
    SELECT 1 FROM jsonb_array_elements(
        CASE jsonb_typeof({path}) WHEN 'array' THEN {path} ELSE jsonb_build_array({path}) END) AS entry (json)
     CROSS JOIN LATERAL (SELECT entry.json #>> '{{}}' AS raw, jsonb_typeof(entry.json) AS kind) AS cell
     WHERE {test}
"""
_JSON_TEXT = """
    CASE cell.kind WHEN 'string' THEN lower(cell.raw COLLATE "C") WHEN 'boolean' THEN cell.raw
                   WHEN 'number' THEN trim_scale(cell.raw::numeric)::text END COLLATE "C"
"""
_JSON_NUMBER = """
    CASE WHEN cell.kind = 'number' THEN cell.raw::numeric
         WHEN cell.kind = 'string' AND cell.raw ~ '^-?[0-9]{1,30}([.][0-9]{1,30})?$' THEN cell.raw::numeric END
"""


def register(name: str, extension: Extension) -> None:
    """Add a field; called by higher apps in AppConfig.ready()."""
    _extensions[name] = extension


def condition(rule: Rule, *, readable: frozenset[int] | None = None, few: bool = False) -> RawSQL:
    """The rule to filter a queryset of subscribers by; lists that are not `readable` have nobody on them.

    Raises:
        BadRule: there is no such field, or the comparison makes no sense for it.
    """
    sql, parameters = to_sql(rule, Scope(readable=readable, few=few))
    return RawSQL(sql, tuple(parameters), output_field=BooleanField())  # noqa: S611 - values are parameters


def to_sql(rule: Rule, scope: Scope = EVERYTHING) -> Sql:
    """A boolean expression, never NULL, over the table of subscribers, and its parameters.

    Raises:
        BadRule: as `condition`.
    """
    match rule:
        case Group():
            return _group(rule, scope)
        case Not():
            sql, parameters = to_sql(rule.rule, scope)
            return f"NOT {sql}", parameters
        case Test():
            sql, parameters = _test(rule, scope)
            return f"coalesce(({sql}), false)", parameters


def _group(group: Group, scope: Scope) -> Sql:
    if not group.rules:
        return ("true" if group.all else "false"), []
    parts, parameters = [], []
    for rule in group.rules:
        sql, values = to_sql(rule, scope)
        parts.append(sql)
        parameters.extend(values)
    return f"({(' AND ' if group.all else ' OR ').join(parts)})", parameters


def _test(test: Test, scope: Scope) -> Sql:
    if test.op is Op.NE:
        sql, parameters = _test(replace(test, op=Op.EQ), scope)
        return f"NOT coalesce(({sql}), false)", parameters
    root, _, rest = test.field.partition(".")
    if test.field in _extensions:
        return _extensions[test.field](test, scope)
    if root == "lists":
        return _lists(test, rest, scope)
    if root == "attribs" and rest:
        return _attribute(test, rest.split("."), scope.alias)
    if test.field in TIME_COLUMNS:
        return _time(test, scope.alias)
    if test.field in TEXT_COLUMNS:
        return _column(test, scope.alias)
    raise BadRule(
        test.place,
        f"there is no field {test.field}. Use email, name, status, created_at, lists, attribs.<name>.",
    )


def _lists(test: Test, status: str, scope: Scope) -> Sql:
    if status and status not in Subscription.Status.values:
        raise BadRule(test.place, f"there is no subscription status {status}.")
    found = f"EXISTS (SELECT 1 FROM subscribers_subscription s WHERE s.subscriber_id = {scope.alias}.id"
    found += " AND s.status = %s" if status else " AND s.status <> 'unsubscribed'"
    parameters: list[Any] = [status] if status else []
    if scope.readable is not None:
        found += " AND s.list_id = ANY(%s)"
        parameters.append(sorted(scope.readable))
    end = " OFFSET 0)" if scope.few else ")"
    if test.op is Op.EXISTS:
        return f"{found}{end} = %s", [*parameters, test.wanted]
    if test.op not in (Op.EQ, Op.IN):
        raise BadRule(test.place, "lists can be compared with EQ, NE, IN and EXISTS.")
    ids = [int(one) for one in test.operands if isinstance(one, Decimal) and one == int(one)]
    if len(ids) != len(test.operands):
        raise BadRule(test.place, "lists are named by their ids, which are whole numbers.")
    return f"{found} AND s.list_id = ANY(%s){end}", [*parameters, [pk for pk in ids if 0 < pk < 2**63]]


def _time(test: Test, alias: str) -> Sql:
    if test.op is Op.EXISTS:
        return "%s", [test.wanted]
    moment = test.operands[0]
    assert isinstance(moment, datetime)
    return f"{alias}.{test.field} {_SIGNS[test.op]} %s", [moment]


def _column(test: Test, alias: str) -> Sql:
    text = f"{alias}.{test.field}::text"
    if test.op is Op.EXISTS:
        return f"({text} <> '') = %s", [test.wanted]
    return _any(test, f'(lower({text} COLLATE "C") COLLATE "C")', _NUMBER.format(text=text))


def _attribute(test: Test, path: list[str], alias: str) -> Sql:
    at = f"({alias}.attribs #> %s::text[])"
    if test.op is Op.EXISTS:
        entries = _ENTRIES.format(path=at, test=f"({_JSON_TEXT}) <> ''")
        return f"EXISTS ({entries}) = %s", [path, path, path, test.wanted]
    sql, parameters = _any(test, f"({_JSON_TEXT})", f"({_JSON_NUMBER})")
    return f"EXISTS ({_ENTRIES.format(path=at, test=sql)})", [path, path, path, *parameters]


def _any(test: Test, text: str, number: str) -> Sql:
    """The comparison for one of the operands, over the SQL for a value as text and as a number."""
    parts, parameters = [], []
    for operand in test.operands:
        sql, values = _compare(test.op, operand, text, number)
        parts.append(sql)
        parameters.extend(values)
    return f"({' OR '.join(parts)})" if parts else "false", parameters


def _compare(op: Op, operand: Operand, text: str, number: str) -> Sql:
    if isinstance(operand, Decimal):
        return f"{number} {_SIGNS[op]} %s::numeric", [operand]
    match op:
        case Op.CONTAINS:
            return f"strpos({text}, %s) > 0", [operand]
        case Op.STARTS_WITH:
            return f"starts_with({text}, %s)", [operand]
        case Op.ENDS_WITH:
            return f"right({text}, length(%s)) = %s", [operand, operand]
    return f"{text} {_SIGNS[op]} %s", [operand]
