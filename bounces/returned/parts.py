"""The parts and fields of a mail, however broken it is.

Python's old parser policy is used on purpose: it never raises on malformed headers, which the newer one does.
"""

import binascii
import re
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.parser import HeaderParser
from email.utils import getaddresses
from itertools import islice

# Mails are untrusted: what is looked at of each is bounded.
MAX_PARTS = 200
MAX_TEXT = 64 * 1024
MAX_VALUE = 1000
# A returned message, or only its header (RFC 2046, RFC 6522, RFC 6533).
RETURNED_TYPES = frozenset(
    {
        "message/rfc822",
        "message/global",
        "text/rfc822-headers",
        "message/rfc822-headers",
        "message/global-headers",
    }
)

Fields = dict[str, str]


def parts(mail: Message) -> list[Message]:
    """The mail and its parts in order, not those inside a returned message."""
    found: list[Message] = []
    waiting = [mail]
    while waiting and len(found) < MAX_PARTS:
        part = waiting.pop(0)
        found.append(part)
        if part.get_content_maintype() == "multipart":
            waiting[:0] = inside(part)
    return found


def inside(part: Message) -> list[Message]:
    """The parts directly inside this one; of a returned message, the message itself."""
    inner = part.get_payload()
    return [one for one in inner if isinstance(one, Message)] if isinstance(inner, list) else []


def one_line(value: object) -> str:
    """A header's value with RFC 2047 words decoded, white space folded, cut to MAX_VALUE characters."""
    text = str(value)
    if "=?" in text:
        try:
            pieces = decode_header(text[: MAX_VALUE * 4])
            text = "".join(
                piece.decode(_known(charset), "replace") if isinstance(piece, bytes) else piece
                for piece, charset in pieces
            )
        except (HeaderParseError, binascii.Error, ValueError, LookupError):
            pass  # then as it stands
    try:
        text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    except UnicodeEncodeError:
        text = text.encode("utf-8", "replace").decode()
    return " ".join(text.split())[:MAX_VALUE]


def header(part: Message, name: str) -> str:
    """The first header of this name; "" when there is none."""
    found = headers(part, name, most=1)
    return found[0] if found else ""


def headers(part: Message, name: str, most: int = 10) -> list[str]:
    # Raw, because the parser's own value of a header with bytes beyond ASCII has lost them.
    found = (value for key, value in part.raw_items() if key.lower() == name.lower())
    return [one_line(value) for value in islice(found, most)]


def addresses(text: str) -> list[str]:
    """The addresses in a header's value, lower case."""
    found = getaddresses([text[: MAX_VALUE * 4]])
    return [address.lower() for _, address in found if "@" in address]


def text_of(part: Message) -> str:
    """The text of one part, at most MAX_TEXT characters; what cannot be decoded is replaced."""
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        return ""
    return content[: MAX_TEXT * 4].decode(_known(part.get_content_charset()), "replace")[:MAX_TEXT]


def _known(charset: str | None) -> str:
    """The charset if Python has it, else UTF-8."""
    try:
        "".encode(charset or "utf-8")
        b"".decode(charset or "utf-8")
    except (LookupError, ValueError):
        return "utf-8"
    return charset or "utf-8"


def blocks(part: Message) -> list[Fields]:
    """The groups of fields of a report (RFC 3464 section 2.1, RFC 5965 section 3), names in lower case.

    The parser has split well-formed ones already; others hold further groups in their text, or all of them
    encoded, which RFC 6533 allows.
    """
    found: list[Fields] = []
    texts = [] if part.is_multipart() else [text_of(part)]
    for piece in inside(part):
        found.append({name.lower(): one_line(value) for name, value in reversed(list(piece.raw_items()))})
        texts.append(text_of(piece))
        if part.get("Content-Transfer-Encoding"):
            texts.append(_decoded(part, piece))
    return [block for block in (*found, *(one for text in texts for one in blocks_in(text))) if block]


def _decoded(part: Message, piece: Message) -> str:
    copy = Message()
    copy["Content-Transfer-Encoding"] = str(part["Content-Transfer-Encoding"])
    copy.set_payload(piece.get_payload())
    return "" if piece.is_multipart() else text_of(copy)


def blocks_in(text: str) -> list[Fields]:
    """Groups of `Name: value` lines in a text, separated by anything else."""
    found: list[Fields] = [{}]
    last = ""
    for line in text.splitlines():
        field = re.match(r"([A-Za-z][A-Za-z0-9-]{0,60}):[ \t]*(.*)", line)
        if field:
            last = field[1].lower()
            found[-1].setdefault(last, one_line(field[2]))
        elif last and line[:1] in (" ", "\t") and line.strip():
            found[-1][last] = one_line(f"{found[-1][last]} {line}")
        else:
            last = ""
            if found[-1]:
                found.append({})
    return [one for one in found if one]


def returned(mail: Message) -> Message | None:
    """The last message, or header of one, that `mail` gives back; None when there is none."""
    for part in reversed(parts(mail)):
        if part.get_content_type() not in RETURNED_TYPES:
            continue
        inner = inside(part)
        found = inner[0] if inner else HeaderParser().parsestr(text_of(part).lstrip())
        if found.keys():
            return found
    return None


# Where mail systems that do not use MIME begin to quote what they return.
_QUOTE = re.compile(
    r"^[ \t>-]*(?:below this line is a copy|this is a copy of (?:the|your) message|original message|"
    r"the header of the original|message headers? follow|returned message|unsent message|"
    r"(?:return-path|received): )",
    re.IGNORECASE | re.MULTILINE,
)


def own_words(mail: Message) -> str:
    """The texts that the mail system wrote, without the message that it returns; at most MAX_TEXT."""
    kept: list[str] = []
    for part in parts(mail):
        if part.get_content_maintype() == "text" and part.get_content_type() not in RETURNED_TYPES:
            kept.append(_QUOTE.split(text_of(part), maxsplit=1)[0])
        if sum(map(len, kept)) > MAX_TEXT:
            break
    return "\n".join(kept)[:MAX_TEXT]
