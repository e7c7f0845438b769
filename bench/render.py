"""Microseconds of CPU per message for compiling bodies and whole letters; one JSON line per measurement.

Run: python bench/render.py [--messages 2000] [--repeats 7]

The newsletter: 24 KB of HTML, 12 merge fields, a condition, 15 tracked links, a pixel and an unsubscribe
link, and a text alternative.
"""

import argparse
import json
import pathlib
import random
import statistics
import sys
import time
import uuid
from collections.abc import Callable

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from listmonk_py.mail.dkim import Signer
from listmonk_py.mail.letter import CompiledLetter, LetterSpec, compile_letter
from listmonk_py.templating.segments import compile_segments

CAMPAIGN = {
    "uuid": "6c8a1e54-9d2f-4c55-8b7e-0f6a2f6f7a11",
    "subject": "News of the week — 12 things",
    "name": "c1",
}
ROOT = "https://news.example.com"
FIELDS = (
    "name", "email", "attribs.city", "attribs.company", "attribs.plan", "attribs.points", "attribs.country",
    "attribs.address.street", "attribs.address.zip", "attribs.renewal",
)  # fmt: skip
LOREM = """
lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore et dolore
magna aliqua für über café naïve quis nostrud exercitation
""".split()  # noqa: SIM905 - a text reads better than a list here
LOOP = "{% for x in [1, 2, 3, 4, 5] %}<li>{{ x }}: {{ subscriber.name|upper }}</li>{% endfor %}"


def words(chance: random.Random, count: int) -> str:
    return " ".join(chance.choice(LOREM) for _ in range(count))


def link(i: int) -> str:
    return f"{ROOT}/link/{i:08x}-1111-4222-8333-444455556666/{CAMPAIGN['uuid']}/{{{{ subscriber.uuid }}}}"


def html_body(chance: random.Random) -> str:
    parts = ["<!doctype html>\n<html><head><title>{{ campaign.subject }}</title>\n<style>\n"]
    parts += [
        f".c{i} {{ font-family: Arial, Helvetica, sans-serif; font-size: {i % 8 + 10}px; padding: 4px }}\n"
        for i in range(60)
    ]
    parts.append("</style></head><body>\n<h1>Dear {{ subscriber.first_name }},</h1>\n")
    for i in range(15):
        field = f"{{{{ subscriber.{FIELDS[i]} }}}}" if i < len(FIELDS) else words(chance, 2)
        parts.append(
            f'<tr><td class="c{i}" style="padding:12px 24px;border-bottom:1px solid #eeeeee">\n'
            f"<h2>{words(chance, 5)}</h2>\n<p>{words(chance, 30)} <b>{field}</b> {words(chance, 40)}</p>\n"
            f'<p>{words(chance, 55)}</p>\n<a href="{link(i)}" style="padding:10px 18px">Read more</a>\n'
            "</td></tr>\n"
        )
    parts.insert(9, "{% if subscriber.attribs.premium %}\n<p>" + words(chance, 40) + "</p>\n{% endif %}\n")
    parts.append(
        f'<a href="{ROOT}/subscription/{CAMPAIGN["uuid"]}/{{{{ subscriber.uuid }}}}">Unsubscribe</a>\n'
        f'<img src="{ROOT}/campaign/{CAMPAIGN["uuid"]}/{{{{ subscriber.uuid }}}}/px.png" alt="">\n'
        "</body></html>\n"
    )
    return "".join(parts)


def text_body(chance: random.Random) -> str:
    paragraphs = [f"{words(chance, 25)}\n{link(i)}" for i in range(5)]
    return "Dear {{ subscriber.first_name }},\n\n" + "\n\n".join(paragraphs) + "\n"


def people(chance: random.Random, count: int) -> list[dict]:
    return [
        {
            "id": i,
            "uuid": str(uuid.UUID(int=chance.getrandbits(128))),
            "email": f"user{i}@example{i % 50}.com",
            "name": f"Jürgen O'Neil {i}",
            "first_name": "Jürgen",
            "last_name": "O'Neil",
            "status": "enabled",
            "attribs": {
                "city": "São Paulo", "company": f"Acme & Sons <{i}>", "plan": "gold", "points": i,
                "country": "DE",
                "address": {"street": "Hauptstraße 5", "zip": f"01{i % 1000:03d}"}, "renewal": "2026-01-01",
                "premium": i % 2 == 0,
            },
            "created_at": "2026-01-01T00:00:00Z",
            "updated_at": "2026-01-01T00:00:00Z",
        }
        for i in range(count)
    ]  # fmt: skip


def measure(name: str, work: Callable[[dict], int], crowd: list[dict], repeats: int, **facts: object) -> None:
    figures = []
    for _ in range(repeats):
        start = time.process_time()
        for person in crowd:
            size = work(person)
        figures.append((time.process_time() - start) / len(crowd) * 1e6)
    report = {"name": name, "us": round(statistics.median(figures), 1), "us_min": round(min(figures), 1)}
    print(json.dumps({**report, "bytes": size, **facts}), flush=True)


def signer(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> Signer:
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    return Signer(domain="example.com", selector="news", private_key_pem=pem)


def letter(html: str, text: str, **changes: object) -> CompiledLetter:
    return compile_letter(
        LetterSpec(
            from_email="Acme News <news@example.com>",
            subject="News for {{ subscriber.first_name }}: twelve things",
            body=html,
            altbody=text,
            constants={"campaign": CAMPAIGN},
            campaign_uuid=CAMPAIGN["uuid"],
            list_id="Weekly <weekly.example.com>",
            feedback_id="c1:l1:campaign:acme",
            unsubscribe=True,
            root_url=ROOT,
            **changes,  # type: ignore[arg-type]
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    chance = random.Random(7)
    html, text, crowd = html_body(chance), text_body(chance), people(chance, options.messages)
    middle = len(html) // 2
    cut = html.index("<h2>", middle)
    looped = html[:cut] + LOOP + html[cut:]

    for name, source in (
        ("body", html),
        ("body with a loop", looped),
        ("body with set", "{% set x = 1 %}" + looped),
    ):
        template = compile_segments(source, html=True, constants={"campaign": CAMPAIGN})

        def render(person: dict, template=template) -> int:
            out: list[bytes] = []
            template.render_into(out, person)
            return len(b"".join(out))

        measure(
            name, render, crowd, options.repeats, islands=template.islands, source_bytes=len(source.encode())
        )

    letters = {
        "letter": letter(html, text),
        "letter with a loop": letter(looped, text),
        "letter with set": letter("{% set x = 1 %}" + looped, text),
        "letter, HTML only, constant subject": letter(html, "", headers=[("Subject", "Weekly news")]),
        "letter, Ed25519": letter(html, text, signer=signer(ed25519.Ed25519PrivateKey.generate())),
        "letter, RSA-2048": letter(html, text, signer=signer(rsa.generate_private_key(65537, 2048))),
    }
    for name, compiled in letters.items():
        few = crowd[: 200 if "RSA" in name else None]

        def write(person: dict, compiled: CompiledLetter = compiled) -> int:
            return len(compiled.wire(1, person).data)

        measure(name, write, few, options.repeats, kept_bytes=compiled.size_bytes)


if __name__ == "__main__":
    main()
