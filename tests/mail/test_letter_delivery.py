"""Letters over a real SMTP connection: what leaves is what arrives."""

from listmonk_py.mail.letter import LetterSpec, compile_letter
from tests.mail.conftest import server


def make_person(i):
    return {
        "id": i,
        "uuid": f"00000000-0000-4000-8000-{i:012d}",
        "email": f"person{i}@example.org",
        "name": ".\n..\r\n.x" if i % 2 else "Zoë",
        "first_name": "Zoë",
        "last_name": "",
        "status": "enabled",
        "attribs": {"lines": "\n".join("." * n for n in range(9))},
        "created_at": "",
        "updated_at": "",
    }


def test_a_letter_arrives_as_it_was_written(sink, make_messenger):
    letter = compile_letter(
        LetterSpec(
            from_email="News <news@example.com>",
            subject="Für {{ subscriber.name }}",
            body="<p>\n.\n.. {{ subscriber.name }}\n{{ subscriber.attribs.lines }}</p>",
            altbody=".{{ subscriber.name }}\n.\n",
            campaign_uuid="6c8a1e54-9d2f-4c55-8b7e-0f6a2f6f7a11",
            unsubscribe=True,
            root_url="https://news.example.com",
        )
    )
    messages = [letter.wire(i, make_person(i)) for i in range(20)]
    transmission = make_messenger(server(sink)).open("campaign", "news@example.com")
    transmission.send(messages)
    assert sink.wait_for(20, timeout=20)
    transmission.close(10)

    arrived = {message.recipients[0]: message for message in sink.messages}
    for message in messages:
        received = arrived[message.recipients[0].decode()]
        assert received.sender == "news@example.com"
        assert received.data == message.data.replace(b"\r\n..", b"\r\n.")
        text, html = received.parsed.iter_parts()
        person = make_person(message.key)
        name = person["name"].replace("\r\n", "\n")
        assert text.get_content().replace("\r\n", "\n") == f".{name}\n.\n"
        assert person["attribs"]["lines"] in html.get_content().replace("\r\n", "\n")
