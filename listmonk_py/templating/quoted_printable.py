"""Quoted-printable (RFC 2045 section 6.7) in pieces that can be joined in any order.

Every piece starts and ends at the start of a wire line: unless it ends in a line break of its own it ends
in a soft one (`=CRLF`). So the rules about line length, trailing blanks and dot-stuffing (RFC 5321
section 4.5.2) are matters of one piece, constant text is encoded once for a million messages, and a
message is the plain concatenation of its pieces. The price is about a tenth in size.
"""

import re
from binascii import b2a_qp

SOFT_BREAK = b"=\r\n"
_NEWLINE = re.compile(rb"\r\n?")

# b2a_qp lets a last line grow to 76 columns, which leaves no room for the soft break's "=".
_LONGEST_LAST_LINE = 75


def encode_piece(text: str) -> bytes:
    """`text` on the wire: quoted-printable UTF-8, CRLF, dot-stuffed, ending at the start of a line.

    CRLF, CR and LF all count as one line break. Lone surrogates become "?".
    """
    if not text:
        return b""
    raw = text.encode("utf-8", "replace")
    if b"\r" in raw:
        raw = _NEWLINE.sub(b"\n", raw)
    coded = b2a_qp(raw, istext=True)
    if not coded.endswith(b"\n"):
        coded = _with_room_for_break(coded) + b"=\n"
    coded = coded.replace(b"\n", b"\r\n").replace(b"\n.", b"\n..")
    return b"." + coded if coded.startswith(b".") else coded


def _with_room_for_break(coded: bytes) -> bytes:
    """Cut the last line in two when a trailing "=" would make it too long; no =XX triplet is cut."""
    start = coded.rfind(b"\n") + 1
    if len(coded) - start <= _LONGEST_LAST_LINE:
        return coded
    cut = start + 70
    while b"=" in coded[cut - 2 : cut]:
        cut -= 1
    return coded[:cut] + b"=\n" + coded[cut:]
