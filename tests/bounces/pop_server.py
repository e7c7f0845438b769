"""A POP3 server for tests (RFC 1939, STLS of RFC 2595): what is deleted goes at QUIT."""

from typing import ClassVar

from tests.bounces.mail_server import PASSWORD, USER, Line, MailServer


class PopLine(Line):
    def talk(self) -> None:
        self.deleted: set[int] = set()
        self.user, self.is_in, self.numbers = "", False, []
        self.say("+OK ready")
        while True:
            words = self.rfile.readline().decode("utf-8", "replace").split(" ")
            command, argument = words[0].strip().upper(), " ".join(words[1:]).strip()
            if not command:
                return
            if command == "QUIT":
                self.box.delete(self.deleted)
                self.say("+OK bye")
                return
            self.answer(command, argument)

    def answer(self, command: str, argument: str) -> None:
        if command == "CAPA":
            self.say("\r\n".join(["+OK", "USER", *(["STLS"] if self.box.starttls else []), "."]))
        elif command == "STLS" and self.box.starttls:
            self.say("+OK go on")
            self.secure(self.box.starttls)
        elif command == "USER":
            self.user = argument
            self.say("+OK")
        elif command == "PASS":
            self.sign_in(argument)
        elif not self.is_in:
            self.say("-ERR sign in first")
        elif command == "LIST":
            lines = [f"{i} {len(self.box.mails[n])}" for i, n in enumerate(self.numbers, 1)]
            self.say("\r\n".join([f"+OK {len(lines)}", *lines, "."]))
        elif command == "RETR":
            self.give(self.numbers[int(argument) - 1])
        elif command == "DELE":
            self.deleted.add(self.numbers[int(argument) - 1])
            self.say("+OK")
        else:
            self.say("-ERR what?")

    def sign_in(self, password: str) -> None:
        self.is_in = (self.user, password) == (USER, PASSWORD)
        self.numbers = sorted(self.box.mails)
        self.box.counts["signed in"] += self.is_in
        self.say("+OK" if self.is_in else "-ERR [AUTH] invalid user name or password")

    def give(self, number: int) -> None:
        mail = self.box.fetched(number, self)
        if mail is None:
            self.say("-ERR cannot be read")
            return
        body = b"\r\n" + mail.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        self.wfile.write(b"+OK" + body.replace(b"\r\n.", b"\r\n.."))
        self.wfile.write(b".\r\n" if body.endswith(b"\r\n") else b"\r\n.\r\n")


class PopServer(MailServer):
    handler: ClassVar[type[Line]] = PopLine
