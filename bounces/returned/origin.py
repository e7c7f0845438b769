"""Who wrote a mail: a mail system about a failure, a machine on somebody's behalf, or a person."""

import re
from email.message import Message

from . import parts

# Their report type says what they are (RFC 6522); `disposition-notification` is a read receipt (RFC 8098).
RECEIPT = "disposition-notification"
DAEMONS = re.compile(
    r"(?:mailer-daemon|mail-daemon|mailerdaemon|postmaster|mdaemon|mail-delivery-subsystem|bounces?|"
    r"microsoftexchange[0-9a-f]+)@|^mailer-daemon$|<>",
    re.IGNORECASE,
)
FAILURE_SUBJECTS = re.compile(
    r"undeliver|delivery (?:status|failure|failed|has failed|report|incomplete|notification)|returned mail|"
    r"failure notice|mail delivery|mail system error|could ?n[o']t be delivered|warning: could not send|"
    r"unzustellbar|non remis|no se pudo entregar",
    re.IGNORECASE,
)
AWAY_SUBJECTS = re.compile(
    r"^(?:re: )?(?:auto(?:matic|mated)?[ -]?(?:reply|response)|out of (?:the )?office|autoreply|vacation|"
    r"abwesen|réponse automatique|respuesta automática|automatische antwort)",
    re.IGNORECASE,
)
_VERP = re.compile(r"[+=-]([^@\s+]+)=([A-Za-z0-9.-]+\.[A-Za-z]{2,})@")


def is_mail_system(mail: Message) -> bool:
    """Whether a mail system wrote it, by its sender or its form; a null return path alone proves nothing,
    since auto-replies have one too (RFC 3834 section 3.3)."""
    if "X-Failed-Recipients" in mail:
        return True
    if mail.get_content_type() == "multipart/report":
        return str(mail.get_param("report-type", "")).lower() != RECEIPT
    sender = parts.header(mail, "From")
    return bool(DAEMONS.search(sender) or any(DAEMONS.search(one) for one in parts.addresses(sender)))


def is_about_failure(mail: Message) -> bool:
    """Whether it may be a bounce: of a mail system, or named like one and without a return path."""
    if is_mail_system(mail):
        return True
    null_path = parts.header(mail, "Return-Path").replace(" ", "") == "<>"
    return null_path and bool(FAILURE_SUBJECTS.search(parts.header(mail, "Subject")))


def is_receipt(mail: Message) -> bool:
    """A read receipt."""
    is_report = mail.get_content_type() == "multipart/report"
    types = (part.get_content_type() for part in parts.parts(mail))
    return (is_report and str(mail.get_param("report-type", "")).lower() == RECEIPT) or (
        "message/disposition-notification" in types
    )


def is_auto_reply(mail: Message) -> bool:
    """RFC 3834 section 5: an answer of a machine, such as "I am on vacation". Bounces carry the same field,
    so ask after `is_mail_system`."""
    submitted = parts.header(mail, "Auto-Submitted").lower()
    if submitted.startswith(("auto-replied", "auto-notified")):
        return True
    if any(name in mail for name in ("X-Autoreply", "X-Autorespond", "X-Autoreply-From")):
        return True
    if parts.header(mail, "Precedence").lower() in ("auto_reply", "auto-reply"):
        return True
    return bool(AWAY_SUBJECTS.search(parts.header(mail, "Subject")))


def verp_address(mail: Message) -> str:
    """The recipient that a VERP return path holds (`bounces+somebody=example.com@here`); "" without one."""
    for name in ("X-Original-To", "Delivered-To", "To"):
        found = _VERP.search(parts.header(mail, name))
        if found:
            return f"{found[1]}@{found[2]}".lower()
    return ""
