"""What arrived: the catcher's own log of this run, and single messages as their readers see them."""

import json
import re
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import unescape
from pathlib import Path
from typing import Any

from listmonk_py.workplace.demo.client import MAIL_CLIENT, DemoFault, request


@dataclass(frozen=True)
class Mailbox:
    """The catcher: its log from the byte `since` on, and its web address."""

    log: Path
    since: int
    url: str

    @classmethod
    def open(cls, data_dir: Path, url: str) -> "Mailbox":
        log = data_dir / "catcher" / "log.jsonl"
        return cls(log, log.stat().st_size if log.exists() else 0, url.rstrip("/"))

    def lines(self) -> list[dict[str, Any]]:
        """One entry per recipient: see `listmonk_py/local/catcher/store.py`."""
        with self.log.open("rb") as file:
            file.seek(self.since)
            return [json.loads(line) for line in file]

    def accepted(self, campaign_uuid: str) -> list[dict[str, Any]]:
        return [line for line in self.lines() if line["code"] == 250 and line["campaign"] == campaign_uuid]

    def refused(self, code: int) -> set[str]:
        """Addresses that got this reply since the run began."""
        return {line["to"].lower() for line in self.lines() if line["code"] == code}

    def message(self, number: int) -> "Received":
        status, raw = request("GET", f"{self.url}/messages/{number}/source")
        if status != 200:
            raise DemoFault(f"The catcher does not have message {number} any more.")
        return Received(message_from_bytes(raw, policy=policy.default))


@dataclass(frozen=True)
class Received:
    """One message, and what its reader's mail program does with it."""

    message: EmailMessage

    @property
    def html(self) -> str:
        part = self.message.get_body(("html",))
        if part is None:
            raise DemoFault("The message has no HTML part.")
        return str(part.get_content())

    def open(self) -> None:
        """Load the pixel, as showing the message does."""
        self._visit(r'src="?([^" >]+/campaign/[^" >]+/px\.png)', expected=200)

    def click(self) -> None:
        """Follow the first tracked link as far as its redirect."""
        self._visit(r'href="?([^" >]+/link/[^" >]+)', expected=307)

    def _visit(self, pattern: str, *, expected: int) -> None:
        found = re.search(pattern, self.html)
        if found is None:
            raise DemoFault(f"The message has nothing like {pattern}.")
        url = unescape(found[1])
        status, _ = request("GET", url, headers={"User-Agent": MAIL_CLIENT})
        if status != expected:
            raise DemoFault(f"GET {url} answered {status}, not {expected}.")

    def unsubscribe(self) -> None:
        """Unsubscribe with one click, as RFC 8058 says: POST to the header's URL, no cookies, no page."""
        if self.message["List-Unsubscribe-Post"] != "List-Unsubscribe=One-Click":
            raise DemoFault("The message has no List-Unsubscribe-Post header (RFC 8058).")
        one_click(str(self.message["List-Unsubscribe"]).strip("<> "))


def one_click(url: str) -> None:
    """POST an RFC 8058 unsubscription to `url`."""
    headers = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": MAIL_CLIENT}
    status, answer = request("POST", url, b"List-Unsubscribe=One-Click", headers)
    if status != 200:
        raise DemoFault(f"One-click unsubscription at {url} answered {status}: {answer[:200]!r}")
