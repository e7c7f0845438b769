"""The parts of a Go template after parsing."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(eq=False)
class Variable:
    """A `$name`. Boxed when a loop inside its scope assigns to it: Jinja keeps no plain assignment there."""

    name: str
    number: int
    loop_depth: int
    boxed: bool = False


@dataclass(frozen=True)
class Literal:
    value: Any


@dataclass(frozen=True)
class Dot:
    """`.`, the current value."""


@dataclass(frozen=True)
class Root:
    """`$`, the value the template was started with."""


@dataclass(frozen=True)
class Use:
    variable: Variable


@dataclass(frozen=True)
class Field:
    """`base.name`, or a method call when there are arguments."""

    base: "Expression"
    name: str
    line: int
    arguments: tuple["Expression", ...] = ()


@dataclass(frozen=True)
class Call:
    function: str
    arguments: tuple["Expression", ...]
    line: int


Expression = Literal | Dot | Root | Use | Field | Call


def changed_variable(value: Expression) -> Variable | None:
    """Return the variable whose dictionary `set` or `unset` changes; our dictionaries cannot change."""
    if isinstance(value, Call) and value.function in ("set", "unset") and value.arguments:
        first = value.arguments[0]
        return first.variable if isinstance(first, Use) else None
    return None


@dataclass(frozen=True)
class Trim:
    """Whether an action swallows the white space before and after it, and how many lines it spans."""

    left: bool = False
    right: bool = False
    newlines: int = 0


@dataclass(frozen=True)
class Text:
    text: str


@dataclass(frozen=True)
class Verbatim:
    """Jinja source, and Go comments that only trim: passed through."""

    text: str


@dataclass(frozen=True)
class Print:
    value: Expression
    line: int
    trim: Trim


@dataclass(frozen=True)
class Assign:
    """`$x := value` (declares) or `$x = value`."""

    variable: Variable
    value: Expression
    declares: bool
    trim: Trim


@dataclass(frozen=True)
class Leave:
    """`break` or `continue`."""

    word: str
    trim: Trim


@dataclass
class Branch:
    """`if` or `with`: `variable` is declared in the condition. `orelse` None when there is no else."""

    word: str
    condition: Expression
    variable: Variable | None
    trim: Trim
    body: list["Node"] = field(default_factory=list)
    else_trim: Trim = Trim()
    orelse: list["Node"] | None = None
    end_trim: Trim = Trim()


@dataclass
class Range:
    """`range`, with the variables of its key and value."""

    over: Expression
    key: Variable | None
    value: Variable | None
    trim: Trim
    body: list["Node"] = field(default_factory=list)
    else_trim: Trim = Trim()
    orelse: list["Node"] | None = None
    end_trim: Trim = Trim()


@dataclass(frozen=True)
class Include:
    """`template "name" argument`."""

    name: str
    argument: Expression | None
    line: int
    trim: Trim
    end_trim: Trim = Trim()


Node = Text | Verbatim | Print | Assign | Leave | Branch | Range | Include
