"""The plain-text part made from HTML."""

import re

from inscriptis import get_text
from inscriptis.model.config import ParserConfig

from listmonk_py.templating.tokens import Tokens

# Actions that print nothing: Jinja's statements and comments, Go's keywords and comments.
_SILENT = re.compile(
    r"\{%|\{#|\{\{-?\s*(?:/\*|(?:if|else|end|range|with|define|block|break|continue)\b|\$\w+\s*:?=)"
)

_ROWS = r"(?:<(?:table|thead|tbody|tfoot)\b[^>]*>|</(?:tr|thead|tbody|tfoot|caption)\s*>)"
_CELLS = r"(?:<tr\b[^>]*>|</t[dh]\s*>)"
_COMMENT = re.compile(r"<!--(?:-?>|.*?(?:-->|\Z))", re.DOTALL)


def plain_text(html: str) -> str:
    """Return `html` as text: links as `[words](address)`, tables in columns, template tags kept.

    The result is the source of a message part without HTML escaping.
    """
    tokens = _TextTokens()
    hidden = _COMMENT.sub("", tokens.protect(html))
    if not hidden.strip():
        # libxml2 refuses a text that has nothing in it.
        return ""
    hidden = tokens.into_cells(hidden)
    text = get_text(hidden, ParserConfig(display_links=True, display_anchors=False))
    text = re.sub(r"(?<=\S)[ \t]{3,}", "  ", text)
    text = tokens.join_silent("\n".join(line.rstrip() for line in text.split("\n")))
    text = re.sub(r"\n{3,}", "\n\n", text).strip("\n")
    return tokens.restore(text) + "\n"


class _TextTokens(Tokens):
    """Tokens that differ for tags that print something and those that do not."""

    def keep(self, text: str) -> str:
        token = super().keep(text)
        return token[:-1] + "sz" if _SILENT.match(text) else token

    def into_cells(self, html: str) -> str:
        """Give tags between rows a row and those between cells a cell; text may stand nowhere else there."""
        run = rf"((?:\s*{self._silent})+)"
        html = re.sub(rf"({_ROWS}){run}", r"\1<tr><td>\2</td></tr>", html, flags=re.IGNORECASE)
        return re.sub(rf"({_CELLS}){run}(?=\s*<(?:/tr|td|th)\b)", r"\1<td>\2</td>", html, flags=re.IGNORECASE)

    def join_silent(self, text: str) -> str:
        """Take the line break from lines that will print nothing."""
        return re.sub(rf"(?m)^[ \t]*((?:{self._silent}[ \t]*)+)\n", r"\1", text)

    @property
    def _silent(self) -> str:
        return self.pattern.replace("s?z", "sz")
