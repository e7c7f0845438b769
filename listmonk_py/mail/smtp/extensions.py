"""What a server offers: its answer to EHLO (RFC 5321 section 4.1.1.1)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Extensions:
    """The service extensions that matter to a sender. `size_bytes` is 0 when there is no stated limit."""

    pipelining: bool = False
    eight_bit_mime: bool = False
    smtputf8: bool = False
    starttls: bool = False
    size_bytes: int = 0
    auth: frozenset[str] = frozenset()


def parse_ehlo(lines: list[bytes]) -> Extensions:
    """Read the lines of a 250 reply to EHLO, each with its code; the first names the server."""
    keywords: dict[str, list[str]] = {}
    for raw in lines[1:]:
        words = raw[4:].decode("ascii", "replace").upper().split()
        if not words:
            continue
        # "AUTH=LOGIN PLAIN" is how servers wrote it before RFC 2554; some still send both.
        if words[0].startswith("AUTH="):
            words = ["AUTH", words[0][5:], *words[1:]]
        keywords.setdefault(words[0], []).extend(words[1:])
    size = keywords.get("SIZE", [])
    return Extensions(
        pipelining="PIPELINING" in keywords,
        eight_bit_mime="8BITMIME" in keywords,
        smtputf8="SMTPUTF8" in keywords,
        starttls="STARTTLS" in keywords,
        size_bytes=int(size[0]) if size and size[0].isdigit() else 0,
        auth=frozenset(keywords.get("AUTH", [])),
    )
