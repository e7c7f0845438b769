"""The structure of a message (RFC 2045-2047, 2231, 2387): what surrounds the two bodies that vary.

All of it is the same for every recipient of a campaign, so it is encoded once.
"""

import re
import secrets
from base64 import b64encode
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import quote

from listmonk_py.mail.headers import clean
from listmonk_py.mail.outgoing import Attachment

_MIME_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+\Z")
_OCTET_STREAM = "application/octet-stream"
_BASE64_COLUMNS = 76


class Skeleton(NamedTuple):
    """The constant pieces around the bodies, in order.

    head: the header fields that describe the content, the empty line, and all up to the first body.
    between: what separates text from HTML; None when there is only one body.
    tail: what follows the last body.
    """

    head: bytes
    between: bytes | None
    tail: bytes


def skeleton(*, has_text: bool, has_html: bool, attachments: Sequence[Attachment] = ()) -> Skeleton:
    """Lay out a message: mixed( alternative( text, related( html, images )), attachments ), as far as needed.

    Both bodies are quoted-printable UTF-8. At least one of them exists; images without HTML are attached.
    """
    token = secrets.token_hex(12)
    images = [part for part in attachments if part.inline_id and has_html]
    files = [part for part in attachments if not (part.inline_id and has_html)]
    text = _body("plain") if has_text else None
    html = _body("html") if has_html else None
    if html and images:
        html = _multipart("related", token + "r", [html, *map(_file, images)], ' type="text/html";')
    content = _multipart("alternative", token + "a", [text, html]) if text and html else text or html
    assert content is not None
    if files:
        content = _multipart("mixed", token + "m", [content, *map(_file, files)])
    head, *rest = content.split(_PLACE)
    return Skeleton(head, rest[0] if len(rest) == 2 else None, rest[-1])


# Where a body goes; no header and no base64 line can hold it.
_PLACE = b"\x00"


def _body(subtype: str) -> bytes:
    return (
        f"Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    ).encode("ascii") + _PLACE


def _multipart(subtype: str, token: str, parts: Sequence[bytes], more: str = "") -> bytes:
    """The boundary holds "=_", which neither quoted-printable nor base64 can produce."""
    boundary = f"=_{token}".encode("ascii")
    head = b'Content-Type: multipart/%b;%b\r\n boundary="%b"\r\n\r\n' % (
        subtype.encode("ascii"),
        more.encode("ascii"),
        boundary,
    )
    return (
        head + b"\r\n".join(b"--%b\r\n%b" % (boundary, part) for part in parts) + b"\r\n--%b--\r\n" % boundary
    )


def _file(part: Attachment) -> bytes:
    kind = part.content_type.partition(";")[0].strip().lower()
    kind = (
        kind if _MIME_TYPE.match(kind) and not kind.startswith(("multipart/", "message/")) else _OCTET_STREAM
    )
    name = clean(part.name).rpartition("/")[2] or "file"
    disposition = "inline" if part.inline_id else "attachment"
    lines = [
        f"Content-Type: {kind}" + _parameter("name", name),
        "Content-Transfer-Encoding: base64",
        f"Content-Disposition: {disposition}" + _parameter("filename", name),
    ]
    if part.inline_id:
        lines.append("Content-ID: <" + re.sub(r"[^A-Za-z0-9@._+-]", "", part.inline_id) + ">")
    return "\r\n".join([*lines, "", ""]).encode("ascii") + base64_lines(part.content)


def _parameter(name: str, value: str) -> str:
    """A parameter on lines of its own: quoted when short ASCII, else RFC 2231, in continuations if long."""
    if value.isascii() and len(value) <= 60:
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f';\r\n {name}="{escaped}"'
    coded = quote(value, safe="", errors="replace")
    chunks = re.findall(r"(?:%..|[^%]){1,18}", coded)
    if len(chunks) == 1:
        return f";\r\n {name}*=utf-8''{coded}"
    return "".join(
        f";\r\n {name}*{i}*=" + ("utf-8''" if i == 0 else "") + chunk for i, chunk in enumerate(chunks)
    )


def base64_lines(content: bytes) -> bytes:
    """`content` as base64 in lines of 76 columns, without a line break at the end."""
    coded = b64encode(content)
    return b"\r\n".join(coded[i : i + _BASE64_COLUMNS] for i in range(0, len(coded), _BASE64_COLUMNS))
