"""The SMTP messenger against a real server on a real socket, with permits from the real Valkey."""

from collections import Counter

from listmonk_py.mail.outgoing import Outcome
from tests.mail.conftest import collect, letter, server


def test_every_message_arrives_once_as_it_was_given(sink, make_messenger):
    transmission = make_messenger(server(sink, max_conns=4)).open("campaign", "from@example.com")

    transmission.send([letter(key) for key in range(300)])
    results = collect(transmission)

    assert Counter(r.outcome for r in results.values()) == {Outcome.ACCEPTED: 300}
    assert sorted(m.message_id for m in sink.accepted) == sorted(f"<{key}@test>" for key in range(300))
    assert sink.accepted[0].data == letter(int(sink.accepted[0].message_id[1:-6])).data
    assert 1 <= sink.peak_connections <= 4
    assert not sink.violations
