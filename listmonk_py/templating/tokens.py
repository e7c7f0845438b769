"""Template tags as opaque tokens, so that HTML tools neither read nor rewrite them."""

import re
import secrets

# Strings inside a tag may hold the closing marks: {{ "}}" }}.
_STRING = r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|`[^`]*`'
# Possessive, and never across another opening: an unclosed tag costs no second look at the rest.
TAG = re.compile(
    rf"\{{\{{(?>{_STRING}|(?!\}}\}}|\{{\{{).)*+\}}\}}"
    rf"|\{{%(?>{_STRING}|(?!%\}}|\{{%).)*+%\}}"
    r"|\{#(?>(?!#\}|\{#).)*+#\}",
    re.DOTALL,
)


class Tokens:
    """Swaps pieces of one text for letters and digits that no HTML tool touches, and back.

    The mark is random, so a text cannot hold one by accident or on purpose.
    """

    def __init__(self) -> None:
        self._mark = f"q{secrets.token_hex(6)}q"
        self._kept: list[str] = []
        self.pattern = rf"{self._mark}\d+s?z"
        self._token = re.compile(self.pattern)

    def keep(self, text: str) -> str:
        """Return the token that stands for `text`."""
        self._kept.append(text)
        return f"{self._mark}{len(self._kept) - 1}z"

    def protect(self, text: str, pattern: re.Pattern[str] = TAG) -> str:
        """Return `text` with everything that `pattern` finds swapped for tokens."""
        return pattern.sub(lambda found: self.keep(found[0]), text)

    def restore(self, text: str) -> str:
        """Return `text` with every token swapped back, also those kept inside other tokens."""
        while self._token.search(text):
            text = self._token.sub(
                lambda found: self._kept[int(found[0][len(self._mark) :].rstrip("sz"))], text
            )
        return text
