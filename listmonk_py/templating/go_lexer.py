"""Reading Go template source: where the actions are, and the words inside one.

Source: the package documentation of Go's text/template and the Go language specification
(literals). No code is taken from either.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from listmonk_py.templating.errors import TemplateError

PieceKind = Literal["text", "action", "statement", "comment"]
WordKind = Literal["field", "variable", "name", "string", "number", "mark"]

# What may stand between an opening and its closing mark: quoted text counts as one.
_QUOTED = r'"(?:\\.|[^"\\\n])*"|`[^`]*`|\'(?:\\.|[^\'\\\n])*\''
_ACTION = re.compile(rf"\{{\{{(?:-?\s*/\*.*?\*/\s*-?|(?>{_QUOTED}|(?!\}}\}}|\{{\{{).)*+)\}}\}}", re.DOTALL)
_STATEMENT = re.compile(rf"\{{%[-+]?\s*(?P<word>\w+)(?>{_QUOTED}|(?!%\}}|\{{%).)*+%\}}", re.DOTALL)
_COMMENT = re.compile(r"\{#(?>(?!#\}|\{#).)*+#\}", re.DOTALL)
_OPENING = re.compile(r"\{[{%#]")
_RAW = re.compile(r"\{%[-+]?\s*raw\s*[-+]?%\}.*?\{%[-+]?\s*endraw\s*[-+]?%\}", re.DOTALL)

# Without this list, a stylesheet's "{%" would be taken for a statement.
JINJA_WORDS = frozenset(
    [
        "if",
        "elif",
        "else",
        "endif",
        "for",
        "endfor",
        "break",
        "continue",
        "set",
        "endset",
        "with",
        "endwith",
        "macro",
        "endmacro",
        "call",
        "endcall",
        "filter",
        "endfilter",
        "block",
        "endblock",
        "raw",
        "endraw",
        "autoescape",
        "endautoescape",
        "do",
        "include",
        "import",
        "from",
        "extends",
    ]
)


@dataclass(frozen=True)
class Piece:
    """A stretch of the source; `line` is where it begins."""

    kind: PieceKind
    text: str
    line: int


@dataclass(frozen=True)
class Word:
    """One word of an action. `value` is a literal's value, or the name without `.` and `$`."""

    kind: WordKind
    text: str
    value: Any
    line: int
    column: int
    spaced: bool


def pieces(source: str) -> Iterator[Piece]:
    """Split `source` into text, `{{ }}` actions, `{% %}` statements and `{# #}` comments, in order.

    Raises:
        TemplateError: a `{{` is never closed.
    """
    begin = position = 0
    line = 1
    # What is opened after the last closing mark stays open: looked up once, not by each search to the end.
    last_closing = {"{{": len(source), "{%": source.rfind("%}"), "{#": source.rfind("#}")}
    last_raw = source.rfind("endraw")
    while opening := _OPENING.search(source, position):
        at = opening.start()
        found: re.Match[str] | None = None
        kind: PieceKind = "text"
        if at < last_closing[opening[0]]:
            found, kind = _tag_at(source, at, opening[0], may_be_raw=at < last_raw)
        if found is None:
            if opening[0] == "{{":
                raise TemplateError(
                    "This {{ is never closed: write }} at its end.", line + source.count("\n", begin, at)
                )
            position = at + 1
            continue
        if at > begin:
            yield Piece("text", source[begin:at], line)
            line += source.count("\n", begin, at)
        yield Piece(kind, found[0], line)
        line += found[0].count("\n")
        begin = position = found.end()
    if begin < len(source):
        yield Piece("text", source[begin:], line)


def _tag_at(
    source: str, at: int, opening: str, *, may_be_raw: bool
) -> tuple[re.Match[str] | None, PieceKind]:
    if opening == "{{":
        return _ACTION.match(source, at), "action"
    if opening == "{#":
        return _COMMENT.match(source, at), "comment"
    raw = _RAW.match(source, at) if may_be_raw else None
    if raw:
        return raw, "statement"
    found = _STATEMENT.match(source, at)
    return (found if found and found["word"] in JINJA_WORDS else None), "statement"


_WORD = re.compile(
    r"""(?P<space>\s*)(?:
      (?P<string>"(?:\\.|[^"\\\n])*")
    | (?P<raw>`[^`]*`)
    | (?P<char>'(?:\\.|[^'\\\n])+')
    | (?P<number>[-+]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+
        |(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][-+]?\d+)?))(?!\w)
    | (?P<variable>\$\w*)
    | (?P<field>\.[^\W\d]\w*)
    | (?P<name>[^\W\d]\w*)
    | (?P<mark>:=|[.|(),=])
    )""",
    re.VERBOSE,
)


def words(text: str, line: int) -> list[Word]:
    """Split the inside of an action that begins in `line` into words.

    Raises:
        TemplateError: something is no word of the language.
    """
    found: list[Word] = []
    position = 0
    text = text.rstrip()
    while position < len(text):
        match = _WORD.match(text, position)
        if match is None:
            rest = text[position:].lstrip()
            raise TemplateError(f"Not understood: {rest[:30]}", line + text.count("\n", 0, position))
        start = match.end("space")
        kind = match.lastgroup or "mark"
        word = match[kind]
        found.append(
            Word(
                _KIND.get(kind, kind),  # type: ignore[arg-type]
                word,
                _value(kind, word, line),
                line + text.count("\n", 0, start),
                start - text.rfind("\n", 0, start),
                bool(match["space"]),
            )
        )
        position = match.end()
    return found


_KIND = {"raw": "string", "char": "number"}


def _value(kind: str, word: str, line: int) -> Any:
    match kind:
        case "string":
            return unquote(word[1:-1], line)
        case "raw":
            return word[1:-1].replace("\r", "")
        case "char":
            return ord(unquote(word[1:-1], line)[:1] or "\0")
        case "number":
            return _number(word)
        case "field" | "variable":
            return word[1:]
    return word


def _number(word: str) -> int | float:
    digits = word.replace("_", "")
    try:
        # Go reads a leading zero as octal.
        return int(digits, 8) if re.fullmatch(r"[-+]?0[0-7]+", digits) else int(digits, 0)
    except ValueError:
        return float(digits)


_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))", re.DOTALL)
_SIMPLE = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "\\": "\\",
    '"': '"',
    "'": "'",
}


def unquote(text: str, line: int) -> str:
    """Return the text that a Go interpreted string literal stands for; `text` is without its quotes."""

    def character(match: re.Match[str]) -> str:
        code = match[1] or match[2] or match[3]
        if match[5] is not None:
            if match[5] not in _SIMPLE:
                raise TemplateError(f'Unknown escape "\\{match[5]}" in a quoted text.', line)
            return _SIMPLE[match[5]]
        number = int(code, 16) if code else int(match[4], 8)
        if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
            raise TemplateError(f'"{match[0]}" in a quoted text is no character.', line)
        return chr(number)

    return _ESCAPE.sub(character, text)
