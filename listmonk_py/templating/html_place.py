"""Where in an HTML document a value stands, as far as its encoding depends on it."""

import re

# Attributes whose values are URLs.
_URL_ATTRIBUTES = "href|src|action|background|cite|poster|formaction|longdesc|usemap|data"
_OPEN_URL = re.compile(
    rf"""[\s"'/](?:{_URL_ATTRIBUTES})\s*=\s*(?P<quote>["'])(?P<value>[^"'<>]*)$""", re.IGNORECASE
)

# Enough to hold an attribute's name and the beginning of its value.
_KEPT_CHARS = 4000


class HtmlPlace:
    """Told the document piece by piece, knows whether the next piece continues a URL."""

    def __init__(self) -> None:
        self._before = ""

    def feed(self, text: str) -> None:
        """Take note of text (or of a stand-in for a value) at the current place."""
        self._before = (self._before + text)[-_KEPT_CHARS:]

    def url_part(self) -> str | None:
        """Return `start`, `path` or `query` inside a URL attribute; None elsewhere."""
        begin = self._before.rfind("<")
        if begin < 0 or ">" in re.sub(r"\"[^\"]*\"|'[^']*'", "", self._before[begin:]):
            return None
        found = _OPEN_URL.search(self._before, begin)
        if found is None:
            return None
        value = found["value"].strip()
        if not value:
            return "start"
        return "query" if "?" in value or "#" in value else "path"
