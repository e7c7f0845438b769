"""Header fields as they go over the wire: encoded, folded, and free of anything that could end a line.

Every function that returns bytes returns whole fields with their CRLF: ASCII but for addresses that need
SMTPUTF8, lines of at most 78 columns where there is a blank to fold at and 998 in any case (RFC 5322
section 2.1.1).
"""

import re
import string
import time
from base64 import b64encode
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from email import policy
from email.parser import BytesHeaderParser
from email.utils import format_datetime
from typing import AnyStr
from urllib.parse import quote

from listmonk_py.api.errors import DomainError
from listmonk_py.mail.addresses import Mailbox, envelope_address

PREFERRED_COLUMNS = 78
LONGEST_LINE = 998

# RFC 2047 section 2: an encoded word has at most 75 characters, of which the frame takes 12.
_FRAME = 12
_LONGEST_PAYLOAD = 75 - _FRAME
_LONGEST_PLAIN_NAME = 60

_BREAKING = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_NAME = re.compile(r"[!-9;-~]{1,76}\Z")
_WORD = re.compile(r" *[^ ]+")


class _QTable(dict[int, str]):
    """For `str.translate`: the Q encoding, for characters outside ASCII worked out when they first come."""

    def __init__(self, safe: str) -> None:
        super().__init__({ord(character): character for character in safe} | {ord(" "): "_"})

    def __missing__(self, code: int) -> str:
        coded = "".join(f"={octet:02X}" for octet in chr(code).encode("utf-8", "replace"))
        if len(self) < _MOST_REMEMBERED:
            self[code] = coded
        return coded


_MOST_REMEMBERED = 10_000
_PRINTABLE = string.ascii_letters + string.digits + string.punctuation
# RFC 2047 section 4.2 (3): what stands for itself in unstructured text, and 5 (3): in a phrase.
_TEXT_Q = _QTable(_PRINTABLE.translate(str.maketrans("", "", "=?_")))
_PHRASE_Q = _QTable(string.ascii_letters + string.digits + "!*+-/")

# The message's structure, the servers' trace, and what only the signer writes.
OURS_ALONE = frozenset(
    [
        "bcc",
        "content-disposition",
        "content-length",
        "content-transfer-encoding",
        "content-type",
        "dkim-signature",
        "mime-version",
        "received",
        "return-path",
    ]
)


class InvalidHeader(DomainError):
    """A header's name or value cannot be written into a mail."""


def check_name(name: str) -> str:
    """`name`, stripped.

    Raises:
        InvalidHeader: it is no field name (RFC 5322 section 3.6.8).
    """
    name = name.strip()
    if not _NAME.match(name):
        raise InvalidHeader(f"“{name[:80]}” is no header name. Use letters, digits and hyphens, no colon.")
    return name


def clean(text: str) -> str:
    """`text` on one line: every run of control characters and line separators becomes one space."""
    if text.isascii() and text.isprintable():
        return text.strip()
    return _BREAKING.sub(" ", text).strip()


def unstructured(name: str, text: str, *, literal: bool = False) -> bytes:
    """The field `name: text`, with RFC 2047 words where `text` is not ASCII.

    Args:
        literal: encode as well what merely looks like an encoded word, so that readers see it as written.
    """
    text = clean(text)
    room = PREFERRED_COLUMNS - len(name) - 2
    if text.isascii() and not (literal and "=?" in text):
        if len(text) <= room:
            return f"{name}: {text}\r\n".encode("ascii")
        folded = _fold(name + ":", text)
        if all(len(line) <= LONGEST_LINE for line in folded.split("\r\n")):
            return folded.encode("ascii") + b"\r\n"
    words = encoded_words(text, first_room=room)
    return b"%b: %b\r\n" % (name.encode("ascii"), b"\r\n ".join(words))


def _fold(prefix: str, text: str) -> str:
    """Break before words so that lines stay within the preferred width; blanks are kept."""
    lines, line = [], prefix
    for word in _WORD.findall(" " + text):
        if len(line) + len(word) > PREFERRED_COLUMNS and line != prefix:
            lines.append(line)
            line = word
        else:
            line += word
    return "\r\n".join([*lines, line])


def encoded_words(text: str, *, first_room: int = 75, phrase: bool = False) -> list[bytes]:
    """`text` as RFC 2047 words of at most 75 columns, the first within `first_room`; Q or B, the shorter."""
    table = _PHRASE_Q if phrase else _TEXT_Q
    coded = text.translate(table)
    octets = len(text.encode("utf-8", "replace"))
    if len(coded) <= octets * 4 / 3 + 3:
        room = max(min(_LONGEST_PAYLOAD, first_room - _FRAME), 16)
        if len(coded) <= room:
            return [b"=?utf-8?q?%b?=" % coded.encode("ascii")]
        chunks = _packed([table[ord(character)] for character in text], room, _LONGEST_PAYLOAD)
        return [b"=?utf-8?q?%b?=" % chunk.encode("ascii") for chunk in chunks]
    raw = [character.encode("utf-8", "replace") for character in text]
    room = max(min(_LONGEST_PAYLOAD, first_room - _FRAME), 16) // 4 * 3
    return [b"=?utf-8?b?%b?=" % b64encode(chunk) for chunk in _packed(raw, room, _LONGEST_PAYLOAD // 4 * 3)]


def _packed(units: list[AnyStr], first_room: int, room: int) -> list[AnyStr]:
    """Join whole units, so that no character is cut, into chunks of at most that length."""
    glue = units[0][:0]
    chunks: list[AnyStr] = []
    start, width, limit = 0, 0, first_room
    for i, unit in enumerate(units):
        width += len(unit)
        if width > limit and i > start:
            chunks.append(glue.join(units[start:i]))
            start, width, limit = i, len(unit), room
    chunks.append(glue.join(units[start:]))
    return chunks


def phrase(name: str) -> bytes:
    """A display name: a quoted string, or RFC 2047 words."""
    name = clean(name)
    if name.isascii() and len(name) <= _LONGEST_PLAIN_NAME and "=?" not in name:
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'.encode("ascii")
    return b"\r\n ".join(encoded_words(name, first_room=60, phrase=True))


def mailbox(box: Mailbox) -> bytes:
    """`"Name" <a@b>` or `<a@b>`, on as many lines as it needs.

    Raises:
        InvalidEmail: the address cannot stand in an envelope either.
    """
    octets = envelope_address(box.address).octets
    return b"%b <%b>" % (phrase(box.name), octets) if box.name else b"<%b>" % octets


def addresses(name: str, boxes: Iterable[Mailbox]) -> bytes:
    """An address field; international domains in their ASCII form.

    Raises:
        InvalidEmail: an address is not valid.
    """
    return b"%b: %b\r\n" % (name.encode("ascii"), b",\r\n ".join(mailbox(box) for box in boxes))


def list_id(text: str) -> bytes:
    """`List-Id: "Name" <news.example.com>` (RFC 2919) from `Name <news.example.com>` or the bare id.

    Raises:
        InvalidHeader: the id is not a dotted ASCII name.
    """
    name, bracket, identifier = text.strip().removesuffix(">").rpartition("<")
    identifier = identifier.strip()
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,255}", identifier):
        raise InvalidHeader(f"“{identifier[:80]}” is no list id. Use letters, digits, hyphens and dots.")
    described = phrase(name.strip().strip('"')) + b"\r\n " if bracket and name.strip() else b""
    return b"List-Id: %b<%b>\r\n" % (described, identifier.encode("ascii"))


def web_address(url: str) -> bytes:
    """`url` for a header field, without a slash at its end; characters outside ASCII percent-encoded."""
    return quote(clean(url).rstrip("/"), safe="/:?#[]@!$&'()*+,;=%~").encode("ascii")


def read(head: bytes) -> list[tuple[str, str]]:
    """The names and texts of written fields: unfolded, RFC 2047 words decoded."""
    found = BytesHeaderParser(policy=policy.SMTPUTF8).parsebytes(head)
    return [(name, str(value)) for name, value in found.items()]


class DateField:
    """The `Date:` field, written once a second."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._second = -1
        self._field = b""

    def __call__(self) -> bytes:
        second = int(self._clock())
        if second != self._second:
            moment = datetime.fromtimestamp(second, UTC)
            self._field = f"Date: {format_datetime(moment)}\r\n".encode("ascii")
            self._second = second
        return self._field
