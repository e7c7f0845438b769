"""Delivery status notifications: RFC 3464, and RFC 6533 for addresses beyond ASCII."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from email.message import Message

from bounces.events import HARD

from . import parts, wording
from .parts import Fields

REPORT_TYPES = frozenset({"message/delivery-status", "message/global-delivery-status"})
MAX_RECIPIENTS = 100
# RFC 6533 section 3: \x{HEX} in place of a character.
_ESCAPED = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")


@dataclass(frozen=True, slots=True)
class Recipient:
    """What a report says of one recipient. `action` is in lower case, "" when it is missing."""

    addresses: tuple[str, ...]
    action: str
    status: str
    diagnostic: str
    remote_mta: str

    @property
    def has_failed(self) -> bool:
        """RFC 3464 section 2.3.3: `delayed` is tried again; `relayed`, `expanded`, `delivered` have arrived.

        Without an action the status decides; a temporary one is then a delay.
        """
        return self.action == "failed" or (not self.action and self.status.startswith("5"))

    def verdict(self) -> tuple[str, str]:
        return wording.verdict(self.status, self.diagnostic)


def recipients(mail: Message) -> list[Recipient]:
    """Those that the mail's reports are about; empty when it has no report."""
    found: list[Fields] = []
    for part in parts.parts(mail):
        if part.get_content_type() in REPORT_TYPES:
            found += parts.blocks(part)
    return _recipients(found)


def recipients_in(text: str) -> list[Recipient]:
    """The same from raw text: a report whose frame is broken still has its fields."""
    return _recipients(parts.blocks_in(text))


def _recipients(blocks: Iterable[Fields]) -> list[Recipient]:
    found: dict[Recipient, None] = {}
    for block in blocks:
        named = (block.get("original-recipient", ""), block.get("final-recipient", ""))
        if not any(named) or not (block.get("action") or block.get("status")):
            continue
        status = wording.STATUS.search(block.get("status", ""))
        one = Recipient(
            addresses=tuple(dict.fromkeys(address for text in named if (address := address_in(text)))),
            action=block.get("action", "").split(" ")[0].split("(")[0].lower(),
            status=status[0] if status else "",
            diagnostic=block.get("diagnostic-code", ""),
            remote_mta=block.get("remote-mta", "").partition(";")[2].strip(),
        )
        found[one] = None
        if len(found) == MAX_RECIPIENTS:
            break
    return list(found)


def address_in(text: str) -> str:
    """The address in `rfc822; somebody@example.com` or `utf-8; ...`, lower case; "" when there is none."""
    kind, semicolon, value = text.partition(";")
    value = (value if semicolon else kind).strip()
    if kind.strip().lower() == "utf-8":
        value = _ESCAPED.sub(_character, value)
    value = value.strip("<> \t").lower()
    return value if re.fullmatch(r"[^\s@<>]+@[^\s@<>]+", value) else ""


def _character(escaped: "re.Match[str]") -> str:
    number = int(escaped[1], 16)
    is_surrogate = 0xD800 <= number <= 0xDFFF
    return chr(number) if number <= 0x10FFFF and not is_surrogate else ""


def worst_for_one(failed: Iterable[Recipient]) -> tuple[str, str, Recipient]:
    """Verdict, reason and recipient when one subscriber's message failed at several addresses.

    That is an alias or a list: the subscriber is gone only when every address is.
    """
    judged = [(*one.verdict(), one) for one in failed]
    return next((one for one in judged if one[0] != HARD), judged[0])
