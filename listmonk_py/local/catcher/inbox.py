"""The inbox of the catcher: a small HTTP server with a list of messages and each of them as a page.

GET /                      the newest messages; ?search=text
GET /messages/N            one message with its headers, the HTML part in a sandboxed frame
GET /messages/N/html       that part alone, where no script runs
GET /messages/N/source     the message as it was sent
GET /log                   the log, one JSON object per line
GET /status                {"caught", "refused"}
"""

import asyncio
import contextlib
import json
from dataclasses import dataclass
from email.message import EmailMessage
from html import escape
from urllib.parse import parse_qs, urlsplit

from listmonk_py.local.catcher.store import Caught, Store

MAX_REQUEST_BYTES = 16 * 1024
REQUEST_TIMEOUT_S = 10
STYLE = """
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 15%, transparent) }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 70rem; padding: 1rem }
h1 { font-size: 1.3rem } a { color: inherit } table { border-collapse: collapse; width: 100% }
td, th { text-align: left; padding: .35rem .6rem .35rem 0; vertical-align: top }
td, th { border-bottom: 1px solid var(--line) }
form { margin: 0 0 1rem } .muted { opacity: .65 }
td { overflow-wrap: anywhere } th { font-weight: 600; white-space: nowrap }
iframe { width: 100%; height: 75vh; border: 1px solid var(--line); background: #fff }
input { font: inherit; padding: .3rem .5rem; width: 20rem; max-width: 100% } pre { white-space: pre-wrap }
"""
# No allow-scripts, no allow-same-origin: the message is somebody else's page. Its links open in new tabs.
SANDBOX = "allow-popups allow-popups-to-escape-sandbox"
MESSAGE_POLICY = "default-src 'none'; img-src * data:; style-src 'unsafe-inline' *; font-src *"
SHOWN_HEADERS = ("From", "To", "Subject", "Date", "Message-ID", "List-Unsubscribe", "List-Unsubscribe-Post")


@dataclass(frozen=True)
class Answer:
    body: bytes
    content_type: str = "text/html; charset=utf-8"
    status: str = "200 OK"
    policy: str = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; form-action 'self'"


class Inbox:
    """Answers HTTP requests about what `store` has."""

    def __init__(self, store: Store) -> None:
        self.store = store

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request, then close."""
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), REQUEST_TIMEOUT_S)
            method, target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
            answer = (
                self.answer(target)
                if method in {"GET", "HEAD"}
                else _plain("405 Method Not Allowed", "Only GET.")
            )
            writer.write(_bytes(answer, with_body=method != "HEAD"))
            await asyncio.wait_for(writer.drain(), REQUEST_TIMEOUT_S)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError, ValueError, OSError):
            pass  # no request, or the browser left
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def answer(self, target: str) -> Answer:
        """Return the page for a request target such as /messages/12?x=y."""
        url = urlsplit(target)
        parts = [part for part in url.path.split("/") if part]
        if not parts:
            return self._list(parse_qs(url.query).get("search", [""])[0])
        if parts == ["log"]:
            return Answer(self.store.log_path.read_bytes(), "application/x-ndjson")
        if parts == ["status"]:
            status = {"caught": self.store.caught, "refused": self.store.refused}
            return Answer(json.dumps(status).encode(), "application/json")
        if parts[0] == "messages" and len(parts) in {2, 3} and parts[1].isdigit():
            message = self.store.message(int(parts[1]))
            if message is not None:
                return self._message(message, parts[2] if len(parts) == 3 else "")
        return _plain("404 Not Found", "There is no such page here, or the message was too old to keep.")

    def _list(self, search: str) -> Answer:
        rows = "".join(_row(message) for message in self.store.newest(containing=search))
        counts = f"{self.store.caught:,} caught, {self.store.refused:,} refused"
        body = (
            f"<h1>Mail catcher</h1><p class=muted>{counts}. Nothing leaves this machine."
            " <a href=/log>Log</a></p>"
            f"<form><input name=search value='{escape(search, quote=True)}'"
            " placeholder='address or subject'></form>"
            f"<table><tr><th>To<th>Subject<th>Time (UTC)</tr>{rows}</table>"
            + ("" if rows else "<p>No message.</p>")
        )
        return _page("Mail catcher", body)

    def _message(self, message: Caught, view: str) -> Answer:
        if view == "source":
            return Answer(message.raw, "text/plain; charset=utf-8")
        parsed = message.parsed()
        if view == "html":
            return _html_part(parsed)
        if view:
            return _plain("404 Not Found", "There is no such view.")
        address = f"/messages/{message.number}"
        envelope = [("Envelope from", message.sender), ("Envelope to", ", ".join(message.recipients))]
        shown = envelope + [(name, str(parsed[name])) for name in SHOWN_HEADERS if parsed[name]]
        rows = "".join(f"<tr><th>{escape(name)}<td>{escape(value)}</tr>" for name, value in shown)
        body = f"<p><a href=/>All messages</a> · <a href={address}/source>Source</a></p>"
        body += f"<table>{rows}</table><br>"
        if parsed.get_body(("html",)) is not None:
            body += f"<iframe sandbox='{SANDBOX}' src={address}/html></iframe>"
        text = parsed.get_body(("plain",))
        if text is not None:
            body += f"<h2>Plain text</h2><pre>{escape(text.get_content())}</pre>"
        return _page(message.subject, body)


def _row(message: Caught) -> str:
    to = escape(", ".join(message.recipients))
    return (
        f"<tr><td>{to}<td><a href=/messages/{message.number}>{escape(message.subject)}</a>"
        f"<td>{message.at:%H:%M:%S}</tr>"
    )


def _html_part(parsed: EmailMessage) -> Answer:
    part = parsed.get_body(("html",))
    html = part.get_content() if part is not None else ""
    page = '<base target="_blank">' + html
    return Answer(page.encode(), policy=f"{MESSAGE_POLICY}; sandbox {SANDBOX}")


def _page(title: str, body: str) -> Answer:
    return Answer(
        f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{escape(title)}</title><style>{STYLE}</style>{body}".encode()
    )


def _plain(status: str, text: str) -> Answer:
    return Answer(text.encode() + b"\n", "text/plain; charset=utf-8", status)


def _bytes(answer: Answer, *, with_body: bool) -> bytes:
    head = (
        f"HTTP/1.1 {answer.status}\r\nContent-Type: {answer.content_type}\r\n"
        f"Content-Length: {len(answer.body)}\r\nContent-Security-Policy: {answer.policy}\r\n"
        "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return head.encode("latin-1") + (answer.body if with_body else b"")
