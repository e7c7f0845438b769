"""The pipeline against a server in memory that refuses, misleads and stutters; no sockets, many seeds."""

import random
from collections import Counter

import pytest

from listmonk_py.mail.outgoing import Outcome, Outgoing
from listmonk_py.mail.smtp.extensions import Extensions, parse_ehlo
from listmonk_py.mail.smtp.pipeline import Closing, Pipeline
from listmonk_py.mail.smtp.replies import ProtocolError, Reply, parse

BODY = b"Subject: x\r\n\r\n..leading dot\r\n250 not a reply\r\n354 nor this\r\n"
EVERYTHING = Extensions(pipelining=True, eight_bit_mime=True, smtputf8=True)


class HostileServer:
    """Reads commands, answers by chance, and notes what should become of each message.

    It tells messages apart by the number in their sender.
    """

    def __init__(self, chance: random.Random, *, pipelining: bool) -> None:
        self.chance = chance
        self.pipelining = pipelining
        self.truth: dict[int, str] = {}
        self.bodies: dict[bytes, bytes] = {}
        self.buffer = b""
        self.out: list[bytes] = []
        self.mail = False
        self.good: list[bytes] = []
        self.in_data: str | None = None

    def say(self, text: bytes) -> None:
        if self.chance.random() < 0.2:
            self.out.append(text[:3] + b"-and more\r\n")
        self.out.append(text + b"\r\n")

    def feed(self, data: bytes) -> None:
        self.buffer += data
        while self.buffer:
            if self.in_data:
                if not self.content():
                    return
                continue
            line, end, rest = self.buffer.partition(b"\r\n")
            if not end:
                return
            self.buffer = rest
            assert self.pipelining or not rest, f"pipelined without leave: {line!r} {rest!r}"
            self.command(line)

    def command(self, line: bytes) -> None:
        chance = self.chance.random
        if line.startswith(b"MAIL"):
            assert not self.mail, "nested MAIL"
            self.mail = chance() > 0.05
            self.first: bytes | None = None
            self.number = line.removeprefix(b"MAIL FROM:<").split(b"@")[0]
            self.good = []
            if not self.mail:
                self.note("server")
            self.say(b"250 ok" if self.mail else b"452 4.3.1 later")
        elif line.startswith(b"RCPT"):
            address = line[9:-1]
            self.first = self.first or address
            if not self.mail:
                self.say(b"503 5.5.1 need MAIL")
            elif chance() < 0.12:
                temporary = chance() < 0.5
                if address == self.first:
                    self.note("deferred" if temporary else "failed")
                self.say(b"451 4.7.1 grey" if temporary else b"550 5.1.1 gone")
            else:
                self.good.append(address)
                self.say(b"250 2.1.5 ok")
        elif line == b"DATA":
            if not self.good:
                if chance() < 0.5:
                    self.in_data = "dummy"
                    self.say(b"354 go on")
                else:
                    self.say(b"503 5.5.1 no recipients")
            elif chance() < 0.03:
                self.note("deferred")
                self.say(b"451 4.3.0 not now")
            else:
                self.in_data = "real"
                self.say(b"354 go on")
        elif line == b"RSET":
            self.mail, self.good = False, []
            self.say(b"250 flushed")
        else:
            raise AssertionError(f"garbage {line!r}")

    def content(self) -> bool:
        if self.buffer.startswith(b".\r\n"):
            body, rest = b"", self.buffer[3:]
        else:
            body, end, rest = self.buffer.partition(b"\r\n.\r\n")
            if not end:
                return False
            body += b"\r\n"
        self.buffer = rest
        kind, self.in_data = self.in_data, None
        if kind == "dummy":
            assert body == b"", "content sent for a refused message"
            self.say(b"554 5.5.1 no recipients")
        else:
            assert self.first in self.good, "content sent although the first recipient was refused"
            verdict = self.chance.choices(["accepted", "deferred", "failed"], [85, 8, 7])[0]
            self.note(verdict)
            if verdict == "accepted":
                for address in self.good:
                    self.bodies[address] = body
            self.say(
                {"accepted": b"250 2.0.0 queued", "deferred": b"451 4 later", "failed": b"554 5.7.1 no"}[
                    verdict
                ]
            )
        self.mail, self.good = False, []
        return True

    def note(self, verdict: str) -> None:
        self.truth.setdefault(int(self.number), verdict)


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("seed", range(12))
def test_every_outcome_belongs_to_its_message(seed, pipelining):
    chance = random.Random(seed)
    count = 600
    messages = [
        Outgoing(
            i,
            b"%d@bounces.example.com" % i,
            tuple(b"%d.%d@example.com" % (i, n) for n in range(chance.choices([1, 2, 3], [8, 1, 1])[0])),
            BODY + b"%d\r\n" % i,
        )
        for i in range(count)
    ]
    waiting = list(reversed(messages))
    results: dict[int, Outcome] = {}

    def settle(message: Outgoing, outcome: Outcome, reply: Reply) -> None:
        assert message.key not in results
        results[message.key] = outcome

    pipeline = Pipeline(Extensions(pipelining=pipelining), lambda: waiting.pop() if waiting else None, settle)
    server = HostileServer(chance, pipelining=pipelining)
    server.feed(b"".join(pipeline.start()))
    while server.out:
        said, server.out = b"".join(server.out), []
        while said:
            cut = chance.randint(1, 7) if chance.random() < 0.3 else len(said)
            server.feed(b"".join(pipeline.feed(said[:cut])))
            said = said[cut:]

    assert pipeline.idle
    assert len(results) == count
    assert {key: str(outcome) for key, outcome in results.items()} == server.truth
    assert len(Counter(results.values())) == 4
    for address, body in server.bodies.items():
        assert body == messages[int(address.split(b".")[0])].data


def dialogue(*messages: Outgoing, extensions: Extensions = EVERYTHING):
    """A pipeline over `messages`, and the list its outcomes go to."""
    waiting = list(reversed(messages))
    settled: list[tuple[int, Outcome, Reply]] = []
    pipeline = Pipeline(
        extensions,
        lambda: waiting.pop() if waiting else None,
        lambda message, outcome, reply: settled.append((message.key, outcome, reply)),
    )
    return pipeline, settled


def plain(key: int, **changes) -> Outgoing:
    message = Outgoing(key, b"a@example.com", (b"%d@example.com" % key,), BODY)
    for name, value in changes.items():
        setattr(message, name, value)
    return message


def test_a_message_costs_one_write_behind_the_one_before():
    pipeline, settled = dialogue(plain(1), plain(2))

    first = b"".join(pipeline.start())
    second = b"".join(pipeline.feed(b"250 ok\r\n250 ok\r\n354 go\r\n"))

    assert first == b"MAIL FROM:<a@example.com>\r\nRCPT TO:<1@example.com>\r\nDATA\r\n"
    assert second == BODY + b".\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<2@example.com>\r\nDATA\r\n"
    assert not settled


def test_421_for_the_final_dot_says_that_it_was_not_delivered():
    pipeline, settled = dialogue(plain(1), plain(2))
    pipeline.start()
    pipeline.feed(b"250 ok\r\n250 ok\r\n354 go\r\n")

    with pytest.raises(Closing, match="going down"):
        pipeline.feed(b"421 4.3.2 going down\r\n")

    assert [(key, outcome) for key, outcome, _ in settled] == [(1, Outcome.SERVER)]
    doubtful, untouched = pipeline.lost()
    assert doubtful is None
    assert untouched is not None
    assert untouched.key == 2


def test_421_in_the_middle_of_a_group_leaves_nothing_in_doubt():
    pipeline, settled = dialogue(plain(1), plain(2))
    pipeline.start()
    pipeline.feed(b"250 ok\r\n250 ok\r\n354 go\r\n")

    with pytest.raises(Closing):
        pipeline.feed(b"250 queued\r\n250 ok\r\n421 4.7.0 too much\r\n")

    assert [(key, outcome) for key, outcome, _ in settled] == [(1, Outcome.ACCEPTED)]
    assert pipeline.lost()[0] is None


def test_a_lost_connection_leaves_one_message_in_doubt():
    pipeline, _ = dialogue(plain(1), plain(2))
    pipeline.start()
    pipeline.feed(b"250 ok\r\n250 ok\r\n354 go\r\n")

    doubtful, untouched = pipeline.lost()

    assert (doubtful.key, untouched.key) == (1, 2)
    assert pipeline.idle


@pytest.mark.parametrize(
    ("message", "extensions", "words"),
    [
        (plain(1, smtputf8=True), Extensions(pipelining=True), "SMTPUTF8"),
        (plain(1, recipients=("jürgen@example.com".encode(),)), Extensions(pipelining=True), "SMTPUTF8"),
        (plain(1, eight_bit=True), Extensions(pipelining=True), "8BITMIME"),
        (plain(1), Extensions(pipelining=True, size_bytes=20), "takes 20"),
        (plain(1, recipients=(b"x@example.com>\r\nRCPT TO:<y@example.com",)), EVERYTHING, "character"),
        (plain(1, sender=b"a@b\r\nDATA"), EVERYTHING, "character"),
        (plain(1, recipients=()), EVERYTHING, "no recipient"),
        (plain(1, data=b"no line end"), EVERYTHING, "line end"),
    ],
)
def test_what_the_server_cannot_carry_fails_in_words_and_the_next_goes_on(message, extensions, words):
    pipeline, settled = dialogue(message, plain(2), extensions=extensions)

    sent = b"".join(pipeline.start())

    if extensions.size_bytes:
        assert sent == b""
    else:
        assert b"RCPT TO:<2@example.com>" in sent
    key, outcome, reply = settled[0]
    assert (key, outcome) == (1, Outcome.FAILED)
    assert words in reply.text


def test_parameters_are_sent_when_they_are_needed_and_offered():
    pipeline, _ = dialogue(plain(1, eight_bit=True, smtputf8=True))

    assert pipeline.start()[0].startswith(b"MAIL FROM:<a@example.com> BODY=8BITMIME SMTPUTF8\r\n")


def test_a_refused_copy_does_not_keep_the_message_from_its_recipient():
    pipeline, settled = dialogue(plain(1, recipients=(b"to@example.com", b"cc@example.com")))
    pipeline.start()

    assert pipeline.feed(b"250 ok\r\n250 ok\r\n550 5.1.1 gone\r\n") == [b"DATA\r\n"]
    pipeline.feed(b"354 go\r\n")
    pipeline.feed(b"250 2.0.0 queued\r\n")

    _, outcome, reply = settled[0]
    assert outcome is Outcome.ACCEPTED
    assert reply.text == "queued (copies refused: cc@example.com: 550 5.1.1 gone)"


def test_a_refused_recipient_keeps_the_copies_from_going_out():
    pipeline, settled = dialogue(plain(1, recipients=(b"to@example.com", b"cc@example.com")), plain(2))
    pipeline.start()

    sent = b"".join(pipeline.feed(b"250 ok\r\n550 5.1.1 gone\r\n250 ok\r\n"))

    assert sent.startswith(b"RSET\r\nMAIL FROM")
    assert [(key, outcome, reply.enhanced) for key, outcome, reply in settled] == [
        (1, Outcome.FAILED, "5.1.1")
    ]


@pytest.mark.parametrize(
    "noise",
    [b"hello\r\n", b"\r\n", b"25\r\n", b"250 ok\r\n" * 5, b"250-x\r\n" * 300, b"9" * 70_000],
)
def test_what_is_no_smtp_ends_the_dialogue(noise):
    pipeline, _ = dialogue(plain(1))
    pipeline.start()

    with pytest.raises(ProtocolError):
        pipeline.feed(noise)


@pytest.mark.parametrize(
    ("lines", "reply"),
    [
        ([b"250 2.1.5 Ok\r"], Reply(250, "2.1.5", "Ok")),
        ([b"550-5.1.1 The address", b"550-5.1.1 you wrote to", b"550 5.1.1 is gone"],
         Reply(550, "5.1.1", "The address you wrote to is gone")),
        ([b"250"], Reply(250, "", "")),
        ([b"450 4.2.1"], Reply(450, "4.2.1", "")),
        ([b"250 2.5 kg of mail"], Reply(250, "", "2.5 kg of mail")),
        ([b"550 caf\xe9"], Reply(550, "", "caf\ufffd")),
    ],
)  # fmt: skip
def test_replies_are_read(lines, reply):
    assert parse(lines[-1], lines[:-1]) == reply


def test_the_answer_to_ehlo_is_read():
    extensions = parse_ehlo(
        [
            b"250-mx.example.com hello",
            b"250-PIPELINING",
            b"250-size 1000",
            b"250-AUTH=LOGIN",
            b"250 AUTH PLAIN LOGIN",
        ]
    )

    assert extensions == Extensions(pipelining=True, size_bytes=1000, auth=frozenset({"PLAIN", "LOGIN"}))
