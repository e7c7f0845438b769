"""`{{ L.T "email.unsub" }}` in message templates: the product's texts, in the language of the installation.

A letter is compiled once for all its readers, so these do not follow the reader's own language.
"""

from collections.abc import Callable, Mapping
from typing import Any

from . import languages


def functions(language: str | None = None) -> Mapping[str, Callable[..., str]]:
    """What a letter passes on to its templates, under the names that Go's calls are translated to."""
    code = language or languages.of_site()

    def plain(key: Any, *_: Any) -> str:
        return languages.translate(str(key), code)

    def filled(key: Any, *pairs: Any) -> str:
        """`L.Ts "key" "name" "value" ...`; a name without a value is passed over."""
        values = {str(name): value for name, value in zip(pairs[::2], pairs[1::2], strict=False)}
        text = languages.texts(code).get(str(key), str(key))
        return languages.PLACEHOLDER.sub(lambda found: str(values.get(found[1], found[0])), text)

    def counted(key: Any, count: Any = 1, *_: Any) -> str:
        """`L.Tc "key" 2`: one of the plural forms."""
        try:
            number = int(count)
        except (TypeError, ValueError, OverflowError):
            number = 1
        return languages.translate(str(key), code, count=number)

    return {"L_T": plain, "L_Ts": filled, "L_Tc": counted}
