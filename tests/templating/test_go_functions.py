"""Go's built-ins, listmonk's functions and Sprig's."""

# ruff: noqa: E501 - a template and what it prints stand in one line

import re
import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listmonk_py.templating.errors import TemplateError
from listmonk_py.templating.functions import GO_FUNCTIONS
from listmonk_py.templating.functions.dates import formatted, parsed
from listmonk_py.templating.functions.formatting import go_printf
from tests.templating.rendering import render_go, render_jinja

RESULTS = [
    # Go
    ('len "abc"', "3"), ("len .Subscriber.Attribs.gone", "0"), ('slice "abcdef" 1 3', "bc"),
    ("slice .Subscriber.Attribs.tags 1", "[y]"), ("print 1 2 `a` 3 4", "1 2a3 4"), ("println 1 `a`", "1 a\n"),
    ('printf "%05.2f|%d|%q|%v|%%|%-4s|%4s|%x|%t" 3.14159 42 "hi" true "a" "b" 255 false',
     '03.14|42|"hi"|true|%|a   |   b|ff|false'),
    ('printf "%s %d" "a"', "a %!d(MISSING)"), ('printf "%d" "x"', "%!d(string=x)"),
    ('printf "a" 1', "a%!(EXTRA int=1)"), ('printf "%+d %*d %.2s" 5 4 7 "abc"', "+5    7 ab"),
    ("js `it's <b>`", "it\\'s \\u003Cb\\u003E"), ("urlquery `a b&c`", "a+b%26c"), ("html `<`", "&lt;"),
    # strings
    ('upper "aé"', "AÉ"), ('lower "AB"', "ab"), ('title "hello world"', "Hello World"),
    ('untitle "Hello World"', "hello world"), ('trim "  a "', "a"), ('trimAll "$" "$5$"', "5"),
    ('trimPrefix "a" "ab"', "b"), ('trimSuffix "b" "ab"', "a"), ('nospace "a b c"', "abc"),
    ('trunc 3 "abcdef"', "abc"), ('trunc -2 "abcdef"', "ef"), ('substr 1 3 "abcdef"', "bc"),
    ('abbrev 6 "hello world"', "hel..."), ('repeat 3 "ab"', "ababab"), ('replace " " "-" "a b c"', "a-b-c"),
    ('contains "ell" "hello"', "true"), ('hasPrefix "he" "hello"', "true"), ('hasSuffix "x" "hello"', "false"),
    ('quote "a"', '"a"'), ('squote "a"', "'a'"), ('cat "a" 1 "b"', "a 1 b"), ('indent 2 "a\\nb"', "  a\n  b"),
    ('nindent 2 "a"', "\n  a"), ('initials "First Try"', "FT"), ('plural "one" "many" 1', "one"),
    ('plural "one" "many" 3', "many"), ('snakecase "FirstName"', "first_name"), ('kebabcase "FirstName"', "first-name"),
    ('camelcase "http_server"', "HttpServer"), ('swapcase "aB"', "Ab"), ('wrap 5 "aaa bbb"', "aaa\nbbb"),
    ('wrapWith 5 "|" "aaa bbb"', "aaa|bbb"), ('join "-" .Subscriber.Attribs.tags', "x-y"),
    ('splitList "," "a,b" | last', "b"), ('(split "$" "a$b")._1', "b"), ('(splitn "$" 2 "a$b$c")._1', "b$c"),
    ("toString 3", "3"), ("randAlphaNum 8 | len", "8"), ("shuffle `abc` | len", "3"),
    ('regexMatch "^a+$" "aaa"', "true"), (r"regexMatch `^[\w.+]+@[\w-]+\.[a-z]{2,}$` .Subscriber.Email", "true"), ("regexMatch `(ab){2}` `abab`", "true"), ("regexMatch `[(*+]` `+`", "true"), ('regexFind "[0-9]+" "ab12c3"', "12"),
    ('regexFindAll "[0-9]" "1a2b3" 2', "[1 2]"), ('regexReplaceAll "a(x*)b" "-ab-axxb-" "${1}W"', "-W-xxW-"),
    ('regexReplaceAllLiteral "a" "banana" "$1"', "b$1n$1n$1"), ('regexSplit "z" "pizza" -1', "[pi  a]"),
    ('regexQuoteMeta "1.2"', "1\\.2"),
    # numbers
    ("add 1 2 3", "6"), ("add1 4", "5"), ("sub 5 2", "3"), ("mul 2 3 4", "24"), ("div 7 2", "3"), ("div -7 2", "-3"),
    ("mod 7 3", "1"), ("mod -7 3", "-1"), ("addf 1.5 2", "3.5"), ("divf 7 2", "3.5"), ("mulf 1.5 2", "3"),
    ("max 1 5 2", "5"), ("min 3 1", "1"), ("maxf 1.5 2", "2"), ("ceil 1.2", "2"), ("floor 1.8", "1"),
    ("round 3.456 2", "3.46"), ("round -2.5 0", "-3"), ('int "42"', "42"), ('int "x"', "0"), ("float64 `1.5`", "1.5"),
    ('toDecimal "777"', "511"), ("atoi `7`", "7"),
    # lists and dictionaries
    ("list 1 2 3 | join `,`", "1,2,3"), ("first (list 1 2)", "1"), ("rest (list 1 2 3)", "[2 3]"),
    ("initial (list 1 2 3)", "[1 2]"), ("append (list 1) 2", "[1 2]"), ("prepend (list 1) 0", "[0 1]"),
    ("concat (list 1) (list 2 3)", "[1 2 3]"), ("reverse (list 1 2)", "[2 1]"), ("uniq (list 1 1 2)", "[1 2]"),
    ("without (list 1 2 3) 2", "[1 3]"), ("has 2 (list 1 2)", "true"), ("compact (list 0 1 ``)", "[1]"),
    ("chunk 2 (list 1 2 3)", "[[1 2] [3]]"), ("sortAlpha (list `b` `a`)", "[a b]"), ("until 3", "[0 1 2]"),
    ("untilStep 3 9 3", "[3 6]"), ("seq 2 5", "2 3 4 5"), ("seq 3 1", "3 2 1"), ("seq 0 2 6", "0 2 4 6"),
    ("get (dict `a` 1) `a`", "1"), ("get (dict) `a`", ""), ("hasKey (dict `a` 1) `a`", "true"),
    ("keys (dict `b` 1 `a` 2) | join `,`", "a,b"), ("values (dict `a` 1)", "[1]"), ("pick (dict `a` 1 `b` 2) `a`", "map[a:1]"),
    ("omit (dict `a` 1 `b` 2) `a`", "map[b:2]"), ("unset (dict `a` 1) `a`", "map[]"),
    ("merge (dict `a` 1) (dict `a` 2 `b` 3)", "map[a:1 b:3]"),
    ("mergeOverwrite (dict `a` 1) (dict `a` 2)", "map[a:2]"),
    ("dig `nested` `deep` `er` `no` .Subscriber.Attribs", "found"), ("dig `nested` `x` `er` `no` .Subscriber.Attribs", "no"),
    ("pluck `name` (dict `name` 1) (dict `name` 2)", "[1 2]"), ("toJson .Subscriber.Attribs.prices", '{"a":2,"b":1}'),
    ("(fromJson `{\"a\": [1]}`).a", "[1]"),
    # choices and types
    ("default `x` .Subscriber.Attribs.gone", "x"), ("default `x` .Subscriber.Attribs.city", "Rome"),
    (".Subscriber.Attribs.gone | default `x`", "x"), ("empty ``", "true"), ("coalesce `` 0 `z`", "z"),
    ("ternary `a` `b` true", "a"), ("all 1 0", "false"), ("any 1 0", "true"), ("kindOf 1.5", "float64"),
    ("kindIs `map` .Subscriber.Attribs", "true"), ("typeOf `a`", "string"), ("deepEqual (list 1) (list 1)", "true"),
    # dates
    ("date `2006-01-02` .Subscriber.CreatedAt", "2024-03-05"), ("htmlDate .Subscriber.CreatedAt", "2024-03-05"),
    ("dateInZone `15:04` .Subscriber.CreatedAt `Europe/Rome`", "17:07"), ("unixEpoch .Subscriber.CreatedAt", "1709654828"),
    ("dateModify `-24h` .Subscriber.CreatedAt | date `2006-01-02`", "2024-03-04"),
    ("toDate `02/01/2006` `31/12/2023` | date `Jan 2, 2006`", "Dec 31, 2023"), ("duration 5400", "1h30m0s"),
    ("durationRound `50h`", "2d"),
    # encodings and the rest
    ("b64enc `hé`", "aMOp"), ("b64dec `aMOp`", "hé"), ("b32enc `a`", "ME======"), ("b32dec `ME======`", "a"),
    ("sha1sum `a`", "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"),
    ("sha256sum `a`", "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"), ("adler32sum `a`", "6422626"),
    ("(urlParse `https://u:p@h.test:8/p?q#f`).hostname", "h.test"), ("urlJoin (dict `scheme` `https` `host` `h` `path` `/p`)", "https://h/p"),
    ("base `/a/b.txt`", "b.txt"), ("dir `/a/b`", "/a"), ("ext `a.txt`", ".txt"), ("clean `/a/../b`", "/b"), ("isAbs `/a`", "true"),
    ("(semver `1.2.3-beta`).Prerelease", "beta"), ("semverCompare `^1.2.0` `1.4.0`", "true"), ("semverCompare `<1.0` `1.4.0`", "false"),
    ("hello", "Hello!"), ("push (list 1) 2", "[1 2]"), ("tuple 1 2", "[1 2]"), ("subf 3 1.5", "1.5"), ("add1f 1.5", "2.5"),
    ("biggest 1 3", "3"), ("minf 1.5 2", "1.5"), ("int64 `7`", "7"), ("toStrings (list 1 2)", "[1 2]"),
    ("typeIs `string` `a`", "true"), ("typeIsLike `*string` `a`", "true"), ("toPrettyJson (dict `a` 1)", '{\n  "a": 1\n}'),
    ("toRawJson `<`", '"<"'), ("time .Subscriber.CreatedAt `YearDay`", "65"), ("date_in_zone `15` .Subscriber.CreatedAt `UTC`", "16"),
    ("date_modify `1h` .Subscriber.CreatedAt | date `15`", "17"), ("htmlDateInZone .Subscriber.CreatedAt `UTC`", "2024-03-05"),
    ("deepCopy (list 1)", "[1]"), ("sha512sum `a` | len", "128"), ("randAlpha 4 | len", "4"), ("randNumeric 4 | len", "4"),
    ("randAscii 4 | len", "4"), ("set (dict `a` 1) `b` 2", "map[a:1 b:2]"), ("osBase `/a/b`", "b"), ("osDir `/a/b`", "/a"),
    ("osExt `a.b`", ".b"), ("osClean `a//b`", "a/b"), ("osIsAbs `a`", "false"),
    ("mustAppend (list) 1", "[1]"), ("mustChunk 1 (list 1)", "[[1]]"), ("mustCompact (list 0 1)", "[1]"),
    ("mustDateModify `1h` .Subscriber.CreatedAt | date `15`", "17"), ("mustDeepCopy (list 1)", "[1]"), ("mustFirst (list 1)", "1"),
    ("mustFromJson `1`", "1"), ("mustHas 1 (list 1)", "true"), ("mustInitial (list 1 2)", "[1]"), ("mustLast (list 1)", "1"),
    ("mustMerge (dict) (dict)", "map[]"), ("mustMergeOverwrite (dict) (dict)", "map[]"), ("mustPrepend (list) 1", "[1]"),
    ("mustPush (list) 1", "[1]"), ("mustRegexFind `a` `ab`", "a"), ("mustRegexFindAll `a` `aa` -1", "[a a]"),
    ("mustRegexMatch `a` `a`", "true"), ("mustRegexReplaceAll `a` `a` `b`", "b"),
    ("mustRegexReplaceAllLiteral `a` `a` `b`", "b"), ("mustRegexSplit `a` `bab` -1", "[b b]"), ("mustRest (list 1)", "[]"),
    ("mustReverse (list 1 2)", "[2 1]"), ("mustSlice (list 1 2) 1", "[2]"), ("mustToDate `2006` `2024` | date `06`", "24"),
    ("mustToJson 1", "1"), ("mustToPrettyJson 1", "1"), ("mustToRawJson 1", "1"), ("mustUniq (list 1 1)", "[1]"),
    ("mustWithout (list 1 2) 1", "[2]"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "expected"), RESULTS, ids=[call for call, _ in RESULTS])
def test_function_results(call, expected):
    assert render_go("{{ " + call + " }}", html=False) == expected


# Their results change with the time; test_clock_and_chance has them.
OF_THE_MOMENT = {"now", "uuidv4", "Date", "ago", "randInt", "fail"}


def test_every_function_has_an_example():
    called = set(re.findall(r"\w+", " ".join(call for call, _ in RESULTS)))
    assert [name for name in GO_FUNCTIONS if name not in called | OF_THE_MOMENT] == []


def test_clock_and_chance():
    assert render_go('{{ Date "2006" }}') in {str(datetime.now(UTC).year), str(datetime.now(UTC).year - 1)}
    assert re.fullmatch(
        r"[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}", render_go('{{ Date "" }}')
    )
    assert uuid.UUID(render_go("{{ uuidv4 }}")).version == 4
    assert render_go('{{ now | date "2006" }}').isdigit()
    assert render_go("{{ ago .Subscriber.CreatedAt }}").endswith("s")
    assert 5 <= int(render_go("{{ randInt 5 8 }}")) < 8


REFUSED = [
    ('repeat 100000000 "ab"', "grows longer"),
    ("indent 100000000 `a`", "grows longer"),
    ('printf "%1000000d" 1', "pads to at most"),
    ("until 100000000", "more than|grows longer"),
    ("div 1 0", "divided by zero"),
    ("divf 1 0", "divided by zero"),
    ("mul 9223372036854775807 2", "too large"),
    ('fail "stop here"', "stop here"),
    ('regexMatch "(a+)+$" "aaaa"', "too long"),
    ('regexMatch "[" "aaaa"', "no regular expression"),
    ('regexMatch "(a|aa)+$" "aaaa"', "too long"),
    ('regexMatch "(?:(a?))+$" "aaaa"', "too long"),
    ("regexMatch `((a+))*$` `aaaa`", "too long"),
    ("regexMatch `(a)\\1` `aaaa`", "too long"),
    ("regexMatch `(?=a)` `aaaa`", "too long"),
    ("regexMatch `a+b+c+` (repeat 200 `a`)", "at most 100 characters"),
    ("first 5", "A list is needed, not int"),
    ("keys 5", "A dictionary is needed, not int"),
    ("b64dec `*`", "not encoded"),
    ('date "2006" "yesterday"', "is no time"),
    ('dateModify "later" .Subscriber.CreatedAt', "is no duration"),
    ('semverCompare "x" "1.0.0"', "is no condition"),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_bad_arguments_are_explained(call, words):
    with pytest.raises(TemplateError) as refused:
        render_go("{{ " + call + " }}", html=False)
    assert re.search(words, refused.value.message)


def test_functions_are_filters_in_jinja():
    assert (
        render_jinja("{{ subscriber.name|trunc(3) }}{{ subscriber.attribs.gone|default('x', true) }}")
        == "Annx"
    )
    assert render_jinja("{{ subscriber.created_at|date('2 January 2006') }}") == "5 March 2024"


@given(
    st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2068, 12, 31)),
    st.integers(-720, 720),
    st.sampled_from(
        ["2006-01-02T15:04:05-07:00", "Jan _2 2006 03:04:05 PM -0700", "02/01/06 15:04:05 Z07:00", "January 2, 2006 3:4:5pm -07:00"]
    ),
)  # fmt: skip
def test_a_time_written_in_a_layout_is_read_back(moment, offset, layout):
    moment = moment.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=offset)))
    assert parsed(layout, formatted(layout, moment)) == moment


@pytest.mark.parametrize(
    ("layout", "expected"),
    [
        ("Monday Mon January Jan 1 01 2 02 _2", "Tuesday Tue March Mar 3 03 5 05  5"),
        ("3 03 15 4 04 5 05 PM pm", "4 04 16 7 07 8 08 PM pm"),
        ("2006 06 002 __2", "2024 24 065  65"),
        ("15:04:05.000 15:04:05.999999999 .00", "16:07:08.123 16:07:08.123456 .12"),
        ("-0700 -07:00 -07 Z0700 Z07:00 MST", "+0000 +00:00 +00 Z Z UTC"),
        ("at 15h", "at 16h"),
    ],
)
def test_go_layouts(layout, expected):
    assert formatted(layout, datetime.fromisoformat("2024-03-05T16:07:08.123456+00:00")) == expected


@given(st.integers(-(10**12), 10**12), st.sampled_from(["%d", "%5d", "%-8d", "%05d", "%+d", "%x", "%o"]))
def test_whole_numbers_are_formatted_as_c_does(number, verb):
    assert go_printf(verb, number) == verb % number


@given(st.floats(-1e9, 1e9), st.sampled_from(["%.2f", "%8.1f", "%-9.0f", "%.3e"]))
def test_fractions_are_formatted_as_c_does(number, verb):
    assert go_printf(verb, number) == verb % number
