"""Writing the parts of a Go template as Jinja source."""

import re
from dataclasses import dataclass
from typing import Any

from listmonk_py.templating.errors import TemplateError
from listmonk_py.templating.go_fields import METHODS, field_of, method_of
from listmonk_py.templating.go_parser import Parsed
from listmonk_py.templating.go_syntax import (
    Assign,
    Branch,
    Call,
    Dot,
    Expression,
    Field,
    Include,
    Leave,
    Literal,
    Node,
    Print,
    Range,
    Root,
    Text,
    Trim,
    Use,
    Variable,
    Verbatim,
    changed_variable,
)
from listmonk_py.templating.html_place import HtmlPlace

# A template that includes others which include others ... grows with every step.
MAX_INCLUDES = 200
MAX_INCLUDE_DEPTH = 20

COMPARISONS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}

# Called with the dot or without; `links` replaces them.
URL_FUNCTIONS = frozenset(
    ("UnsubscribeURL", "ManageURL", "OptinURL", "MessageURL", "ArchiveURL", "RootURL", "LogoURL", "TrackView")
)

TRACK_LINK = re.compile(r"https?://(?:[^\W_]|[-._~:/?#\[\]@!$&'()*+,;=%]){1,2048}?@TrackLink")

# Fields whose values need no encoding inside a URL.
_URL_SAFE = re.compile(r"\((subscriber|campaign)\.(uuid|id|status)\)|(subscriber|campaign)\.(uuid|id|status)")


@dataclass(frozen=True)
class Written:
    """Jinja code of a value, and what it is: root, subscriber, campaign, tx, time or data."""

    code: str
    kind: str = "data"


ROOT = Written("", "root")


def quoted(text: str) -> str:
    """Return `text` as a Jinja string literal in which no tag can begin or end."""
    text = text.replace("\\", "\\\\").replace('"', '\\"')
    text = re.sub(r"(?<=[{}%#])[{}%#]", lambda found: f"\\u{ord(found[0]):04x}", text)
    return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda found: f"\\u{ord(found[0]):04x}", text) + '"'


class Writer:
    """Writes one parsed template; `html` says that values stand in HTML."""

    def __init__(self, parsed: Parsed, *, html: bool) -> None:
        self._parsed = parsed
        self._place = HtmlPlace() if html else None
        self._out: list[str] = []
        self._dots: list[Written] = [ROOT]
        self._roots: list[Written] = [ROOT]
        self._includes = 0
        self._numbers = 0

    def write(self) -> str:
        self._write_all(self._parsed.nodes)
        return "".join(self._out)

    def _write_all(self, nodes: list[Node]) -> None:
        for node in nodes:
            match node:
                case Text():
                    self._text(node.text)
                case Verbatim():
                    self._out.append(node.text)
                case Print():
                    self._change(node.value)
                    self._print(node)
                case Assign() if (changed := changed_variable(node.value)) is not None:
                    self._change(node.value)
                    self._assign(node.variable, self._use(changed), node.trim, node.declares)
                case Assign():
                    self._assign(node.variable, self._value(node.value).code, node.trim, node.declares)
                case Leave():
                    self._tag(node.word, node.trim)
                case Branch():
                    self._branch(node)
                case Range():
                    self._range(node)
                case Include():
                    self._include(node)

    # Pieces of output

    def _tag(self, code: str, trim: Trim, *, left: bool | None = None, right: bool | None = None) -> None:
        opening = "-" if (trim.left if left is None else left) else ""
        closing = "-" if (trim.right if right is None else right) else ""
        self._out.append(f"{{%{opening} {code} {chr(10) * trim.newlines}{closing}%}}")

    def _text(self, text: str) -> None:
        if self._place is not None:
            self._place.feed(text)
        position = 0
        for found in TRACK_LINK.finditer(text) if "@TrackLink" in text else ():
            self._out.append(_plain(text[position : found.start()]))
            url = found[0].removesuffix("@TrackLink")
            self._out.append(f"{{{{ TrackLink({quoted(url)}) }}}}")
            position = found.end()
        self._out.append(_plain(text[position:]))

    def _change(self, value: Expression) -> None:
        """`set $dictionary ...` assigns the changed dictionary to its variable."""
        changed = changed_variable(value)
        if changed is not None:
            self._assign(changed, self._value(value).code, Trim(), False)

    def _print(self, node: Print) -> None:
        written = self._value(node.value)
        if written.kind in ("root", "subscriber", "campaign", "tx"):
            raise TemplateError("Only single fields can be printed, such as .Subscriber.Name.", node.line)
        code = written.code
        if code.startswith("(") and code.endswith(")") and _one_group(code):
            code = code[1:-1]
        if self._place is not None and not self._is_finished(node.value):
            encoding = self._place.url_part()
            if encoding is not None and not _URL_SAFE.fullmatch(code):
                code = f"{written.code}|url_{encoding}"
            self._place.feed("x")
        trim = node.trim
        opening, closing = "-" if trim.left else "", "-" if trim.right else ""
        self._out.append(f"{{{{{opening} {code} {chr(10) * trim.newlines}{closing}}}}}")

    @staticmethod
    def _is_finished(value: Expression) -> bool:
        """Whether `value` needs no encoding: our own URLs, and what the author calls safe."""
        return isinstance(value, Call) and value.function in URL_FUNCTIONS | {"TrackLink", "Safe", "urlquery"}

    # Variables and the dot

    def _name(self, variable: Variable) -> str:
        return f"v{variable.number}_{re.sub(r'[^A-Za-z0-9_]', '', variable.name)}"

    def _use(self, variable: Variable) -> str:
        return self._name(variable) + (".value" if variable.boxed else "")

    def _assign(self, variable: Variable, code: str, trim: Trim, declares: bool) -> None:
        name = self._name(variable)
        if declares and variable.boxed:
            self._tag(f"set {name} = namespace(value={code})", trim)
        else:
            self._tag(f"set {name}{'.value' if variable.boxed else ''} = {code}", trim)

    def _fresh(self, word: str) -> str:
        self._numbers += 1
        return f"{word}{self._numbers}"

    # Blocks

    def _branch(self, node: Branch) -> None:
        trim, condition = node.trim, self._value(node.condition)
        dot = condition
        first_left: bool | None = None
        if (node.word == "with" and condition.kind == "data") or node.variable is not None:
            name = self._name(node.variable) if node.variable else self._fresh("dot")
            boxed = node.variable is not None and node.variable.boxed
            value = f"namespace(value={condition.code})" if boxed else condition.code
            self._tag(f"set {name} = {value}", Trim(trim.left))
            dot = Written(f"{name}.value" if boxed else name)
            first_left = False
        self._tag(f"if {dot.code or 'true'}", trim, left=first_left)
        if node.word == "with":
            self._dots.append(dot)
        self._write_all(node.body)
        if node.word == "with":
            self._dots.pop()
        if node.orelse is not None:
            # `else if` has no action of its own: the branch inside carries the trimming.
            chained = node.orelse[0] if node.orelse and node.else_trim == Trim() else None
            left = chained.trim.left if isinstance(chained, Branch) else None
            self._tag("else", node.else_trim, left=left)
            self._write_all(node.orelse)
        self._tag("endif", node.end_trim)

    def _range(self, node: Range) -> None:
        over = self._value(node.over).code
        name = self._name(node.value) if node.value else self._fresh("item")
        dot = Written(name)
        if node.key is not None:
            self._tag(f"for {self._name(node.key)}, {name} in go_pairs({over})", node.trim)
        else:
            self._tag(f"for {name} in go_each({over})", node.trim)
        self._dots.append(dot)
        self._write_all(node.body)
        self._dots.pop()
        if node.orelse is not None:
            self._tag("else", node.else_trim)
            self._write_all(node.orelse)
        self._tag("endfor", node.end_trim)

    def _include(self, node: Include) -> None:
        nodes = self._parsed.defined.get(node.name)
        opening, closing = "-" if node.trim.left else "", "-" if node.trim.right else ""
        if nodes is None:
            if node.name != "content":
                raise TemplateError(f'There is no template "{node.name}" defined here.', node.line)
            self._out.append(f"{{{{{opening} content {closing}}}}}")
            return
        self._includes += 1
        if self._includes > MAX_INCLUDES or len(self._roots) > MAX_INCLUDE_DEPTH:
            raise TemplateError(f'The template "{node.name}" includes itself or too many others.', node.line)
        argument = Written("none") if node.argument is None else self._value(node.argument)
        if argument.kind == "data" and not re.fullmatch(r"[\w.]+", argument.code):
            name = self._fresh("dot")
            self._tag(f"set {name} = {argument.code}", Trim(node.trim.left))
            argument = Written(name)
        elif node.trim.left:
            self._out.append("{#- #}")
        outer_dots, self._dots = self._dots, [argument]
        self._roots.append(argument)
        self._write_all(nodes)
        self._roots.pop()
        self._dots = outer_dots
        if node.trim.right:
            self._out.append("{# -#}")

    # Expressions

    def _value(self, node: Expression) -> Written:
        match node:
            case Literal():
                return Written(_literal(node.value))
            case Dot():
                return self._dots[-1]
            case Root():
                return self._roots[-1]
            case Use():
                return Written(self._use(node.variable))
            case Field():
                return self._field(node)
            case Call():
                return self._call(node)
        raise AssertionError(node)

    def _field(self, node: Field) -> Written:
        base = self._value(node.base)
        if base.kind == "time" or node.arguments:
            arguments = [self._value(argument).code for argument in node.arguments]
            return Written(method_of(base.kind, base.code, node.name, arguments, node.line))
        code, kind = field_of(base.kind, base.code, node.name, node.line)
        return Written(code, kind)

    def _call(self, node: Call) -> Written:
        name = node.function
        if name in URL_FUNCTIONS:
            return Written(f"{name}()")
        values = [self._value(argument) for argument in node.arguments]
        if name == "TrackLink":
            values = [value for value in values if value.kind != "root"]
        for value in values:
            if value.kind == "root":
                raise TemplateError(f"{name} cannot take the whole context; name a field.", node.line)
        codes = [value.code for value in values]
        if name == "TrackLink" and len(codes) != 1:
            raise TemplateError('TrackLink needs one URL: {{ TrackLink "https://..." . }}.', node.line)
        return Written(_call_code(name, codes, node.line))


def _call_code(name: str, codes: list[str], line: int) -> str:
    """Return the Jinja code that calls the Go function `name` with arguments `codes`."""
    if name == "call":
        raise TemplateError("call is not available: there are no functions to be called in the data.", line)
    if name in COMPARISONS:
        return _comparison(name, codes, line)
    if name in ("and", "or"):
        _need(name, codes, 1, line)
        return "(" + f" {name} ".join(codes) + ")"
    if name == "not":
        _need(name, codes, 1, line)
        return f"(not {codes[0]})"
    if name == "index":
        _need(name, codes, 1, line)
        code = codes[0]
        for key in codes[1:]:
            code = f"go_field({code}, {key})" if key.strip('"') in METHODS else f"{code}[{key}]"
        return code
    if name in ("Safe", "html"):
        _need(name, codes, 1, line)
        return f"({codes[0]}|{'safe' if name == 'Safe' else 'escape'})"
    if name == "TrackLink":
        return f"TrackLink({codes[0]})"
    if name == "default" and len(codes) == 2:
        return f"({codes[1]}|default({codes[0]}, true))"
    return f"{name.replace('L.', 'L_') if name.startswith('L.') else 'go_' + name}({', '.join(codes)})"


def _comparison(name: str, codes: list[str], line: int) -> str:
    _need(name, codes, 2, line)
    sign = COMPARISONS[name]
    if name == "eq" and len(codes) > 2:
        return "(" + " or ".join(f"{codes[0]} == {code}" for code in codes[1:]) + ")"
    if len(codes) > 2:
        raise TemplateError(f"{name} takes two values.", line)
    return f"({codes[0]} {sign} {codes[1]})"


def _need(name: str, codes: list[str], count: int, line: int) -> None:
    if len(codes) < count:
        raise TemplateError(f"{name} needs at least {count} value{'s' if count > 1 else ''}.", line)


def _literal(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quoted(value)
    return f"({value})" if value < 0 else repr(value)


def _plain(text: str) -> str:
    """Return text in which "{%" and "{#", ordinary characters in Go, begin no tag."""
    return re.sub(r"\{[%#]", lambda found: "{{ " + quoted(found[0]) + "|safe }}", text)


def _one_group(code: str) -> bool:
    """Whether the first parenthesis of `code` is closed by the last one."""
    depth = 0
    for position, character in enumerate(re.sub(r'"(?:\\.|[^"\\])*"', lambda s: "_" * len(s[0]), code)):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return position == len(code) - 1
    return False
