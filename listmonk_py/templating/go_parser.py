"""Parsing Go template source into the parts of `go_syntax`; Jinja in between is passed through."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field

from listmonk_py.templating.errors import TemplateError
from listmonk_py.templating.go_expression import CONSTANTS, Cursor
from listmonk_py.templating.go_lexer import Piece, Word, pieces, words
from listmonk_py.templating.go_syntax import (
    Assign,
    Branch,
    Expression,
    Include,
    Leave,
    Node,
    Print,
    Range,
    Text,
    Trim,
    Variable,
    Verbatim,
    changed_variable,
)

KEYWORDS = frozenset(
    ["if", "else", "end", "range", "with", "define", "template", "block", "break", "continue"]
)

# Deeper nesting is no mail, and would end in Python's own recursion limit.
MAX_DEPTH = 50

# A field or variable, which Jinja has in no expression.
_GO_OPERAND = re.compile(r"(?:^|[\s(|])(?:\.[^\W\d]|\$)")

# Names that Jinja source assigns itself; alone in {{ }} they are not Go's functions.
_JINJA_NAMES = re.compile(r"\{%[-+]?\s*(?:set|for|with|macro|import)\s+([^=%]*?)(?:=|\bin\b|%\})")


@dataclass
class Parsed:
    """A template and the templates it defines by name."""

    nodes: list[Node]
    defined: dict[str, list[Node]] = field(default_factory=dict)


@dataclass
class _Open:
    """A block that waits for its `end`; `nodes` is where its content goes at the moment."""

    word: str
    line: int
    nodes: list[Node]
    block: Branch | Range | Include | None
    scope: int
    floor: int
    chained: bool = False


class Parser:
    """Parses one source; `functions` are the names an action may call."""

    def __init__(self, source: str, functions: Collection[str], nullary: Collection[str]) -> None:
        self._source = source
        self._functions = functions
        self._nullary = nullary
        self._jinja_names = {
            name for found in _JINJA_NAMES.finditer(source) for name in re.findall(r"\w+", found[1])
        }
        self._scope: list[Variable] = []
        self._floor = 0
        self._numbers = 0
        self._open: list[_Open] = []
        self._result = Parsed([])
        self._nodes = self._result.nodes

    def parse(self) -> Parsed:
        """Raises: TemplateError, with the line."""
        for piece in pieces(self._source):
            if piece.kind == "text":
                self._nodes.append(Text(piece.text))
            elif piece.kind == "action":
                self._action(piece)
            else:
                self._nodes.append(Verbatim(piece.text))
        if self._open:
            left = self._open[-1]
            raise TemplateError(f"This {{{{ {left.word} }}}} has no {{{{ end }}}}.", left.line)
        return self._result

    # One action

    def _action(self, piece: Piece) -> None:
        inside = piece.text[2:-2]
        left = bool(re.match(r"-\s", inside))
        right = bool(re.search(r"\s-$", inside))
        trim = Trim(left, right, piece.text.count("\n"))
        inside = inside[1 if left else 0 : -1 if right else None]
        if re.fullmatch(r"\s*/\*.*\*/\s*", inside, re.DOTALL):
            self._nodes.append(Verbatim(_trimming(trim)))
            return
        go = self._go_words(inside, piece)
        if go is None:
            self._nodes.append(Verbatim(piece.text))
            return
        cursor = Cursor(go, self, piece.line)
        if go[0].kind == "name" and go[0].text in KEYWORDS:
            cursor.position = 1
            getattr(self, f"_{go[0].text}")(cursor, trim)
        else:
            self._nodes.append(self._statement(cursor, trim))
        cursor.expect_end()

    def _go_words(self, inside: str, piece: Piece) -> list[Word] | None:
        """Return the words when the action is Go; None when it is Jinja (docs/templating.md has the rule)."""
        try:
            found = words(inside, piece.line)
        except TemplateError:
            if _GO_OPERAND.search(inside):
                raise
            return None
        if not found:
            raise TemplateError("This {{ }} is empty.", piece.line)
        first = found[0]
        if first.kind == "name" and first.text in KEYWORDS and first.text not in self._jinja_names:
            return found
        leading = [first, *(word for word in found if word.spaced or _opens(found, word))]
        if any(word.kind in ("field", "variable") or word.text == "." for word in leading):
            return found
        return found if self._calls_go(found) else None

    def _calls_go(self, found: list[Word]) -> bool:
        """Whether these words, which hold neither fields nor variables, are a Go call."""
        names = [w for w in found if w.kind == "name" and w.text not in CONSTANTS]
        if any(w.text in (",", "=") for w in found):
            return False
        if found[0].text == "L" and len(found) > 1 and found[1].kind == "field":
            return True
        if any(w.text.startswith("`") for w in found):
            return True
        fields = [at for at, w in enumerate(found) if w.kind == "field"]
        if any(found[at - 1].text != ")" and found[at - 1].kind != "field" for at in fields) or not names:
            return False
        if any(w.text not in self._functions or w.text in self._jinja_names for w in names):
            return False
        following = [*found[1:], None]
        calls = [(w, after) for w, after in zip(found, following, strict=True) if w in names]
        if any(after is not None and after.text == "(" and not after.spaced for _, after in calls):
            return False
        # A name alone is a call only when the function needs nothing; after a pipe it has its argument.
        if found[0].kind == "name" and (len(found) == 1 or found[1].text == "|"):
            return found[0].text in self._nullary
        return found[0].kind == "name" or any(
            after is not None and after.kind in ("string", "number", "name") for _, after in calls
        )

    def _statement(self, cursor: Cursor, trim: Trim) -> Node:
        """`$x := pipeline`, `$x = pipeline` or `pipeline`."""
        name = cursor.assignment()
        if name is None:
            value = cursor.pipeline()
            self._changes(value)
            return Print(value, cursor.line, trim)
        variable, mark = name
        value = cursor.pipeline()
        self._changes(value)
        if mark == ":=":
            return Assign(self.declare(variable.value), value, True, trim)
        found = self.find(variable)
        self._assigned(found)
        return Assign(found, value, False, trim)

    # Variables

    def _assigned(self, variable: Variable) -> None:
        if variable.loop_depth < self._loop_depth:
            variable.boxed = True

    def _changes(self, value: Expression) -> None:
        """Take note that `set $dictionary ...` assigns to the variable."""
        changed = changed_variable(value)
        if changed is not None:
            self._assigned(changed)

    def declare(self, name: str) -> Variable:
        self._numbers += 1
        variable = Variable(name, self._numbers, self._loop_depth)
        self._scope.append(variable)
        return variable

    def find(self, word: Word) -> Variable:
        for variable in reversed(self._scope[self._floor :]):
            if variable.name == word.value:
                return variable
        raise TemplateError(f"The variable ${word.value} is not declared here.", word.line, word.column)

    @property
    def _loop_depth(self) -> int:
        return sum(1 for block in self._open if isinstance(block.block, Range))

    def knows(self, name: str) -> bool:
        return name in self._functions

    # Blocks

    def _push(self, word: str, line: int, nodes: list[Node], block: Branch | Range | Include | None) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise TemplateError(f"Blocks are nested deeper than {MAX_DEPTH}.", line)
        self._open.append(_Open(word, line, self._nodes, block, len(self._scope), self._floor))
        self._nodes = nodes

    def _branch(self, word: str, cursor: Cursor, trim: Trim) -> Branch:
        scope = len(self._scope)
        name = cursor.assignment()
        condition = cursor.pipeline()
        branch = Branch(word, condition, None, trim)
        self._nodes.append(branch)
        self._push(word, cursor.line, branch.body, branch)
        self._open[-1].scope = scope
        if name is not None:
            branch.variable = self.declare(name[0].value)
        return branch

    def _if(self, cursor: Cursor, trim: Trim) -> None:
        self._branch("if", cursor, trim)

    def _with(self, cursor: Cursor, trim: Trim) -> None:
        self._branch("with", cursor, trim)

    def _range(self, cursor: Cursor, trim: Trim) -> None:
        scope = len(self._scope)
        names = cursor.range_names()
        block = Range(cursor.pipeline(), None, None, trim)
        self._nodes.append(block)
        self._push("range", cursor.line, block.body, block)
        self._open[-1].scope = scope
        declared = [self.declare(name.value) for name in names]
        if len(declared) == 2:
            block.key, block.value = declared
        elif declared:
            block.value = declared[0]

    def _else(self, cursor: Cursor, trim: Trim) -> None:
        if not self._open or not isinstance(self._open[-1].block, (Branch, Range)):
            raise TemplateError("This {{ else }} belongs to no if, with or range.", cursor.line)
        opened = self._open[-1]
        block = opened.block
        assert isinstance(block, (Branch, Range))
        if block.orelse is not None:
            raise TemplateError(f"This {{{{ {opened.word} }}}} has a second {{{{ else }}}}.", cursor.line)
        block.orelse = []
        self._nodes = block.orelse
        if isinstance(block, Range):
            # What follows runs outside the loop.
            opened.block = None
            opened.word = "range"
        following = cursor.word_if("if", "with")
        if following is None:
            block.else_trim = trim
            return
        if isinstance(block, Range):
            raise TemplateError(f"Write {{{{ else }}}}{{{{ {following} ... }}}} after a range.", cursor.line)
        self._branch(following, cursor, trim)
        self._open[-1].chained = True

    def _end(self, cursor: Cursor, trim: Trim) -> None:
        if not self._open:
            raise TemplateError("This {{ end }} closes nothing.", cursor.line)
        while True:
            opened = self._open.pop()
            self._nodes = opened.nodes
            del self._scope[opened.scope :]
            if isinstance(opened.block, (Branch, Range)):
                opened.block.end_trim = trim
            elif opened.word == "range":
                loop = self._nodes[-1]
                assert isinstance(loop, Range)
                loop.end_trim = trim
            elif opened.word in ("define", "block"):
                self._nodes.append(Verbatim(_trimming(Trim(False, trim.right))))
            self._floor = opened.floor
            if not opened.chained:
                return

    def _definition(self, word: str, cursor: Cursor) -> str:
        name = cursor.string(f"{word} needs a name in quotes")
        if any(opened.word in ("define", "block") for opened in self._open):
            raise TemplateError(f"{{{{ {word} }}}} cannot stand inside another definition.", cursor.line)
        return name

    def _define(self, cursor: Cursor, trim: Trim) -> None:
        if self._open:
            raise TemplateError("{{ define }} cannot stand inside another block.", cursor.line)
        name = self._definition("define", cursor)
        nodes: list[Node] = []
        self._result.defined[name] = nodes
        self._nodes.append(Verbatim(_trimming(trim)))
        self._push("define", cursor.line, nodes, None)
        self._floor = len(self._scope)

    def _block(self, cursor: Cursor, trim: Trim) -> None:
        name = self._definition("block", cursor)
        argument = cursor.pipeline()
        nodes: list[Node] = []
        self._result.defined.setdefault(name, nodes)
        self._nodes.append(Include(name, argument, cursor.line, trim))
        self._push("block", cursor.line, nodes, None)
        self._floor = len(self._scope)

    def _template(self, cursor: Cursor, trim: Trim) -> None:
        name = cursor.string("template needs a name in quotes")
        argument = None if cursor.at_end() else cursor.pipeline()
        self._nodes.append(Include(name, argument, cursor.line, trim))

    def _leave(self, word: str, cursor: Cursor, trim: Trim) -> None:
        if not self._loop_depth:
            raise TemplateError(f"{{{{ {word} }}}} stands outside a range.", cursor.line)
        self._nodes.append(Leave(word, trim))

    def _break(self, cursor: Cursor, trim: Trim) -> None:
        self._leave("break", cursor, trim)

    def _continue(self, cursor: Cursor, trim: Trim) -> None:
        self._leave("continue", cursor, trim)


def _trimming(trim: Trim) -> str:
    """Return a Jinja comment that trims as `trim` says and keeps the count of lines."""
    if not (trim.left or trim.right or trim.newlines):
        return ""
    return f"{{#{'-' if trim.left else ''}{chr(10) * trim.newlines} {'-' if trim.right else ''}#}}"


def _opens(found: list[Word], word: Word) -> bool:
    """Whether `word` directly follows an opening parenthesis or a pipe."""
    at = found.index(word)
    return at > 0 and found[at - 1].text in ("(", "|", ":=", "=", ",")
