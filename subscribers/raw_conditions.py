"""listmonk's raw SQL conditions: `subscribers.email ILIKE '%@example.com' AND EXISTS (SELECT ...)`.

A condition is an expression over the table `subscribers`; sub-selects may read `lists`,
`subscriber_lists`, `campaigns`, `campaign_lists`, `campaign_views`, `links`, `link_clicks` and
`bounces`, with listmonk's column names and text values (contract 1.2, 3.5). These names are common
table expressions around the condition, so they follow our tables without views to maintain, and for
a user who may read some lists only they hold just those lists and their campaigns.

What a condition may not do is decided three times over: `check_text` reads its tokens (no second
statement, no comment, no schema, only listed functions), `EXPLAIN` shows which tables it would read,
and it runs in a read-only transaction with a time limit.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import DatabaseError, DataError, OperationalError, ProgrammingError, connection, transaction
from django.db.models.expressions import RawSQL
from psycopg import errors as pg

from listmonk_py.api.errors import DomainError, Unavailable

from .condition_tokens import check_text

TIME_LIMIT_S = 20
BULK_TIME_LIMIT_S = 300

# Why NOT MATERIALIZED: the planner sees through the names to our tables and their indexes.
# Machine opens and clicks are left out: they say nothing about a person.
NAMES = """
    WITH subscribers AS NOT MATERIALIZED (
        SELECT id, uuid, email, name, attribs, status, created_at, updated_at
          FROM {schema}.subscribers_subscriber
    ), lists AS NOT MATERIALIZED (
        SELECT id, uuid, name, type, optin, status, tags, description, created_at, updated_at
          FROM {schema}.subscribers_list WHERE {list_id}
    ), subscriber_lists AS NOT MATERIALIZED (
        SELECT subscriber_id, list_id, meta, status, created_at, updated_at
          FROM {schema}.subscribers_subscription WHERE {list_list_id}
    ), campaign_lists AS NOT MATERIALIZED (
        SELECT id, campaign_id, list_id, list_name
          FROM {schema}.campaigns_campaignlist WHERE {list_list_id}
    ), campaigns AS NOT MATERIALIZED (
        SELECT id, uuid, name, subject, from_email, body, body_source, altbody, content_type, send_at,
               headers, attribs, status, tags, type, messenger, template_id, to_send, sent,
               max_subscriber_id, last_subscriber_id, archive, archive_slug, archive_template_id,
               archive_meta, started_at, created_at, updated_at
          FROM {schema}.campaigns_campaign WHERE {campaign}
    ), campaign_views AS NOT MATERIALIZED (
        SELECT event_id AS id, campaign_id, subscriber_id, created_at
          FROM {schema}.tracking_view WHERE machine = 0 AND {event}
    ), links AS NOT MATERIALIZED (
        SELECT id, uuid, url, created_at FROM {schema}.tracking_link
    ), link_clicks AS NOT MATERIALIZED (
        SELECT event_id AS id, campaign_id, link_id, subscriber_id, created_at
          FROM {schema}.tracking_click WHERE machine = 0 AND {event}
    ), bounces AS NOT MATERIALIZED (
        SELECT id, subscriber_id, campaign_id, type, source, meta, created_at
          FROM {schema}.bounces_bounce
    )
    SELECT subscribers.id FROM subscribers WHERE (
{condition}
    )
"""

READABLE_TABLES = frozenset(
    {
        "subscribers_subscriber", "subscribers_list", "subscribers_subscription", "campaigns_campaign",
        "campaigns_campaignlist", "tracking_view", "tracking_click", "tracking_link", "bounces_bounce",
    }
)  # fmt: skip
_PARTITION = re.compile(r"tracking_(view|click)_\w+\Z")


class RefusedCondition(DomainError):
    """The condition is wrong, or asks for something that conditions may not."""


class TookTooLong(DomainError):
    """The time limit of `reading` was reached."""


def ids(condition: str, *, readable: frozenset[int] | None = None) -> RawSQL:
    """A sub-select of the ids of the people for whom the condition holds, for `pk__in=`.

    Call and evaluate it inside `reading()`.

    Args:
        readable: ids of the lists that the asking user may read; None means all.

    Raises:
        RefusedCondition: it does not parse, or reads or calls what it may not.
    """
    text = check_text(condition, refused=RefusedCondition)
    sql = _select(text, readable)
    _check_plan(sql)
    return RawSQL(sql.replace("%", "%%"), ())  # noqa: S611 - checked above


def _select(condition: str, readable: frozenset[int] | None) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(current_schema())")
        schema = cursor.fetchone()[0]
    if readable is None:
        limits = dict.fromkeys(("list_id", "list_list_id", "campaign", "event"), "true")
    else:
        numbers = f"'{{{','.join(map(str, sorted(readable)))}}}'::bigint[]"
        mine = f"SELECT campaign_id FROM {schema}.campaigns_campaignlist WHERE list_id = ANY({numbers})"
        limits = {
            "list_id": f"id = ANY({numbers})",
            "list_list_id": f"list_id = ANY({numbers})",
            "campaign": f"id IN ({mine})",
            "event": f"campaign_id IN ({mine})",
        }
    return NAMES.format(schema=schema, condition=condition, **limits)


def _check_plan(sql: str) -> None:
    """Plan the statement where only our names resolve, and look at every table in the plan.

    The extended protocol (a binary result asks for it) takes one statement, whatever the text holds.
    """
    savepoint = transaction.savepoint()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL search_path = pg_catalog")
        with psycopg.Cursor(connection.connection) as plain:
            plain.execute(f"EXPLAIN (FORMAT JSON, VERBOSE) {sql}", binary=True)  # type: ignore[call-overload]
            plan = plain.fetchone()[0]  # type: ignore[index]
    except pg.UndefinedTable as error:
        raise RefusedCondition(f"{_first_line(error)}, or conditions may not read it.") from None
    except psycopg.OperationalError:
        raise Unavailable("The database does not answer. Try again in a moment.") from None
    except psycopg.Error as error:
        raise RefusedCondition(f"The condition is not valid SQL: {_first_line(error)}.") from None
    finally:
        transaction.savepoint_rollback(savepoint)
    for table in _tables(plan):
        if table not in READABLE_TABLES and not _PARTITION.match(table):
            raise RefusedCondition(f"table '{table}' is not allowed")


def _tables(plan: Any) -> Iterator[str]:
    if isinstance(plan, list):
        for part in plan:
            yield from _tables(part)
    elif isinstance(plan, dict):
        if "Relation Name" in plan:
            yield plan["Relation Name"]
        for part in plan.values():
            if isinstance(part, (list, dict)):
                yield from _tables(part)


@contextmanager
def reading(*, time_limit_s: float = TIME_LIMIT_S) -> Iterator[None]:
    """A read-only transaction with a time limit, in which searches and conditions run.

    Raises:
        DomainError: the database refuses a regular expression or a value in a condition; the message is
            for the person who wrote it.
        TookTooLong: the time is up.
    """
    nested = connection.in_atomic_block
    try:
        with transaction.atomic():
            before = _configure("on", f"{round(1000 * time_limit_s)}ms")
            yield
            if nested:  # else the settings end with the transaction
                _configure("", before)
    except OperationalError as error:
        if not isinstance(error.__cause__, pg.QueryCanceled):
            raise
        raise TookTooLong(
            f"The search took longer than {time_limit_s:g} seconds. Narrow it down and try again."
        ) from None
    except (DataError, ProgrammingError) as error:
        raise DomainError(f"The search cannot be carried out: {_first_line(error)}.") from None


def _configure(read_only: str, time_limit: str) -> str:
    """Set the transaction's limits; returns the time limit that was in force."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('statement_timeout'), set_config('statement_timeout', %s, true), "
            "set_config('standard_conforming_strings', 'on', true)",
            [time_limit],
        )
        before: str = cursor.fetchone()[0]
        if read_only:
            cursor.execute("SET LOCAL transaction_read_only = on")
        return before


def _first_line(error: DatabaseError | psycopg.Error) -> str:
    return str(error).partition("\n")[0].strip().rstrip(".")
