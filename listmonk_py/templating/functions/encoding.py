"""Sprig's checksums, encodings, paths, URLs, UUIDs and versions."""

import base64
import binascii
import hashlib
import posixpath
import re
import uuid
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from listmonk_py.templating.functions.limits import mapping, room, text


def _bytes(value: Any) -> bytes:
    return text(value).encode("utf-8", "surrogatepass")


def _decoded(decode: Any) -> Any:
    def decoder(value: Any) -> str:
        try:
            return decode(_bytes(value)).decode("utf-8", "replace")
        except (binascii.Error, ValueError) as error:
            raise ValueError(f"This text is not encoded as expected: {error}.") from error

    return decoder


def url_parse(value: Any) -> dict[str, str]:
    try:
        parts = urlsplit(text(value))
        host = parts.netloc.rpartition("@")[2]
        return {
            "scheme": parts.scheme,
            "userinfo": parts.netloc.rpartition("@")[0],
            "host": host,
            "hostname": parts.hostname or "",
            "path": parts.path,
            "query": parts.query,
            "opaque": "",
            "fragment": parts.fragment,
        }
    except ValueError as error:
        raise ValueError(f"{text(value)[:60]} is no URL.") from error


def url_join(value: Any) -> str:
    parts = {key: text(part) for key, part in mapping(value).items()}
    host = parts.get("host", "")
    if parts.get("userinfo"):
        host = f"{parts['userinfo']}@{host}"
    return urlunsplit(
        (
            parts.get("scheme", ""),
            host,
            parts.get("path", ""),
            parts.get("query", ""),
            parts.get("fragment", ""),
        )
    )


_VERSION = re.compile(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-([0-9A-Za-z.-]+))?(?:\+([0-9A-Za-z.-]+))?")


def _version(value: Any) -> tuple[int, int, int, str, str]:
    found = _VERSION.fullmatch(text(value)[:100])
    if found is None:
        raise ValueError(f"{text(value)[:60]} is no version such as 1.2.3.")
    return int(found[1]), int(found[2] or 0), int(found[3] or 0), found[4] or "", found[5] or ""


def semver(value: Any) -> dict[str, Any]:
    major, minor, patch, prerelease, metadata = _version(value)
    return {
        "Major": major,
        "Minor": minor,
        "Patch": patch,
        "Prerelease": prerelease,
        "Metadata": metadata,
        "Original": text(value),
    }


_CONDITION = re.compile(r"\s*(=|!=|>=|<=|>|<|\^|~)?\s*(v?\d[\w.+-]*)\s*")


def semver_compare(condition: Any, value: Any) -> bool:
    """Whether a version fulfils all conditions, separated by commas (= != > < >= <= ^ ~)."""
    return all(_fulfils(part, _version(value)) for part in text(condition)[:200].split(","))


def _fulfils(condition: str, version: tuple[int, int, int, str, str]) -> bool:
    found = _CONDITION.fullmatch(condition)
    if found is None:
        raise ValueError(f"{condition[:60]} is no condition on a version such as >=1.2.")
    bound = _version(found[2])
    # A release comes after its pre-releases.
    mine, other = ((*v[:3], v[3] == "", v[3]) for v in (version, bound))
    match found[1] or "=":
        case "=":
            return mine == other
        case "!=":
            return mine != other
        case ">":
            return mine > other
        case "<":
            return mine < other
        case ">=":
            return mine >= other
        case "<=":
            return mine <= other
        case "^":
            return mine >= other and version[0] == bound[0]
    return mine >= other and version[:2] == bound[:2]


def _encoded(encode: Any) -> Any:
    def encoder(value: Any) -> str:
        room(2 * len(_bytes(value)))
        return str(encode(_bytes(value)).decode())

    return encoder


ENCODING: dict[str, Callable[..., Any]] = {
    "b64enc": _encoded(base64.b64encode),
    "b64dec": _decoded(partial(base64.b64decode, validate=True)),
    "b32enc": _encoded(base64.b32encode),
    "b32dec": _decoded(base64.b32decode),
    "sha1sum": lambda value: hashlib.sha1(_bytes(value), usedforsecurity=False).hexdigest(),
    "sha256sum": lambda value: hashlib.sha256(_bytes(value)).hexdigest(),
    "sha512sum": lambda value: hashlib.sha512(_bytes(value)).hexdigest(),
    "adler32sum": lambda value: str(zlib.adler32(_bytes(value))),
    "uuidv4": lambda: str(uuid.uuid4()),
    "urlParse": url_parse,
    "urlJoin": url_join,
    "base": lambda path: posixpath.basename(text(path).rstrip("/")) or "/",
    "dir": lambda path: posixpath.dirname(text(path)) or ".",
    "clean": lambda path: posixpath.normpath(text(path) or "."),
    "ext": lambda path: posixpath.splitext(text(path))[1],
    "isAbs": lambda path: text(path).startswith("/"),
    "semver": semver,
    "semverCompare": semver_compare,
}
ENCODING |= {
    "os" + name[0].upper() + name[1:]: ENCODING[name] for name in ("base", "dir", "clean", "ext", "isAbs")
}
