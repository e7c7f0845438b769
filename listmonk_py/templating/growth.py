"""Refusing templates whose texts double until the memory is full.

The engine's fuel bounds time, not memory: `{% set a = a ~ a %}` forty times over is cheap to run and
fills any machine. Per recipient data could switch such a piece on after the trial rendering, so what
could grow is refused by its form. Text built from a few others, counters and lists of things to print
remain possible; docs/templating.md shows what to write instead.
"""

import re
from dataclasses import dataclass, field

from listmonk_py.templating.go_lexer import Piece, pieces

# How many copies of other texts a variable may hold.
MAX_COPIES = 2_000

# What is printed inside a loop into a captured text counts this often.
LOOP_COPIES = 100

# Longer literals than this count as several copies.
LITERAL_CHARS = 200

_STRING = r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\''
_WORD = re.compile(
    rf"(?P<string>{_STRING})|(?P<name>(?<![\w.])[^\W\d]\w*(?:\.\w+)*)|(?P<number>(?<![\w.])\d[\d_.]*)"
)
_ASSIGN = re.compile(r"set\s+(?P<name>[\w.]+)\s*=(?P<value>.*)$", re.DOTALL)
_CAPTURE = re.compile(r"set\s+(?P<name>[\w.]+)\s*(?:\|.*)?$", re.DOTALL)
_WITH = re.compile(r"(?P<name>\w+)\s*=(?P<value>(?:[^,\"'(\[]|\"[^\"]*\"|'[^']*'|\([^()]*\)|\[[^\[\]]*\])*)")
_FOR = re.compile(r"for\s+(?P<names>.+?)\s+in\s+(?P<over>.*)$", re.DOTALL)
_MACRO = re.compile(r"macro\s+(?P<name>\w+)\s*\((?P<names>.*)\)\s*$", re.DOTALL)
_MULTIPLIES = re.compile(r"\*|\|\s*(?:replace|join|indent|format)\b|\.(?:replace|join|format)\s*\(")
_COUNTER = re.compile(r"\s*[\w.]+\s*[-+]\s*[\d.]+\s*|\s*[\d.]+\s*\+\s*[\w.]+\s*")

# Jinja's words, and names that stand for no text.
_NO_TEXT = frozenset(
    [
        "and",
        "or",
        "not",
        "in",
        "is",
        "if",
        "else",
        "true",
        "false",
        "none",
        "loop",
        "range",
        "true",
        "True",
        "False",
        "None",
    ]
)


class Growth(ValueError):
    """A template that could fill the memory; `line` counts from 1."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


@dataclass
class _Block:
    word: str
    loop: bool
    capture: str = ""
    copies: int = 0


@dataclass
class _Lint:
    weights: dict[str, int] = field(default_factory=dict)
    blocks: list[_Block] = field(default_factory=list)
    macros: set[str] = field(default_factory=set)

    @property
    def looping(self) -> bool:
        return any(block.loop for block in self.blocks)

    def weigh(self, expression: str, line: int) -> int:
        """Return how many copies of other texts the value of `expression` may hold, at most."""
        found = list(_WORD.finditer(expression))
        weights = [self._weight(word) for word in found]
        calls_macro = any(word["name"] in self.macros for word in found)
        if calls_macro or _MULTIPLIES.search(re.sub(_STRING, '""', expression)):
            total = 1
            for weight in weights:
                total *= max(weight, 1)
        else:
            total = sum(weights)
        if total > MAX_COPIES:
            raise Growth("This text is built from too many copies of others; it could fill the memory.", line)
        return total

    def _weight(self, word: re.Match[str]) -> int:
        if word["string"]:
            return 1 + len(word["string"]) // LITERAL_CHARS
        if word["number"]:
            return 1
        name = word["name"]
        if name in _NO_TEXT:
            return 0
        return self.weights.get(name, self.weights.get(name.partition(".")[0], 1))

    def assign(self, name: str, value: str, line: int) -> None:
        weight = self.weigh(value, line)
        if "." in name and self.looping and not _COUNTER.fullmatch(value):
            self._in_loop(name, value, line)
        self.weights[name] = max(weight, self.weights.get(name, 0))

    def _in_loop(self, name: str, value: str, line: int) -> None:
        """A namespace keeps its value from turn to turn: each turn may add to it, never multiply it."""
        bare = re.sub(_STRING, '""', value)
        space = name.partition(".")[0]
        kept = re.findall(rf"(?<![\w.]){space}\.\w+", bare)
        calls = re.fullmatch(r"\s*go_\w+\(.*\)\s*", bare, re.DOTALL)
        grows = _MULTIPLIES.search(bare) or re.search(r"[\[{]", bare)
        if (len(kept) > 1 and not calls) or (kept and grows):
            raise Growth(
                f"{name} is made from itself in a loop and could fill the memory; "
                "add one thing at a time, or print inside the loop.",
                line,
            )


def check_growth(source: str) -> None:
    """Refuse Jinja source whose texts can grow beyond any bound.

    Raises:
        Growth: with the line and the reason.
    """
    lint = _Lint()
    for piece in pieces(source):
        if piece.kind == "statement":
            _statement(lint, piece)
        elif piece.kind == "action":
            copies = lint.weigh(piece.text[2:-2], piece.line)
            _calls(lint, piece.text, piece.line)
            _printed(lint, copies, piece.line)
        elif piece.kind == "text":
            _printed(lint, len(piece.text) // LITERAL_CHARS, piece.line)


def _printed(lint: _Lint, copies: int, line: int) -> None:
    times = LOOP_COPIES if lint.looping else 1
    for block in lint.blocks:
        if block.capture:
            block.copies += copies * times
            if block.copies > MAX_COPIES:
                raise Growth("This captured text is too long; print it where it is needed.", line)


def _calls(lint: _Lint, text: str, line: int) -> None:
    """A macro that calls itself runs as long as it likes."""
    inside = {block.capture[1:] for block in lint.blocks if block.word == "macro"}
    for name in inside:
        if re.search(rf"(?<![\w.]){name}\s*\(", text):
            raise Growth(f"The macro {name} calls itself; use a loop.", line)
    if inside and re.search(r"(?<![\w.])loop\s*\(|(?<![\w.])caller\s*\(", text):
        raise Growth("A macro cannot call its caller or a loop; print the text directly.", line)


def _statement(lint: _Lint, piece: Piece) -> None:
    inside = piece.text[2:-2].strip("-+").strip()
    word = inside.partition(" ")[0]
    line = piece.line
    _calls(lint, inside, line)
    if word in ("include", "import", "from", "extends"):
        raise Growth(f"{word} is not available: a message has no other files.", line)
    if word.startswith("end"):
        _close(lint, line)
    elif word == "set":
        assigned, captured = _ASSIGN.match(inside), _CAPTURE.match(inside)
        if assigned and not (captured and "=" not in inside.partition("|")[0]):
            lint.assign(assigned["name"], assigned["value"], line)
        elif captured:
            if "." in captured["name"] and lint.looping:
                raise Growth("A block cannot be captured into a namespace inside a loop.", line)
            lint.blocks.append(_Block("set", False, captured["name"]))
    elif word == "for":
        _for(lint, inside, line)
    elif word == "macro":
        _macro(lint, inside, line)
    elif word == "with":
        for assignment in _WITH.finditer(inside[4:]):
            lint.assign(assignment["name"], assignment["value"], line)
        lint.blocks.append(_Block("with", False))
    elif word in ("if", "filter", "block", "autoescape", "call"):
        lint.weigh(inside, line)
        lint.blocks.append(_Block(word, False))


def _for(lint: _Lint, inside: str, line: int) -> None:
    found = _FOR.match(inside)
    if found and re.search(r"\brecursive\s*$", found["over"]):
        raise Growth("Recursive loops are not available.", line)
    if found:
        weight = lint.weigh(found["over"], line)
        for name in re.findall(r"\w+", found["names"]):
            lint.weights[name] = max(weight, 1)
    lint.blocks.append(_Block("for", True))


def _macro(lint: _Lint, inside: str, line: int) -> None:
    found = _MACRO.match(inside)
    if any(block.word == "macro" for block in lint.blocks):
        raise Growth("A macro cannot be defined inside another.", line)
    if found:
        for name in re.findall(r"(\w+)\s*(?:=[^,]*)?(?:,|$)", found["names"]):
            lint.weights[name] = 1
        lint.macros.add(found["name"])
    lint.blocks.append(_Block("macro", False, "\0" + (found["name"] if found else "")))


def _close(lint: _Lint, line: int) -> None:
    if not lint.blocks:
        return
    block = lint.blocks.pop()
    if block.word == "set":
        lint.weights[block.capture] = max(block.copies, 1, lint.weights.get(block.capture, 0))
    elif block.word == "macro":
        # A call returns this many copies of its largest argument, at least.
        lint.weights[block.capture[1:]] = max(block.copies, 1)
