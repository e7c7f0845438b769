"""Whether a refusal is for good, by status code and by words.

Of RFC 3463's codes only those are hard that speak of the address: 5.1.x (5.1.7 and 5.1.8 are about the
sender's), 5.2.1 (mailbox disabled) and 5.4.4 (no route). A full mailbox (5.2.2), a message too large, refused
content or a policy say nothing against the person and are soft, as bounce handlers in the field have it. Where
the code is general or missing, words decide; in doubt a bounce is soft, so nobody is blocklisted by a guess.
"""

import re

from bounces.events import HARD, SOFT

STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
# At the start of a line, perhaps after `Status:`, the host's answer or a reply code (contract 8.5).
LINE_STATUS = re.compile(
    r"^[ \t>]*(?:status:[ \t]*)?(?:[245]\d\d[ \t-]+)?#?([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])",
    re.IGNORECASE | re.MULTILINE,
)
REPLY = re.compile(r"(?:^|smtp;|said:|:)[ \t]*([45])\d\d[ \t-]", re.IGNORECASE | re.MULTILINE)

# No more than a line lies between two words.
_GAP = r"[^\n]{0,80}?"
NOBODY = re.compile(
    "|".join(
        (
            f"(?:account|address){_GAP}disabled",
            f"address{_GAP}reject",
            f"bad{_GAP}address",
            f"(?:mailbox|address){_GAP}(?:not found|unavailable for this user|does(?:n't| not) exist)",
            "no such (?:user|mailbox|recipient|person|address|account)",
            "no mailbox",
            "nxdomain",
            "domain (?:name )?not found",
            "unrouteable|unroutable|host unknown",
            f"recipient{_GAP}(?:invalid|not found)",
            "invalid recipient",
            f"(?:unknown{_GAP}(?:user|recipient|address)|(?:user|recipient){_GAP}unknown)",
            "does(?:n't| not) exist",
            "doesn't have an? [^\n]{1,40} account",
        )
    ),
    re.IGNORECASE,
)
# They say that it was given up, and not why.
GIVEN_UP = re.compile(f"permanent{_GAP}(?:error|failure)|undeliverable", re.IGNORECASE)
NOT_THE_ADDRESS = re.compile(
    "|".join(
        (
            f"(?:mailbox|inbox|storage|quota){_GAP}(?:full|exceed|exhaust|over)",
            "over (?:its |the )?(?:disk )?quota",
            "out of storage",
            "insufficient (?:system )?storage",
            f"(?:message|mail){_GAP}too (?:large|big)",
            "spam|blocked|blacklist|blocklist|block list|reputation|rate limit|too many|greylist|graylist",
            f"(?:policy|content){_GAP}(?:reject|refus|violat|reason)",
            "try again later|temporar|timed out|timeout|connection refused",
        )
    ),
    re.IGNORECASE,
)
_ABOUT_ADDRESS = frozenset({("2", "1"), ("4", "4")})
# Subjects whose codes are clear enough that words cannot change them: mailbox, mail system, content.
_CLEAR = frozenset({"2", "3", "6"})


def verdict(status: str, said: str) -> tuple[str, str]:
    """(hard or soft, what decided it).

    Args:
        status: RFC 3463 code as the report states it; "" when it does not.
        said: the receiving server's answer, or the text of the bounce.
    """
    code = _specific(STATUS.search(status)) or _specific(LINE_STATUS.search(said))
    code = code or _specific(STATUS.search(said))
    if code:
        return _by_code(code, said)
    if status.startswith("4"):
        return SOFT, f"smtp_status={status}"
    reply = REPLY.search(said)
    for_now = reply if reply and reply[1] == "4" else NOT_THE_ADDRESS.search(said)
    if for_now:
        return SOFT, f"body_match={_words(for_now[0])}"
    found = NOBODY.search(said) or GIVEN_UP.search(said)
    if found:
        return HARD, f"body_match={_words(found[0])}"
    return SOFT, f"smtp_status={status}" if status else "default"


def _by_code(code: tuple[str, str, str], said: str) -> tuple[str, str]:
    reason = f"smtp_status={'.'.join(code)}"
    kind, subject, detail = code
    if kind != "5":
        return SOFT, reason
    if (subject == "1" and detail not in ("7", "8")) or (subject, detail) in _ABOUT_ADDRESS:
        return HARD, reason
    found = None if subject in _CLEAR or NOT_THE_ADDRESS.search(said) else NOBODY.search(said)
    return (HARD, f"body_match={_words(found[0])}") if found else (SOFT, reason)


def _specific(code: "re.Match[str] | None") -> tuple[str, str, str] | None:
    """The code unless it says no more than that something went wrong (x.0.0, x.5.0)."""
    if code is None or (code[2], code[3]) in (("0", "0"), ("5", "0")):
        return None
    return code[1], code[2], code[3]


def is_telling(said: str) -> bool:
    """Whether a text holds a status code or words of failure at all."""
    return any(one.search(said) for one in (LINE_STATUS, NOBODY, GIVEN_UP, NOT_THE_ADDRESS))


def _words(found: str) -> str:
    return " ".join(found.lower().split())
