"""Render a template to wire form at the speed of concatenation.

A template is compiled once into a Python function that puts constant pieces, already encoded, and values,
encoded as they come, into one list. Only the parsed tree becomes code: every piece of the author's text is
a constant in a table. What is more than paths and conditions is an island that minijinja renders; its
longer constant texts pass through minijinja as short tokens and leave as encoded pieces.

Both engines give the same message; tests/mail/test_segments.py holds them to it.
"""

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import minijinja

from listmonk_py.templating.environment import environment, explained, render
from listmonk_py.templating.quoted_printable import encode_piece
from listmonk_py.templating.segment_syntax import (
    Asked,
    Condition,
    Either,
    Equals,
    If,
    Island,
    Node,
    Not,
    Output,
    Path,
    Text,
    WholeTemplate,
    count_islands,
    expression_of,
    outputs_of,
    parse,
    paths_of,
    source_of,
    split_tags,
)
from listmonk_py.templating.segment_values import UNDEFINED, as_mapping, encoder_qp, encoder_text, shower
from listmonk_py.templating.values import freeze

Encoding = Literal["qp", "text"]

ROOT = "subscriber"

# Shorter texts cost less to encode again than to carry through as a token.
_SHORTEST_TOKEN_TEXT = 48
# Each island has minijinja's fuel of its own; a template of many islands is rendered whole, on one tank.
_MOST_ISLANDS = 40


class SegmentTemplate:
    """A compiled template.

    Attributes:
        islands: how many pieces minijinja renders; 0 for an ordinary body.
        fixed: the pieces, when they are the same for everybody; else None.
        size_bytes: about what it keeps in memory.
    """

    def __init__(
        self, run: Callable[..., None], *, islands: int, size_bytes: int, fixed: list[Any] | None
    ) -> None:
        self.render_into = run
        self.fixed = fixed
        self.islands = islands
        self.size_bytes = size_bytes

    # render_into(out, recipient, extra={}): append the pieces for `recipient` (keys as in contract 6.2: id,
    # uuid, email, name, first_name, last_name, status, attribs, created_at, updated_at) to the list `out`.
    # `extra` holds the data of the other names. Raises TemplateError when an island cannot be rendered;
    # `out` then holds an incomplete message.
    render_into: Callable[..., None]


def compile_segments(
    source: str,
    *,
    html: bool,
    encoding: Encoding = "qp",
    constants: Mapping[str, Any] | None = None,
    functions: Mapping[str, Callable[..., Any]] | None = None,
    extra_names: Sequence[str] = (),
) -> SegmentTemplate:
    """Compile Jinja `source`, in which `subscriber` varies with every rendering.

    Args:
        html: escape values for HTML.
        encoding: "qp" gives bytes pieces in quoted-printable wire form (see `quoted_printable`),
            "text" gives str pieces.
        constants: further names with plain data, such as `campaign`; folded in where a path names them.
        functions: further functions, callable from islands.
        extra_names: further names that vary, such as `tx`.

    Raises:
        TemplateError: minijinja cannot compile the source, with the line.
    """
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    engine = environment(html=html, functions=functions)
    try:
        engine.add_template("whole", source)
    except minijinja.TemplateError as error:
        raise explained(error) from error
    compiler = _Compiler(engine, html=html, encoding=encoding, constants=freeze(constants or {}))
    compiler.varying |= set(extra_names)
    try:
        nodes = compiler.fold(parse(source))
        if count_islands(nodes) > _MOST_ISLANDS:
            raise WholeTemplate
    except WholeTemplate:
        nodes = [Island(source)]
    return compiler.compile(nodes)


class _Compiler:
    def __init__(
        self, engine: minijinja.Environment, *, html: bool, encoding: Encoding, constants: Mapping[str, Any]
    ) -> None:
        self.engine = engine
        self.constants = constants
        self.encode: Callable[[str], Any] = encode_piece if encoding == "qp" else str
        encoder = encoder_qp if encoding == "qp" else encoder_text
        self.table: dict[str, Any] = {"U": UNDEFINED, "as_mapping": as_mapping, "context": self.context}
        for mode in ("", "safe", "escape"):
            escaped = html if mode == "" else mode == "escape"
            self.table[f"put_{mode}"] = encoder(escaped, shower(engine, mode))
        self.lines: list[str] = []
        self.prefixes: dict[tuple[str, ...], str] = {(): "x", (ROOT,): "s"}
        self.varying = frozenset([ROOT])
        self.islands = 0
        self.size_bytes = 0

    # --- constants ---

    def fold(self, nodes: list[Node]) -> list[Node]:
        """Put in what is the same for every recipient, and join adjacent texts."""
        folded: list[Node] = []
        for node in nodes:
            if isinstance(node, Output) and node.path[0] in self.constants:
                node = Text(self._fixed(node))
            elif isinstance(node, Output) and node.path[0] not in self.varying:
                node = Island("{{ " + source_of(node) + " }}")
            elif isinstance(node, If):
                node = If(tuple((self._known(c), tuple(self.fold(list(body)))) for c, body in node.branches))
            if isinstance(node, Text) and folded and isinstance(folded[-1], Text):
                folded[-1] = Text(folded[-1].text + node.text)
            elif not (isinstance(node, Text) and not node.text):
                folded.append(node)
        return folded

    def _fixed(self, node: Output) -> str:
        name = self._add("{{ " + source_of(node) + " }}")
        return render(self.engine, name, self.constants)

    def _known(self, condition: Condition | None) -> Condition | None:
        """A condition about anything but the recipient is minijinja's."""
        if condition is None or all(path[0] in self.varying for path in paths_of(condition)):
            return condition
        return Asked(expression_of(condition))

    # --- code ---

    def compile(self, nodes: list[Node]) -> SegmentTemplate:
        repeated = self._repeated(nodes)
        self._block(nodes, 1, repeated)
        body = self.lines
        head = [" " + line for line in self._head(repeated)]
        code = "def run(out, s, x={}):\n" + "\n".join(head + (body or [" pass"]))
        exec(compile(code, "<segments>", "exec"), self.table)  # noqa: S102 - names and constants are ours
        varies = any(not isinstance(node, Text) for node in nodes)
        return SegmentTemplate(
            self.table["run"],
            islands=self.islands,
            size_bytes=self.size_bytes + 3 * len(code),
            fixed=None if varies else [self.encode(node.text) for node in nodes if isinstance(node, Text)],
        )

    def _repeated(self, nodes: list[Node]) -> dict[Output, str]:
        """Values that stand in several places are encoded once per recipient."""
        seen: dict[Output, int] = {}
        for output in outputs_of(nodes):
            seen[output] = seen.get(output, 0) + 1
        often = [output for output, count in seen.items() if count > 1]
        return {output: f"v{i}" for i, output in enumerate(often)}

    def _head(self, repeated: Mapping[Output, str]) -> list[str]:
        values = [f"{name} = {self._call(output)}" for output, name in repeated.items()]
        lines = []
        for path, name in self.prefixes.items():
            if name not in ("s", "x"):
                parent = self.prefixes[path[:-1]]
                lines.append(f"{name} = {parent}.get({self._constant(path[-1])})")
                lines.append(f"if type({name}) is not dict: {name} = as_mapping({name})")
        if self.islands:
            lines.append("c = context(s, x)")
        return lines + values

    def _block(self, nodes: list[Node], indent: int, repeated: Mapping[Output, str]) -> None:
        margin = " " * indent
        row: list[str] = []

        def flush() -> None:
            if row:
                self.lines.append(f"{margin}out += ({', '.join(row)},)")
                row.clear()

        for node in nodes:
            if isinstance(node, Text):
                row.append(self._constant(self.encode(node.text)))
            elif isinstance(node, Output):
                row.append(repeated.get(node) or self._call(node))
            elif isinstance(node, Island):
                flush()
                self.lines.append(f"{margin}out += {self._island(node.source)}(c)")
            else:
                flush()
                self._if(node, indent, repeated)
        flush()

    def _if(self, node: If, indent: int, repeated: Mapping[Output, str]) -> None:
        margin, word = " " * indent, "if"
        for condition, body in node.branches:
            test = "else" if condition is None else f"{word} {self._test(condition)}"
            self.lines.append(f"{margin}{test}:")
            self.lines.append(f"{margin} pass")
            self._block(list(body), indent + 1, repeated)
            word = "elif"

    def _test(self, condition: Condition) -> str:
        match condition:
            case Path(path):
                return self._lookup(path, "")
            case Equals(path, constant):
                return f"({self._lookup(path, '')} == {self._constant(constant)})"
            case Not(inner):
                return f"(not {self._test(inner)})"
            case Either(operator, conditions):
                return "(" + f" {operator} ".join(self._test(c) for c in conditions) + ")"
            case Asked(expression):
                return f"{self._question(expression)}(c)"

    def _call(self, node: Output) -> str:
        lookup = self._lookup(node.path, ", U")
        if node.default is None:
            return f"put_{node.mode}({lookup})"
        return f"put_({self._lookup(node.path, ', ' + self._constant(node.default))})"

    def _lookup(self, path: tuple[str, ...], default: str) -> str:
        if path == (ROOT,):
            return "s"
        return f"{self._prefix(path[:-1])}.get({self._constant(path[-1])}{default})"

    def _prefix(self, path: tuple[str, ...]) -> str:
        if path not in self.prefixes:
            self._prefix(path[:-1])
            self.prefixes[path] = f"p{len(self.prefixes)}"
        return self.prefixes[path]

    def _constant(self, value: Any) -> str:
        name = f"k{len(self.table)}"
        self.table[name] = value
        self.size_bytes += len(value) + 60
        return name

    # --- islands ---

    def context(self, recipient: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
        return {**self.constants, **freeze(extra), ROOT: freeze(recipient)}

    def _add(self, source: str) -> str:
        name = f"t{len(self.table)}_{secrets.token_hex(4)}"
        self.engine.add_template(name, source)
        return name

    def _question(self, expression: str) -> str:
        engine, name = self.engine, self._add("{% if " + expression + " %}1{% endif %}")
        self.islands += 1
        return self._constant_function(lambda context: render(engine, name, context) == "1")

    def _island(self, source: str) -> str:
        engine, encode = self.engine, self.encode
        nonce = f"\x02{secrets.token_hex(5)}:"
        text, pieces = _with_tokens(source, nonce, encode)
        name = self._add(text)
        split = re.compile(nonce + r"(\d+)\x03").split
        self.islands += 1
        self.size_bytes += 4 * len(text) + sum(map(len, pieces))

        def run(context: dict[str, Any]) -> list[Any]:
            parts = split(render(engine, name, context))
            return [pieces[int(part)] if i % 2 else encode(part) for i, part in enumerate(parts) if part]

        return self._constant_function(run)

    def _constant_function(self, function: Callable[..., Any]) -> str:
        name = f"f{len(self.table)}"
        self.table[name] = function
        return name


def _with_tokens(source: str, nonce: str, encode: Callable[[str], Any]) -> tuple[str, list[Any]]:
    """Swap the longer constant texts of an island for tokens; return it and the encoded texts.

    Text that the template may still change (inside filter, call, macro and block set, or in a recursive
    loop) stays.
    """
    parts: list[str] = []
    pieces: list[Any] = []
    changing = 0
    try:
        tags = list(split_tags(source))
    except WholeTemplate:
        return source, []
    if any(tag.kind == "{%" and "recursive" in tag.content for tag in tags):
        return source, []
    for tag in tags:
        if tag.kind == "text" and not changing and len(tag.content) >= _SHORTEST_TOKEN_TEXT:
            parts.append(f"{nonce}{len(pieces)}\x03")
            pieces.append(encode(tag.content))
            continue
        if tag.kind == "{%":
            opens = tag.word in ("filter", "call", "macro", "block")
            opens = opens or (tag.word == "set" and "=" not in tag.content)
            changing += opens
            changing -= tag.word in ("endfilter", "endcall", "endmacro", "endblock", "endset")
        parts.append(tag.source)
    return "".join(parts), pieces
