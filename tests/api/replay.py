"""Recorded requests sent again, and how their answers are compared.

A recorded answer counts as met when the status is the same (or the one `expected_status.py` names with its
reason), the content type and redirect are the same, every recorded key is there with the same JSON type,
and the values in EXACT are equal. Additional keys are allowed.
"""

import base64
import functools
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlencode

from PIL import Image

from tests.api import expected_status
from tests.golden import missing

RECORDED = Path(__file__).parent / "recorded"

# Values that do not depend on when or where the recording was made.
EXACT = frozenset(
    {
        *("altbody", "archive", "archive_meta", "archive_slug", "archive_template_id", "attribs"),
        *("content_type", "description", "email", "from_email", "headers", "is_default", "messenger", "name"),
        *("optin", "page", "password_login", "per_page", "permissions", "query", "search", "status"),
        *("subject", "subscription_status", "tags", "template_id", "twofa_type", "type", "username"),
    }
)

PAGE = ("search", "query", "per_page", "page")


@dataclass(frozen=True)
class Case:
    """One recorded request and its answer. `name` is unique: the file and the words of the case."""

    file: str
    words: str
    request: dict[str, Any]
    response: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.file}: {self.words}"

    @property
    def method(self) -> str:
        return str(self.request["line"].split(" ", 1)[0])

    @property
    def path(self) -> str:
        return str(self.request["line"].split(" ", 1)[1])


@functools.cache
def recorded() -> tuple[Case, ...]:
    return tuple(_read())


def _read() -> Iterator[Case]:
    for path in sorted(RECORDED.glob("*.json")):
        for one in json.loads(path.read_text(encoding="utf-8"))["cases"]:
            yield Case(path.stem, one["case"], one["request"], one["response"])


def body(case: Case) -> tuple[bytes, str]:
    """The bytes of the request and their content type; two empty ones when it has no body."""
    request = case.request
    if "json" in request:
        return json.dumps(request["json"]).encode(), "application/json"
    if "raw" in request:
        return request["raw"].encode(), "application/json"
    if "form" in request:
        return _form(request["form"]), "application/x-www-form-urlencoded"
    if "multipart" in request:
        return _multipart(request["multipart"])
    return b"", ""


def _form(fields: dict[str, Any]) -> bytes:
    return urlencode(fields, doseq=True).encode()


def _multipart(fields: dict[str, str]) -> tuple[bytes, str]:
    """File parts are recorded by their name only; `file_content` makes them again."""
    boundary = "recorded-part"
    parts = []
    for key, value in fields.items():
        is_file = key == "file"
        content = file_content(value) if is_file else value.encode()
        disposition = f'form-data; name="{key}"' + (f'; filename="{value}"' if is_file else "")
        head = f"--{boundary}\r\nContent-Disposition: {disposition}\r\n\r\n".encode()
        parts.append(head + content + b"\r\n")
    return b"".join([*parts, f"--{boundary}--\r\n".encode()]), f"multipart/form-data; boundary={boundary}"


@functools.cache
def file_content(name: str) -> bytes:
    """What an uploaded file of this name holds."""
    match name:
        case "my pic.png":
            out = io.BytesIO()
            Image.new("RGB", (400, 300), "teal").save(out, "PNG")
            return out.getvalue()
        case "a.svg":
            return b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'
        case "in.csv":
            return b"email,name,attributes\nimp1@example.com,Imp One,{}\nimp2@example.com,,{}\nnope,x,{}\n"
        case "a.zip":
            return base64.b64decode(
                "UEsDBBQAAAAAAAAAIQCsKpPYAgAAAAIAAAAFAAAAYS50eHRoaVBLAQIUAxQAAAAAAAAAIQCsKpPYAgAAAAIAAAAFAAAA"
                "AAAAAAAAAACAAQAAAABhLnR4dFBLBQYAAAAAAQABADMAAAAlAAAAAAA="
            )
        case _:
            return b"just text"


def problems(
    case: Case, status: int, headers: Callable[[str], str], content: bytes, *, as_status: int
) -> list[str]:
    """In which ways our answer is not the recorded one; empty when it is."""
    if status != as_status:
        return [f"status {status}, not {as_status}: {content[:300]!r}"]
    told = case.response.get("headers", {})
    if as_status != case.response["status"]:
        is_fine = as_status < 400 or _is_error(content, headers("content-type"))
        return [] if is_fine else ["the error has no message"]
    found = []
    expected_type, actual_type = told.get("content-type", ""), headers("content-type")
    if expected_type and not _same_type(expected_type, actual_type):
        found.append(f"content type {actual_type}, not {expected_type}")
    if "location" in told:
        found += _location(told["location"], headers("location"))
    for name in ("content-disposition", "x-robots-tag"):
        if name in told and told[name].replace('"', "") != headers(name).replace('"', ""):
            found.append(f"{name}: {headers(name)}, not {told[name]}")
    if "json" in case.response and not found:
        found += _json(case, content)
    if _media_type(expected_type) == "text/csv" and "text" in case.response:
        ours, theirs = (text.split("\n")[0].strip() for text in (content.decode(), case.response["text"]))
        if ours != theirs:
            found.append(f"columns {ours}, not {theirs}")
    meant = expected_status.OTHER_VALUES.get(case.name, ())
    return [problem for problem in found if not problem.startswith(meant)]


def _json(case: Case, content: bytes) -> list[str]:
    expected, actual = case.response["json"], json.loads(content)
    if case.response["status"] >= 400:
        return [] if _is_error(content, "application/json") else ["the error has no message"]
    if case.method == "GET":
        return missing(expected, actual) + differing(_envelope(expected), _envelope(actual))
    return missing(expected, actual) or differing(expected, actual)


def _envelope(answer: Any) -> Any:
    """The keys of a page around its rows: what rows there are depends on when the recording was made."""
    page = answer.get("data") if isinstance(answer, dict) else None
    return {key: page.get(key) for key in PAGE} if isinstance(page, dict) and "results" in page else {}


def differing(expected: Any, actual: Any, where: str = "") -> list[str]:
    """Where a value in EXACT differs. `...` in the recording matches anything."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        found = []
        for key, value in expected.items():
            if key in EXACT and not isinstance(value, dict) and not _same(value, actual.get(key)):
                found.append(f"{where}.{key} is {actual.get(key)!r}, not {value!r}")
            else:
                found += differing(value, actual.get(key), f"{where}.{key}")
        return found
    if isinstance(expected, list) and isinstance(actual, list):
        return [
            problem
            for i, (one, other) in enumerate(zip(expected, actual, strict=False))
            for problem in differing(one, other, f"{where}[{i}]")
        ]
    return []


def _same(expected: Any, actual: Any) -> bool:
    if expected is None and actual in ([], {}):
        return True
    if isinstance(expected, list) and isinstance(actual, list) and all(isinstance(x, str) for x in expected):
        return sorted(expected) == sorted(map(str, actual))
    return bool(expected == actual) or expected == "..."


def _is_error(content: bytes, content_type: str) -> bool:
    """An error that a person can read: listmonk's envelope, or a page."""
    if not content_type.startswith("application/json"):
        return content_type.startswith("text/html") and b"</html>" in content
    answer = json.loads(content)
    return isinstance(answer, dict) and isinstance(answer.get("message"), str) and bool(answer["message"])


def _location(expected: str, actual: str) -> list[str]:
    expected, _, rest = expected.partition("token=...")
    if unquote(actual).startswith(unquote(expected)) and (rest or unquote(actual) == unquote(expected)):
        return []
    return [f"location {actual}, not {expected}"]


def _media_type(value: str) -> str:
    return value.partition(";")[0].strip().lower()


def _same_type(expected: str, actual: str) -> bool:
    """RFC 9239 made text/javascript the name of what was application/javascript."""
    both = {_media_type(expected), _media_type(actual)}
    return len(both) == 1 or both == {"application/javascript", "text/javascript"}
