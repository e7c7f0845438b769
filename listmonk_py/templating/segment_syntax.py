"""Read a Jinja template as a tree of the few things that segments render themselves.

The tree follows minijinja in every detail of splitting text from tags, so that both engines give the
same message. Whatever is more than text, dotted paths and conditions stays in the tree as `Island`:
a piece of the author's source for minijinja to render on its own. That is possible because without
`set`, `macro` and the like nothing in a template changes what stands after it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

# What `-%}` and `{%-` remove: Unicode's White_Space, as Rust's trim() has it (Python's strip() removes more).
WHITE_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
WHITE_SPACE += "\u2028\u2029\u202f\u205f\u3000"

_OPENING = re.compile(r"\{[{%#]")
_STRING_OR_END = {
    "{{": re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|([-+]?\}\})""", re.DOTALL),
    "{%": re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|([-+]?%\})""", re.DOTALL),
    "{#": re.compile(r"([-+]?#\})"),
}
_ENDRAW = re.compile(r"\{%[-+]?\s*endraw\s*([-+]?)%\}")
_PATH = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*"
_SIMPLE_STRING = r"""(?:"[^"\\]*"|'[^'\\]*')"""
_OUTPUT = re.compile(
    rf"\s*({_PATH})\s*(?:\|\s*(?:(safe)|(e|escape)|default\(\s*({_SIMPLE_STRING})\s*\))\s*)?\Z", re.ASCII
)
_CONDITION_TOKEN = re.compile(rf"\s*(?:({_SIMPLE_STRING})|({_PATH})|(==|!=|\(|\)))", re.ASCII)
_RESERVED = frozenset(
    (
        "not",
        "and",
        "or",
        "in",
        "is",
        "if",
        "else",
        "true",
        "false",
        "none",
        "True",
        "False",
        "None",
        "loop",
        "self",
    )
)

# What hostile templates exceed is left to minijinja, so that neither our parser nor Python's compiler runs
# out of stack: levels of `if`, branches of one `if`, parts of a path, words of a condition.
_DEEPEST_NESTING = 40
_MOST_BRANCHES = 100
_LONGEST_PATH = 20
_MOST_CONDITION_TOKENS = 60

_CLOSED_BY = {name: f"end{name}" for name in ("for", "with", "filter", "autoescape", "raw", "call")}


class WholeTemplate(Exception):
    """The template has a statement that reaches beyond itself; only minijinja can render it, whole."""


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Output:
    """`{{ a.b.c }}`; `default` is what an undefined path prints."""

    path: tuple[str, ...]
    mode: Literal["", "safe", "escape"] = ""
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Island:
    """Source that minijinja renders."""

    source: str


@dataclass(frozen=True, slots=True)
class Path:
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Equals:
    path: tuple[str, ...]
    constant: str


@dataclass(frozen=True, slots=True)
class Not:
    condition: "Condition"


@dataclass(frozen=True, slots=True)
class Either:
    """`operator` between all of `conditions`."""

    operator: Literal["and", "or"]
    conditions: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """An expression whose truth minijinja decides."""

    expression: str


Condition: TypeAlias = Path | Equals | Not | Either | Asked


@dataclass(frozen=True, slots=True)
class If:
    """Branches in order; a condition of None is `else`."""

    branches: tuple[tuple[Condition | None, tuple["Node", ...]], ...]


Node: TypeAlias = Text | Output | Island | If


@dataclass(frozen=True, slots=True)
class Tag:
    """One piece of the source as minijinja's lexer cuts it. `kind` is text, {{, {% or raw."""

    kind: str
    content: str
    source: str

    @property
    def word(self) -> str:
        """The statement's name."""
        return self.content.split(None, 1)[0] if self.content.strip() else ""


def split_tags(source: str) -> Iterator[Tag]:
    """Cut `source` into text and tags; comments are dropped, whitespace control is applied.

    Raises:
        WholeTemplate: a tag does not end.
    """
    at, trim = 0, False
    while at < len(source):
        opening = _OPENING.search(source, at)
        end = opening.start() if opening else len(source)
        text = source[at:end]
        text = text.lstrip(WHITE_SPACE) if trim else text
        if opening and source.startswith("-", end + 2):
            text = text.rstrip(WHITE_SPACE)
        if text:
            yield Tag("text", text, text)
        if not opening:
            return
        at, trim, tag = _read_tag(source, end, opening[0])
        if tag is not None:
            yield tag


def _read_tag(source: str, start: int, opening: str) -> tuple[int, bool, Tag | None]:
    """Return where the tag at `start` ends, whether it trims what follows, and the tag."""
    inside = start + 2 + (source[start + 2 : start + 3] in ("-", "+"))
    for found in _STRING_OR_END[opening].finditer(source, inside):
        if found[1]:
            break
    else:
        raise WholeTemplate
    content, end, trim = source[inside : found.start()], found.end(), found[1][0] == "-"
    if opening == "{#":
        return end, trim, None
    if opening == "{%" and content.strip() == "raw":
        close = _ENDRAW.search(source, end)
        if close is None:
            raise WholeTemplate
        return close.end(), close[1] == "-", Tag("raw", content, source[start : close.end()])
    return end, trim, Tag(opening, content, source[start:end])


@dataclass
class _Parser:
    tags: list[Tag]
    at: int = 0
    depth: int = 0

    def nodes(self, closing: frozenset[str]) -> tuple[list[Node], Tag | None]:
        """Read up to a statement named in `closing`, or to the end."""
        found: list[Node] = []
        while self.at < len(self.tags):
            tag = self.tags[self.at]
            self.at += 1
            if tag.kind == "text":
                found.append(Text(tag.content))
            elif tag.kind == "{{":
                found.append(_output(tag))
            elif tag.kind == "raw":
                found.append(Island(tag.source))
            elif tag.word in closing:
                return found, tag
            elif tag.word == "if":
                found.append(self._if(tag))
            elif tag.word in _CLOSED_BY:
                found.append(self._island(tag))
            else:
                raise WholeTemplate
        return found, None

    def _if(self, tag: Tag) -> If:
        self.depth += 1
        if self.depth > _DEEPEST_NESTING:
            raise WholeTemplate
        branches: list[tuple[Condition | None, tuple[Node, ...]]] = []
        condition: Condition | None = _condition(tag.content.strip()[2:])
        while True:
            closing = ("endif",) if condition is None else ("elif", "else", "endif")
            body, end = self.nodes(frozenset(closing))
            branches.append((condition, tuple(body)))
            if end is None or len(branches) > _MOST_BRANCHES:
                raise WholeTemplate
            if end.word == "endif":
                self.depth -= 1
                return If(tuple(branches))
            condition = _condition(end.content.strip()[4:]) if end.word == "elif" else None

    def _island(self, tag: Tag) -> Island:
        """Everything up to the statement that closes `tag`, as it stands in the source."""
        parts, open_words = [tag.source], [tag.word]
        while open_words:
            if self.at == len(self.tags):
                raise WholeTemplate
            inner = self.tags[self.at]
            self.at += 1
            parts.append(inner.source)
            if inner.kind != "{%":
                continue
            if inner.word == _CLOSED_BY[open_words[-1]]:
                open_words.pop()
            elif inner.word in _CLOSED_BY:
                open_words.append(inner.word)
        return Island("".join(parts))


def parse(source: str) -> list[Node]:
    """Read `source`.

    Raises:
        WholeTemplate: minijinja has to render all of it, or say what is wrong with it.
    """
    nodes, _ = _Parser(list(split_tags(source))).nodes(frozenset())
    return nodes


def _output(tag: Tag) -> Node:
    found = _OUTPUT.match(tag.content)
    if not found:
        return Island(tag.source)
    path = tuple(found[1].split("."))
    if len(path) > _LONGEST_PATH or not _RESERVED.isdisjoint(path):
        return Island(tag.source)
    mode: Literal["", "safe", "escape"] = "safe" if found[2] else "escape" if found[3] else ""
    return Output(path, mode, found[4][1:-1] if found[4] else None)


def _condition(expression: str) -> Condition:
    """Read `a.b and (not c == "x" or d)`; anything else is left to minijinja."""
    tokens: list[str] = []
    at = 0
    while expression[at:].strip():
        found = _CONDITION_TOKEN.match(expression, at)
        if not found or len(tokens) == _MOST_CONDITION_TOKENS:
            return Asked(expression)
        tokens.append(found[0].strip())
        at = found.end()
    try:
        condition, rest = _either(tokens, "or")
    except (IndexError, ValueError):
        return Asked(expression)
    return Asked(expression) if rest else condition


def _either(tokens: list[str], operator: Literal["and", "or"]) -> tuple[Condition, list[str]]:
    def operand(tokens: list[str]) -> tuple[Condition, list[str]]:
        return _either(tokens, "and") if operator == "or" else _negation(tokens)

    first, tokens = operand(tokens)
    conditions = [first]
    while tokens and tokens[0] == operator:
        following, tokens = operand(tokens[1:])
        conditions.append(following)
    return (first if len(conditions) == 1 else Either(operator, tuple(conditions))), tokens


def _negation(tokens: list[str]) -> tuple[Condition, list[str]]:
    if tokens[0] == "not":
        inner, tokens = _negation(tokens[1:])
        return Not(inner), tokens
    if tokens[0] == "(":
        inner, tokens = _either(tokens[1:], "or")
        if tokens[0] != ")":
            raise ValueError
        return inner, tokens[1:]
    path = tuple(tokens[0].split("."))
    if not re.match(r"[A-Za-z_]", tokens[0]) or not _RESERVED.isdisjoint(path) or len(path) > _LONGEST_PATH:
        raise ValueError
    if len(tokens) > 1 and tokens[1] in ("==", "!="):
        if tokens[2][0] not in "'\"":
            raise ValueError
        equals = Equals(path, tokens[2][1:-1])
        return (equals if tokens[1] == "==" else Not(equals)), tokens[3:]
    return Path(path), tokens[1:]


def count_islands(nodes: list[Node]) -> int:
    count = 0
    for node in nodes:
        if isinstance(node, Island):
            count += 1
        elif isinstance(node, If):
            for condition, body in node.branches:
                count += isinstance(condition, Asked) + count_islands(list(body))
    return count


def outputs_of(nodes: list[Node]) -> list[Output]:
    found = []
    for node in nodes:
        if isinstance(node, Output):
            found.append(node)
        elif isinstance(node, If):
            for _, body in node.branches:
                found += outputs_of(list(body))
    return found


def paths_of(condition: Condition) -> list[tuple[str, ...]]:
    match condition:
        case Path(path) | Equals(path, _):
            return [path]
        case Not(inner):
            return paths_of(inner)
        case Either(_, conditions):
            return [path for inner in conditions for path in paths_of(inner)]
    return []


def expression_of(condition: Condition) -> str:
    """`condition` in Jinja again."""
    match condition:
        case Path(path):
            return ".".join(path)
        case Equals(path, constant):
            quote = '"' if '"' not in constant else "'"
            return f"({'.'.join(path)} == {quote}{constant}{quote})"
        case Not(inner):
            return f"(not {expression_of(inner)})"
        case Either(operator, conditions):
            return "(" + f" {operator} ".join(expression_of(inner) for inner in conditions) + ")"
        case Asked(expression):
            return expression


def source_of(node: Output) -> str:
    source = ".".join(node.path)
    if node.mode:
        return f"{source}|{node.mode}"
    if node.default is not None:
        quote = '"' if '"' not in node.default else "'"
        return f"{source}|default({quote}{node.default}{quote})"
    return source
