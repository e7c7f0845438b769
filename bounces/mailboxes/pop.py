"""POP3 (RFC 1939), with memory that does not depend on what the server sends."""

import poplib
import ssl
from collections.abc import Iterable

from .box import Box, MailboxError

# Of a single mail; beyond it the server is not believed.
MAX_MAIL_BYTES = 200 * 1024 * 1024
_PIECE = 64 * 1024


class PopSession:
    def __init__(self, box: Box, context: ssl.SSLContext, timeout_s: float) -> None:
        self.client: poplib.POP3
        if box.tls and not box.starttls:
            self.client = poplib.POP3_SSL(box.host, box.port, timeout=timeout_s, context=context)
        else:
            self.client = poplib.POP3(box.host, box.port, timeout=timeout_s)
        try:
            if box.starttls:
                self.client.stls(context)
            if box.signs_in:
                self._sign_in(box)
        except BaseException:
            self.client.close()
            raise

    def _sign_in(self, box: Box) -> None:
        self.client.encoding = "utf-8"
        try:
            self.client.user(box.username)
            self.client.pass_(box.password)
        except poplib.error_proto as error:
            raise MailboxError(f"{box.where} refused the user name or the password: {words(error)}") from None

    def mails(self) -> list[str]:
        return [line.split()[0].decode("ascii", "replace") for line in self.client.list()[1] if line.split()]

    def content(self, mail: str, limit: int) -> bytes | None:
        """`poplib.retr` would keep all of it in memory, and gives up at lines of more than 2,048 bytes."""
        try:
            self.client._shortcmd(f"RETR {mail}")  # type: ignore[attr-defined]
        except poplib.error_proto:
            return None
        kept: list[bytes] = []
        size, total, at_start = 0, 0, True
        while True:
            piece = self.client.file.readline(_PIECE)  # type: ignore[attr-defined]
            if not piece:
                raise EOFError
            if at_start and piece.rstrip(b"\r\n") == b"." and piece.endswith(b"\n"):
                return b"".join(kept)[:limit]
            if at_start and piece.startswith(b"."):
                piece = piece[1:]  # byte-stuffed (RFC 1939 section 3)
            at_start = piece.endswith(b"\n")
            total += len(piece)
            if total > MAX_MAIL_BYTES:
                raise MailboxError(f"A mail of more than {MAX_MAIL_BYTES // 1024**2} MB. Delete it by hand.")
            if size < limit:
                kept.append(piece)
                size += len(piece)

    def delete(self, mails: Iterable[str]) -> None:
        for mail in mails:
            self.client.dele(mail)

    def close(self) -> None:
        self.client.quit()

    def abandon(self) -> None:
        self.client.close()


def words(error: poplib.error_proto) -> str:
    """What the server said."""
    said = error.args[0] if error.args else ""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return text.removeprefix("-ERR").strip()[:300] or "no reason given."
