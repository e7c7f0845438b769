"""Markdown to HTML as listmonk's campaigns expect it.

CommonMark with raw HTML, tables, strikethrough, task lists, heading ids and typographic dashes,
ellipses and apostrophes; straight double quotes stay (contract 2.6). Output is XHTML.
"""

import re
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from mdit_py_plugins.tasklists import tasklists_plugin

# Longest first: "---" would be found as "--" otherwise.
_TYPOGRAPHY = {"---": "—", "--": "–", "...": "…", "<<": "«", ">>": "»"}
_TYPOGRAPHIC = re.compile("|".join(re.escape(signs) for signs in _TYPOGRAPHY))


def render(text: str, *, token: re.Pattern[str] | None = None) -> str:
    """Return `text` as HTML. Headings' ids leave out what `token` matches."""
    return str(_engine().render(text, {"token": token}))


@cache
def _engine() -> MarkdownIt:
    engine = MarkdownIt(
        "commonmark", {"html": True, "xhtmlOut": True, "typographer": True, "quotes": ['"', '"', "‘", "’"]}
    )
    engine.enable(["table", "strikethrough", "smartquotes"])
    engine.use(tasklists_plugin)
    engine.core.ruler.push("heading_ids", _heading_ids)
    engine.core.ruler.push("typography", _typography)
    engine.add_render_rule("s_open", lambda *_: "<del>")
    engine.add_render_rule("s_close", lambda *_: "</del>")
    return engine


def _typography(state: StateCore) -> None:
    for block in state.tokens:
        for inline in block.children or ():
            if inline.type == "text":
                inline.content = _TYPOGRAPHIC.sub(lambda signs: _TYPOGRAPHY[signs[0]], inline.content)


def _heading_ids(state: StateCore) -> None:
    """Give each heading an id made of its ASCII letters and digits; a repeated one gets -1, -2 ..."""
    taken: set[str] = set()
    for opening, content in zip(state.tokens, state.tokens[1:], strict=False):
        if opening.type == "heading_open":
            base = _slug(_words(content, state.env.get("token"))) or "heading"
            name, repeat = base, 0
            while name in taken:
                repeat += 1
                name = f"{base}-{repeat}"
            taken.add(name)
            opening.attrSet("id", name)


def _words(content: Token, token: re.Pattern[str] | None) -> str:
    text = "".join(child.content for child in content.children or () if child.type in ("text", "code_inline"))
    return token.sub("", text) if token else text


def _slug(text: str) -> str:
    kept = re.sub(r"[^a-z0-9\s_-]", "", text.strip().lower())
    return re.sub(r"[\s_-]", "-", kept.strip())
