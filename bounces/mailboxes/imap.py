"""IMAP (RFC 3501, RFC 9051). Mails that were read are deleted, as with POP3."""

import imaplib
import ssl
from collections.abc import Iterable

from imap_tools import BaseMailBox, MailBox, MailBoxStartTls, MailBoxUnencrypted
from imap_tools.errors import MailboxFolderSelectError, MailboxLoginError

from .box import Box, MailboxError


class ImapSession:
    def __init__(self, box: Box, context: ssl.SSLContext, timeout_s: float) -> None:
        self.box = _connected(box, context, timeout_s)
        try:
            if box.signs_in:
                self._sign_in(box)
            self._choose(box)
        except BaseException:
            self.abandon()
            raise

    def _sign_in(self, box: Box) -> None:
        is_plain = box.username.isascii() and box.password.isascii()
        sign_in = self.box.login if is_plain else self.box.login_utf8
        try:
            sign_in(box.username, box.password, initial_folder=None)
        except (MailboxLoginError, imaplib.IMAP4.error) as error:
            if isinstance(error, imaplib.IMAP4.abort):
                raise
            raise MailboxError(f"{box.where} refused the user name or the password: {words(error)}") from None

    def _choose(self, box: Box) -> None:
        try:
            self.box.folder.set(box.folder)
        except MailboxFolderSelectError as error:
            raise MailboxError(
                f"{box.where} has no folder {box.folder!r} that can be opened: {words(error)}"
            ) from None

    def mails(self) -> list[str]:
        return self.box.uids("UNDELETED", charset=None)

    def content(self, mail: str, limit: int) -> bytes | None:
        # PEEK, so that a mail which cannot be recorded keeps looking unread.
        status, answer = self.box.client.uid("FETCH", mail, f"(BODY.PEEK[]<0.{limit}>)")
        if status != "OK":
            return None
        return next((one[1] for one in answer if isinstance(one, tuple)), None)

    def delete(self, mails: Iterable[str]) -> None:
        chosen = ",".join(mails)
        if not chosen:
            return
        if "UIDPLUS" not in self.box.client.capabilities:
            self.box.delete(chosen)
            return
        client = self.box.client
        for command in (("STORE", chosen, "+FLAGS.SILENT", r"(\Deleted)"), ("EXPUNGE", chosen)):
            status, answer = client.uid(*command)
            if status != "OK":
                raise MailboxError(f"The server does not delete mails: {_text(answer)}")

    def close(self) -> None:
        self.box.logout()

    def abandon(self) -> None:
        try:
            self.box.client.shutdown()
        except OSError:
            pass  # it is gone already


def _connected(box: Box, context: ssl.SSLContext, timeout_s: float) -> BaseMailBox:
    if box.starttls:
        return MailBoxStartTls(box.host, box.port, timeout=timeout_s, ssl_context=context)
    if box.tls:
        return MailBox(box.host, box.port, timeout=timeout_s, ssl_context=context)
    return MailBoxUnencrypted(box.host, box.port, timeout=timeout_s)


def words(error: Exception) -> str:
    """What the server said."""
    answer = getattr(error, "command_result", None)
    if isinstance(answer, tuple) and len(answer) == 2:
        return _text(answer[1])
    return _text(error.args)


def _text(answer: object) -> str:
    pieces = answer if isinstance(answer, list | tuple) else [answer]
    said = " ".join(one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one) for one in pieces)
    return " ".join(said.split())[:300] or "no reason given."
