"""Complaints: RFC 5965 feedback reports, and Outlook.com's junk reports, which have no such part."""

from email.message import Message

from . import parts
from .parts import Fields

REPORT_TYPE = "message/feedback-report"
# RFC 5965 section 7.3; "not-spam", "virus", "other" and RFC 6591's "auth-failure" are no complaint of a person.
COMPLAINTS = frozenset({"abuse", "fraud", "opt-out", "opt-out-list"})
# Outlook.com's Junk Mail Reporting Program puts the recipient into the message that it returns.
JUNK_RECIPIENT = "X-HmXmrOriginalRecipient"


def report(mail: Message) -> Fields | None:
    """The fields of the feedback report, names in lower case; None when the mail is no such report."""
    for part in parts.parts(mail):
        if part.get_content_type() == REPORT_TYPE:
            found: Fields = {}
            for block in reversed(parts.blocks(part)):
                found.update(block)
            return found if "feedback-type" in found else None
    return None


def kind(fields: Fields) -> str:
    return fields.get("feedback-type", "").strip().lower()


def recipients(fields: Fields, message: Message | None) -> tuple[str, ...]:
    """Who complained, where the provider has not blacked it out."""
    named = [fields.get("original-rcpt-to", ""), fields.get("removal-recipient", "")]
    if message is not None:
        named.append(parts.header(message, JUNK_RECIPIENT))
    return tuple(dict.fromkeys(address for text in named for address in parts.addresses(text)))


def junk_recipient(message: Message | None) -> str:
    """The address in Outlook.com's header; "" when this is no junk report."""
    found = parts.addresses(parts.header(message, JUNK_RECIPIENT)) if message is not None else []
    return found[0] if found else ""
