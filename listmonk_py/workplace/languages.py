"""The texts of the interface by language, under listmonk's keys (contract 12.5)."""

import re
from functools import lru_cache
from pathlib import Path

import orjson

from listmonk_py.api.errors import DomainError

FOLDER = Path(__file__).resolve().parent / "i18n"
DEFAULT = "en"
CODE = re.compile(r"[A-Za-z0-9_-]{1,6}")


@lru_cache(maxsize=1)
def available() -> list[dict[str, str]]:
    """`[{"code": "en", "name": "English (en)"}, ...]`, by code: one per file."""
    codes = sorted(path.stem for path in FOLDER.glob("*.json"))
    return [{"code": code, "name": _read(code)["_.name"]} for code in codes]


def texts(code: str) -> dict[str, str]:
    """All texts in one language; what it lacks, and a language that nobody has, is English.

    Raises:
        DomainError: `code` cannot be the code of a language.
    """
    if not CODE.fullmatch(code):
        raise DomainError("Invalid language code.")
    english = _read(DEFAULT)
    known = {language["code"] for language in available()}
    return {**english, **_read(code)} if code in known and code != DEFAULT else english


@lru_cache(maxsize=64)
def _read(code: str) -> dict[str, str]:
    texts: dict[str, str] = orjson.loads((FOLDER / f"{code}.json").read_bytes())
    return texts
