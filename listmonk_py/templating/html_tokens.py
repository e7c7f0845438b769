"""HTML in which template tags, comments and Outlook's markup are hidden from HTML tools.

Between elements a tag becomes a comment, because a parser moves stray text out of tables and
heads but leaves comments alone; inside an element's tag, or inside a style sheet, it becomes a word.
"""

import re

from listmonk_py.templating.tokens import TAG, Tokens

_COMMENT = r"<!--(?:-?>|.*?(?:-->|\Z))|<!\[(?:if|endif)\b[^<>]*>"
_OFFICE = r"</?(?:v|o|w):[^<>]*>"
_RAW_TEXT = r"<(?P<raw>style|script|title|textarea)\b.*?(?:</(?P=raw)\s*>|\Z)"
ELEMENT_NAME = re.compile(r"<[A-Za-z][^\s/>{]*")
_TAG = TAG.pattern
_ELEMENT = rf"</?[A-Za-z](?>{_TAG}|\"(?>{_TAG}|[^\"])*+\"|'(?>{_TAG}|[^'])*+'|[^\"'<>])*+>"
SCAN = re.compile(
    rf"(?P<hidden>{_COMMENT}|{_OFFICE})|(?P<rawtext>{_RAW_TEXT})|(?P<element>{_ELEMENT})|(?P<tag>{_TAG})",
    re.DOTALL | re.IGNORECASE,
)


class HtmlTokens(Tokens):
    """Tokens whose shape depends on where in the HTML the hidden text stands."""

    def hide(self, html: str) -> str:
        """Return `html` with everything hidden that a tool must not see."""

        def hidden(found: re.Match[str]) -> str:
            if found["hidden"] or found["tag"]:
                return f"<!--{self.keep(found[0])}-->"
            return self.protect(found[0])

        return SCAN.sub(hidden, html)
