"""Reading a raw SQL condition as tokens, to refuse what it may not hold before the database sees it.

PostgreSQL's lexical rules (its manual, section 4.1) as far as they matter: strings, quoted names and
numbers are told apart so that a word inside a string is not a word. What would make telling them
apart hard (comments, dollar quotes, Unicode escapes) is refused; no condition needs it.
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

LONGEST = 20_000

_TOKEN = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<refused>--|/\*|\*/|\$|[uU]&['"]|;|\\)
    | (?P<string>[eE]'(?:[^'\\]|\\.|'')*'|[bBxXnN]?'(?:[^']|'')*')
    | (?P<quoted>"(?:[^"]|"")+")
    | (?P<number>\d[\w.]*)
    | (?P<word>[^\W\d][\w$]*)
    | (?P<sign>::|[^'"])
    """,
    re.VERBOSE | re.DOTALL,
)

# Words that may stand before a parenthesis and call nothing.
KEYWORDS = frozenset(
    """
    all and any array as between by case cast distinct else except exists extract filter from group
    having ilike in intersect is join lateral like limit not offset on or over overlay partition
    position row select similar some substring then to trim union using values when where with within
    """.split()  # noqa: SIM905 - a list of quoted words would be ten times as long
)
TYPES = frozenset(
    """
    bigint bit bool boolean bpchar char character date decimal double float int integer interval json
    jsonb numeric real smallint text time timestamp timestamptz uuid varbit varchar varying
    """.split()  # noqa: SIM905 - a list of quoted words would be ten times as long
)
# Only what computes with its arguments. Nothing that reads tables, files, settings or the catalogue, waits,
# writes, or makes much out of little (repeat, format, generate_series).
FUNCTIONS = frozenset(
    """
    abs age array_agg array_append array_cat array_length array_lower array_ndims array_position
    array_positions array_prepend array_remove array_replace array_to_json array_to_string array_upper
    ascii avg bool_and bool_or bit_length btrim cardinality ceil ceiling char_length character_length chr
    clock_timestamp coalesce concat concat_ws convert_from convert_to count date_bin date_part date_trunc
    dense_rank div encode every exp first_value floor greatest initcap isfinite json_agg
    json_array_elements json_array_elements_text json_array_length json_build_array json_build_object
    json_each json_each_text json_extract_path json_extract_path_text json_object_keys json_typeof jsonb_agg
    jsonb_array_elements jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object
    jsonb_each jsonb_each_text jsonb_exists jsonb_exists_all jsonb_exists_any jsonb_extract_path
    jsonb_extract_path_text jsonb_object_keys jsonb_path_exists jsonb_path_match jsonb_path_query
    jsonb_path_query_array jsonb_path_query_first jsonb_strip_nulls jsonb_typeof justify_days
    justify_hours justify_interval lag last_value lead least left length ln log lower ltrim make_date
    make_interval make_time make_timestamp make_timestamptz max md5 min mod now nullif octet_length
    overlay phraseto_tsquery plainto_tsquery position power quote_literal random rank regexp_count
    regexp_like regexp_match regexp_matches regexp_replace regexp_split_to_array regexp_split_to_table
    regexp_substr replace reverse right round row_number row_to_json rtrim scale sha256 sign split_part
    sqrt starts_with statement_timestamp string_agg string_to_array strpos substr substring sum timezone
    to_char to_date to_json to_jsonb to_number to_timestamp to_tsquery to_tsvector
    transaction_timestamp translate trim trunc ts_rank unnest upper websearch_to_tsquery width_bucket
    """.split()  # noqa: SIM905 - a list of quoted words would be ten times as long
)
# Words that open something bigger than an expression.
REFUSED_WORDS = frozenset(
    {"recursive", "into", "information_schema", "public", "update", "delete", "insert", "merge"}
)
# The catalogue, and our own tables, which are reached by listmonk's names only.
REFUSED_PREFIXES = ("pg_", "subscribers_", "campaigns_", "tracking_", "bounces_")


class Token(NamedTuple):
    kind: str
    text: str


def check_text(condition: str, *, refused: Callable[[str], Exception]) -> str:
    """The condition without white space and semicolons at its end, when it may be given to the database.

    Raises:
        what `refused(message)` returns: it may not, or it cannot be an expression.
    """
    text = condition.strip().rstrip(";").rstrip()
    if not text or len(text) > LONGEST or "\0" in text:
        raise refused(f"The condition is empty, longer than {LONGEST} characters, or holds a NUL.")
    depth, before, token = 0, Token("", ""), Token("", "")
    for following in tokens(text, refused=refused):
        if following.text == "(" and following.kind == "sign":
            _check_call(before, token, refused=refused)
        depth += (following.text == "(") - (following.text == ")") if following.kind == "sign" else 0
        if depth < 0:
            break
        before, token = token, following
    if depth != 0:
        raise refused("The parentheses of the condition do not match.")
    return text


def tokens(text: str, *, refused: Callable[[str], Exception]) -> Iterator[Token]:
    """The tokens of `text` without white space; names in lower case unless quoted.

    Raises:
        what `refused(message)` returns: a character or word that conditions may not hold.
    """
    place = 0
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            raise refused("The condition has a quote that is not closed.")
        place = found.end()
        kind, word = found.lastgroup or "", found.group()
        if kind == "refused":
            raise refused(f"Conditions may not hold `{word}` outside quotes.")
        if kind == "word":
            word = word.lower()
        elif kind == "quoted":
            word = word[1:-1].replace('""', '"')
        if kind in ("word", "quoted") and (word in REFUSED_WORDS or word.startswith(REFUSED_PREFIXES)):
            raise refused(f"Conditions may not use `{word}`.")
        if kind != "space":
            yield Token(kind, word)


def _check_call(before: Token, name: Token, *, refused: Callable[[str], Exception]) -> None:
    """`name` stands before a parenthesis, `before` before that."""
    if name.kind not in ("word", "quoted"):
        return
    if before.text == ".":
        raise refused(f"Conditions may not call functions by schema, as in `.{name.text}(`.")
    if before.text == "as":  # the name of a derived table, with its columns
        return
    if name.kind == "word" and (name.text in KEYWORDS or name.text in TYPES):
        return
    if name.text not in FUNCTIONS:
        raise refused(f"Conditions may not call the function `{name.text}`.")
