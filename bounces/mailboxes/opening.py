"""Reaching a mailbox, and saying in words why that does not work.

Staff with the permission for settings name the host, as with SMTP servers, so private addresses are fine: the
mail server is often the neighbour.
"""

import imaplib
import poplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from imap_tools.errors import ImapToolsError

from . import imap, pop
from .box import IMAP, NAMES, Box, MailboxError, Session

TIMEOUT_S = 30.0


@contextmanager
def opened(box: Box, *, timeout_s: float = TIMEOUT_S) -> Iterator[Session]:
    """The open mailbox. Closed well at the end, dropped after an error: then POP3 deletes nothing.

    Args:
        timeout_s: for connecting and for each answer.

    Raises:
        MailboxError: see there; also for what goes wrong inside the block.
    """
    session: Session | None = None
    try:
        session = connect(box, timeout_s)
        yield session
        session.close()
    except BaseException as error:
        if session is not None:
            session.abandon()
        said = in_words(box, error)
        if said is None:
            raise
        raise MailboxError(said) from error


def connect(box: Box, timeout_s: float) -> Session:
    made = imap.ImapSession if box.type == IMAP else pop.PopSession
    return made(box, _context(box), timeout_s)


def _context(box: Box) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not box.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def in_words(box: Box, error: BaseException) -> str | None:
    """What is wrong with the mailbox; None when it is not the mailbox that is wrong."""
    match error:
        case ssl.SSLCertVerificationError():
            return f"The certificate of {box.where} is not valid: {error.verify_message}."
        case ssl.SSLError():
            return f"{box.where} does not speak TLS as it should ({error.reason}). Check the port."
        case socket.gaierror() | UnicodeError():
            return f"The host name {box.host} is not known."
        case TimeoutError():
            return f"{box.where} does not answer in time."
        case ConnectionRefusedError():
            return f"Nothing listens at {box.where}."
        case poplib.error_proto():
            return f"{box.where} answered: {pop.words(error)}"
        case imaplib.IMAP4.error() | ImapToolsError():
            return f"{box.where} answered: {imap.words(error)}"
        case EOFError() | ConnectionError():
            return f"{box.where} closed the connection. Does it speak {NAMES[box.type]} there?"
        case OSError():
            return f"{box.where} cannot be reached: {error.strerror or error}."
    return None
