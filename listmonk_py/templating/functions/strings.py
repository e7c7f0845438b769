"""Sprig's functions on text (its documentation's chapters Strings, String Lists and Regular Expressions)."""

import re
import secrets
import string
import textwrap
from collections.abc import Callable
from typing import Any

from listmonk_py.templating.functions.limits import (
    MAX_PATTERN_CHARS,
    MAX_SEARCHED_CHARS,
    bounded,
    counted,
    items,
    room,
    text,
    whole,
)


def abbrev(width: Any, value: Any) -> str:
    shown, size = text(value), whole(width)
    return shown if size < 4 or len(shown) <= size else shown[: size - 3] + "..."


def trunc(length: Any, value: Any) -> str:
    size = whole(length)
    return text(value)[:size] if size >= 0 else text(value)[size:]


def substr(start: Any, end: Any, value: Any) -> str:
    shown, first, last = text(value), whole(start), whole(end)
    if first < 0:
        return shown[: max(last, 0)]
    return shown[first:] if last < 0 or last > len(shown) else shown[first:last]


def repeat(count: Any, value: Any) -> str:
    times, shown = max(whole(count), 0), text(value)
    room(times * len(shown))
    return shown * times


def replace(old: Any, new: Any, value: Any) -> str:
    shown, before, after = text(value), text(old), text(new)
    room(len(shown) + (shown.count(before) if before else len(shown) + 1) * len(after))
    return shown.replace(before, after)


def indent(count: Any, value: Any) -> str:
    spaces, shown = max(whole(count), 0), text(value)
    room(len(shown) + spaces * (shown.count("\n") + 1))
    return " " * spaces + shown.replace("\n", "\n" + " " * spaces)


def join(separator: Any, values: Any) -> str:
    parts = [text(value) for value in items(values)] if not isinstance(values, str) else [values]
    room(sum(map(len, parts)) + len(text(separator)) * len(parts))
    return text(separator).join(parts)


def cat(*values: Any) -> str:
    return bounded(" ".join(text(value) for value in values if value is not None))


def quote(*values: Any) -> str:
    return bounded(
        " ".join('"' + re.sub(r'(["\\])', r"\\\1", text(v)) + '"' for v in values if v is not None)
    )


def squote(*values: Any) -> str:
    return bounded(" ".join(f"'{text(value)}'" for value in values if value is not None))


def title(value: Any) -> str:
    return re.sub(r"(^|\s)(\w)", lambda found: found[1] + found[2].upper(), text(value))


def untitle(value: Any) -> str:
    return re.sub(r"(^|\s)(\w)", lambda found: found[1] + found[2].lower(), text(value))


def plural(one: Any, many: Any, count: Any) -> str:
    return text(one) if whole(count) == 1 else text(many)


def initials(value: Any) -> str:
    return "".join(word[0] for word in text(value).split())


def wrap(width: Any, value: Any) -> str:
    return wrap_with(width, "\n", value)


def wrap_with(width: Any, separator: Any, value: Any) -> str:
    shown, size = text(value)[:MAX_SEARCHED_CHARS], max(whole(width), 1)
    lines = textwrap.wrap(shown, size, break_long_words=False, break_on_hyphens=False) or [""]
    return join(separator, lines)


def _words(value: Any) -> list[str]:
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", text(value))
    return [word for word in re.split(r"[\s_\-.]+", spaced) if word]


def snakecase(value: Any) -> str:
    return "_".join(_words(value)).lower()


def kebabcase(value: Any) -> str:
    return "-".join(_words(value)).lower()


def camelcase(value: Any) -> str:
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"[\s_\-.]+", text(value)))


def _random(alphabet: str) -> Any:
    def made(count: Any) -> str:
        room(max(whole(count), 0) * 100)
        return "".join(secrets.choice(alphabet) for _ in range(whole(count)))

    return made


def split(separator: Any, value: Any) -> dict[str, str]:
    """A dictionary with the keys _0, _1 ... as Sprig's split has it."""
    return {f"_{position}": part for position, part in enumerate(split_list(separator, value))}


def splitn(separator: Any, count: Any, value: Any) -> dict[str, str]:
    parts = text(value).split(text(separator), max(whole(count) - 1, 0)) if text(separator) else [text(value)]
    return {f"_{position}": part for position, part in enumerate(parts)}


def split_list(separator: Any, value: Any) -> tuple[str, ...]:
    shown = text(value)
    return counted(tuple(shown.split(text(separator)) if text(separator) else shown))


# Python's engine backtracks, Go's does not: with r open repeats a search may take length ** (r + 1) steps.
MAX_STEPS = 1e8

# An escape, a class of characters, or a single sign of the pattern.
_PART = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?:|.", re.DOTALL)


def _compiled(pattern: Any) -> tuple[re.Pattern[str], int]:
    """Return the pattern and how many characters it may search.

    Raises:
        ValueError: it is no pattern, or could take exponential time (a repeated group that itself
            repeats or chooses), or is of Python's dialect and not of Go's (references, look-around).
    """
    written = text(pattern)
    if len(written) > MAX_PATTERN_CHARS:
        raise ValueError(f"A regular expression may have {MAX_PATTERN_CHARS} characters.")
    parts = [found[0] for found in _PART.finditer(written)]
    foreign = any(re.fullmatch(r"\\[1-9]", part) for part in parts) or re.search(r"\(\?(?![:imsU])", written)
    if foreign or _repeats_choices(parts):
        raise ValueError(f"This regular expression may take too long: {written}")
    try:
        compiled = re.compile(written)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"This is no regular expression: {written} ({error})") from error
    repeats = sum(part in "*+{" for part in parts)
    return compiled, min(MAX_SEARCHED_CHARS, int(MAX_STEPS ** (1 / (repeats + 1))))


def _repeats_choices(parts: list[str]) -> bool:
    """Whether a group with a repeat or a choice inside is repeated itself."""
    groups: list[bool] = []
    for part, following in zip(parts, [*parts[1:], ""], strict=True):
        if part in ("(", "(?:"):
            groups.append(False)
        elif part == ")" and groups:
            chooses = groups.pop()
            if chooses and following in ("*", "+", "{"):
                return True
            if groups:
                groups[-1] |= chooses
        elif part in ("*", "+", "?", "{", "|") and groups:
            groups[-1] = True
    return False


def _searched(value: Any, allowed: int) -> str:
    shown = text(value)
    if len(shown) > allowed:
        raise ValueError(f"This regular expression searches at most {allowed:,} characters.")
    return shown


def regex_match(pattern: Any, value: Any) -> bool:
    compiled, allowed = _compiled(pattern)
    return compiled.search(_searched(value, allowed)) is not None


def regex_find(pattern: Any, value: Any) -> str:
    compiled, allowed = _compiled(pattern)
    found = compiled.search(_searched(value, allowed))
    return found[0] if found else ""


def regex_find_all(pattern: Any, value: Any, count: Any) -> tuple[str, ...]:
    compiled, allowed = _compiled(pattern)
    found = tuple(match[0] for match in compiled.finditer(_searched(value, allowed)))
    return found if whole(count) < 0 else found[: whole(count)]


def regex_replace_all(pattern: Any, value: Any, replacement: Any) -> str:
    """Replace with `$1` or `${1}` standing for groups."""
    (compiled, allowed), template = _compiled(pattern), text(replacement)

    def expanded(found: re.Match[str]) -> str:
        def group(reference: re.Match[str]) -> str:
            number = int(reference[1] or reference[2])
            return (found[number] or "") if number <= compiled.groups else ""

        return re.sub(r"\$(?:(\d{1,2})|\{(\d{1,2})\})", group, template)

    shown = _searched(value, allowed)
    room((len(shown) + 1) * (len(template) + 1))
    return bounded(compiled.sub(expanded, shown))


def regex_replace_all_literal(pattern: Any, value: Any, replacement: Any) -> str:
    compiled, allowed = _compiled(pattern)
    shown = _searched(value, allowed)
    room((len(shown) + 1) * (len(text(replacement)) + 1))
    return bounded(compiled.sub(lambda found: text(replacement), shown))


def regex_split(pattern: Any, value: Any, count: Any) -> tuple[str, ...]:
    limit = whole(count)
    compiled, allowed = _compiled(pattern)
    parts = compiled.split(_searched(value, allowed), maxsplit=0 if limit < 0 else max(limit - 1, 0))
    return tuple(part or "" for part in parts)


STRINGS: dict[str, Callable[..., Any]] = {
    "abbrev": abbrev,
    "trunc": trunc,
    "substr": substr,
    "repeat": repeat,
    "replace": replace,
    "indent": indent,
    "nindent": lambda count, value: "\n" + indent(count, value),
    "join": join,
    "cat": cat,
    "quote": quote,
    "squote": squote,
    "title": title,
    "untitle": untitle,
    "upper": lambda value: text(value).upper(),
    "lower": lambda value: text(value).lower(),
    "swapcase": lambda value: text(value).swapcase(),
    "trim": lambda value: text(value).strip(),
    "trimAll": lambda signs, value: text(value).strip(text(signs)),
    "trimPrefix": lambda prefix, value: text(value).removeprefix(text(prefix)),
    "trimSuffix": lambda suffix, value: text(value).removesuffix(text(suffix)),
    "nospace": lambda value: re.sub(r"\s", "", text(value)),
    "contains": lambda part, value: text(part) in text(value),
    "hasPrefix": lambda prefix, value: text(value).startswith(text(prefix)),
    "hasSuffix": lambda suffix, value: text(value).endswith(text(suffix)),
    "plural": plural,
    "initials": initials,
    "wrap": wrap,
    "wrapWith": wrap_with,
    "snakecase": snakecase,
    "kebabcase": kebabcase,
    "camelcase": camelcase,
    "randAlpha": _random(string.ascii_letters),
    "randAlphaNum": _random(string.ascii_letters + string.digits),
    "randNumeric": _random(string.digits),
    "randAscii": _random("".join(map(chr, range(33, 127)))),
    "split": split,
    "splitn": splitn,
    "splitList": split_list,
    "regexMatch": regex_match,
    "regexFind": regex_find,
    "regexFindAll": regex_find_all,
    "regexReplaceAll": regex_replace_all,
    "regexReplaceAllLiteral": regex_replace_all_literal,
    "regexSplit": regex_split,
    "regexQuoteMeta": lambda value: re.escape(text(value)),
    "toString": text,
    "hello": lambda: "Hello!",
}
