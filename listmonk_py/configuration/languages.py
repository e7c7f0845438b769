"""The texts of the product by language, under listmonk's keys and our own (contract 12.5).

One JSON file per language in `i18n/`. A text may hold `{name}` placeholders, and may have plural forms
separated by ` | `. English has every key; another language what its readers see, and English for the rest.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import orjson
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe

from listmonk_py.api.errors import DomainError

from . import runtime

FOLDER = Path(__file__).resolve().parent / "i18n"
DEFAULT = "en"
CODE = re.compile(r"[A-Za-z0-9_-]{1,6}")
PLACEHOLDER = re.compile(r"\{(\w+)\}")
FORMS = " | "
# Languages where nothing counts as one, too.
ZERO_IS_SINGULAR = frozenset({"fr", "pt-BR"})


@lru_cache(maxsize=1)
def available() -> tuple[Mapping[str, str], ...]:
    """`{"code": "en", "name": "English (en)"}` and so on, by code: one per file, named in its own words."""
    codes = sorted(path.stem for path in FOLDER.glob("*.json"))
    return tuple(MappingProxyType({"code": code, "name": _read(code)["_.name"]}) for code in codes)


@lru_cache(maxsize=1)
def codes() -> Mapping[str, str]:
    """Lower-cased code -> the code itself, for looking up what a browser or a person says."""
    return MappingProxyType({one["code"].lower(): one["code"] for one in available()})


@lru_cache(maxsize=64)
def texts(code: str) -> Mapping[str, str]:
    """All texts in one language; what it lacks, and a language that nobody has, is English.

    Raises:
        DomainError: `code` cannot be the code of a language.
    """
    if not CODE.fullmatch(code):
        raise DomainError("Invalid language code.")
    own = _read(code) if code in codes().values() and code != DEFAULT else {}
    return MappingProxyType({**_read(DEFAULT), **own})


def match(tags: Iterable[str]) -> str | None:
    """The first of these language tags (RFC 5646) that there are texts in, by the lookup of RFC 4647
    section 3.4: `de-AT` finds `de`. A tag without a region also finds one with: `pt` finds `pt-BR`.
    """
    for tag in tags:
        parts = tag.strip().replace("_", "-").lower().split("-")
        for end in range(len(parts), 0, -1):
            if found := codes().get("-".join(parts[:end])):
                return found
        if parts[0]:
            regional = [code for lowered, code in codes().items() if lowered.startswith(f"{parts[0]}-")]
            if regional:
                return regional[0]
    return None


def of_site() -> str:
    """The language of the installation (app.lang); English when there are no texts in it."""
    return match([str(runtime.get("app.lang"))]) or DEFAULT


def translate(key: str, language: str, **values: Any) -> str:
    """The text of `key` with its placeholders filled; `count` also chooses among plural forms.

    A key that nobody knows is its own text, and a placeholder without a value stays.
    """
    text = _form(key, language, values.get("count"))
    return PLACEHOLDER.sub(lambda found: str(values.get(found[1], found[0])), text)


def translate_html(key: str, language: str, **values: Any) -> SafeString:
    """`translate` for HTML: text and values are escaped, except values that are marked safe."""
    text = str(conditional_escape(_form(key, language, values.get("count"))))
    filled = PLACEHOLDER.sub(lambda found: conditional_escape(values.get(found[1], found[0])), text)
    return mark_safe(filled)  # noqa: S308  every part was escaped above


def _form(key: str, language: str, count: Any) -> str:
    text = texts(language).get(key, key)
    if count is None or FORMS not in text:
        return text
    forms = text.split(FORMS)
    return forms[min(_plural(language, int(count), len(forms)), len(forms) - 1)]


def _plural(language: str, count: int, forms: int) -> int:
    """Which form goes with a number, by the rules of CLDR for the languages shipped."""
    if language == "pl" and forms > 2:
        if count == 1:
            return 0
        return 1 if count % 10 in (2, 3, 4) and count % 100 not in (12, 13, 14) else 2
    return 0 if count == 1 or (count == 0 and language in ZERO_IS_SINGULAR) else 1


@lru_cache(maxsize=64)
def _read(code: str) -> dict[str, str]:
    texts: dict[str, str] = orjson.loads((FOLDER / f"{code}.json").read_bytes())
    return texts
