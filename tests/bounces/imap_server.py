"""An IMAP4rev1 server for tests (RFC 3501, UIDPLUS of RFC 4315): one folder, the commands that a scanner needs."""

import base64
import re
from dataclasses import dataclass
from typing import ClassVar

from tests.bounces.mail_server import PASSWORD, USER, Line, MailServer


class ImapLine(Line):
    box: "ImapServer"

    def talk(self) -> None:
        self.deleted: set[int] = set()
        self.is_in = False
        self.say("* OK ready")
        while line := self.rfile.readline().decode("utf-8", "replace").strip():
            self.tag, _, rest = line.partition(" ")
            command, _, argument = rest.partition(" ")
            if command.upper() == "UID":
                sub, _, argument = argument.partition(" ")
                command = f"UID_{sub}"
            answer = getattr(self, f"on_{command.lower()}", None)
            if answer is None or (not self.is_in and command.lower() in ("select", "uid_search")):
                self.say(f"{self.tag} BAD what?")
            else:
                answer(argument)
            if command.upper() == "LOGOUT":
                return

    def ok(self, text: str = "done") -> None:
        self.say(f"{self.tag} OK {text}")

    def on_capability(self, _: str) -> None:
        more = [*(["UIDPLUS"] if self.box.uidplus else []), *(["STARTTLS"] if self.box.starttls else [])]
        self.say(f"* CAPABILITY IMAP4rev1 AUTH=PLAIN {' '.join(more)}".rstrip())
        self.ok()

    def on_starttls(self, _: str) -> None:
        assert self.box.starttls is not None
        self.ok()
        self.secure(self.box.starttls)

    def on_login(self, argument: str) -> None:
        words = re.findall(r'"((?:[^"\\]|\\.)*)"|(\S+)', argument)
        self.sign_in(*[re.sub(r"\\(.)", r"\1", quoted) or plain for quoted, plain in words])

    def on_authenticate(self, _: str) -> None:
        self.say("+ ")
        self.sign_in(*base64.b64decode(self.rfile.readline()).decode().split("\0")[1:])

    def sign_in(self, user: str, password: str) -> None:
        self.is_in = (user, password) == (USER, self.box.password)
        self.box.counts["signed in"] += self.is_in
        if self.is_in:
            self.ok()
        else:
            self.say(f"{self.tag} NO [AUTHENTICATIONFAILED] Invalid credentials")

    def on_select(self, argument: str) -> None:
        if argument.strip('"') != self.box.folder:
            self.say(f"{self.tag} NO [NONEXISTENT] Unknown folder")
            return
        self.say(f"* {len(self.box.mails)} EXISTS")
        self.say("* OK [UIDVALIDITY 1]")
        self.ok("[READ-WRITE] done")

    def on_uid_search(self, _: str) -> None:
        found = " ".join(str(n) for n in sorted(self.box.mails) if n not in self.deleted)
        self.say(f"* SEARCH {found}".rstrip())
        self.ok()

    def on_uid_fetch(self, argument: str) -> None:
        uid, _, rest = argument.partition(" ")
        part = re.search(r"BODY\.PEEK\[\]<(\d+)\.(\d+)>", rest)
        assert part is not None, rest
        mail = self.box.fetched(int(uid), self)
        if mail is not None:
            start, size = int(part[1]), int(part[2])
            piece = mail[start : start + size]
            self.wfile.write(
                f"* 1 FETCH (UID {uid} BODY[]<{start}> {{{len(piece)}}}\r\n".encode() + piece + b")\r\n"
            )
        self.ok()

    def on_uid_store(self, argument: str) -> None:
        uids, _, flags = argument.partition(" ")
        assert r"\Deleted" in flags
        self.deleted |= {int(one) for one in uids.split(",")}
        self.ok()

    def on_uid_expunge(self, argument: str) -> None:
        self.box.counts["uid expunge"] += 1
        self.box.delete(self.deleted & {int(one) for one in argument.split(",")})
        self.ok()

    def on_expunge(self, _: str) -> None:
        self.box.delete(self.deleted)
        self.ok()

    def on_logout(self, _: str) -> None:
        self.say("* BYE")
        self.ok()


@dataclass
class ImapServer(MailServer):
    folder: str = "INBOX"
    password: str = PASSWORD
    uidplus: bool = True

    handler: ClassVar[type[Line]] = ImapLine
