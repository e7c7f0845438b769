"""The postback messenger: each message as JSON to a URL of the user's, in listmonk's protocol.

Contract 5.8. Accepted is what is answered with exactly 200. We also send what listmonk leaves out as
additional fields: `altbody` and `headers` (Message-ID among them). Who does not know them ignores them.
"""

import base64
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import urllib3
from django.core.serializers.json import DjangoJSONEncoder

from . import outbound
from .allowances import UNLIMITED, Allowance, allowance_from_entry
from .outgoing import Attachment, Lane, Outcome, Parts, Result
from .smtp.settings import seconds
from .threaded import ThreadedTransmission, Workers

# A kept connection goes to the address that was checked; the name is looked up anew after this time.
RESOLVE_EVERY_S = 60.0
LONGEST_TEXT = 400


@dataclass(frozen=True, slots=True)
class PostbackSettings:
    """One entry of the setting `messengers` (contract 9.7). max_conns is per process."""

    uuid: str
    name: str
    root_url: str
    username: str = ""
    password: str = field(default="", repr=False)
    max_conns: int = 25
    timeout_s: float = 5.0
    max_msg_retries: int = 2
    allowance: Allowance = UNLIMITED


def postback_from_entry(entry: Mapping[str, Any]) -> PostbackSettings:
    """The typed form of one entry, secrets in clear.

    Raises:
        ValueError: the timeout is no duration.
    """
    return PostbackSettings(
        uuid=str(entry["uuid"]),
        name=entry["name"],
        root_url=entry["root_url"],
        username=entry.get("username") or "",
        password=entry.get("password") or "",
        max_conns=max(1, int(entry.get("max_conns") or 25)),
        timeout_s=seconds(entry.get("timeout") or "5s"),
        max_msg_retries=max(1, int(entry.get("max_msg_retries") or 1)),
        allowance=allowance_from_entry(entry),
    )


def payload(parts: Parts) -> dict[str, Any]:
    """listmonk's JSON for one message, with our additional fields at the end."""
    body, altbody = (parts.html, parts.text) if parts.html is not None else (parts.text, None)
    recipient = parts.recipient
    campaign = parts.campaign
    document: dict[str, Any] = {
        "subject": parts.subject,
        "from_email": parts.from_email,
        "content_type": parts.content_type,
        "body": body or "",
        "recipients": [
            {key: recipient.get(key) for key in ("uuid", "email", "name", "attribs", "status")},
        ],
        "campaign": None
        if campaign is None
        else {key: campaign.get(key) for key in ("from_email", "uuid", "name", "headers", "tags")},
        "attachments": [
            {
                "name": file.name,
                "header": {name: list(values) for name, values in (file.header or _mime(file)).items()},
                "content": base64.b64encode(file.content).decode(),
            }
            for file in parts.attachments
        ],
        "altbody": altbody,
        "headers": dict(parts.headers),
    }
    return document


def _mime(file: Attachment) -> dict[str, list[str]]:
    """The headers that the part would have in a mail, as listmonk gives them."""
    kind = "inline" if file.inline_id else "attachment"
    name = file.name.replace("\\", "\\\\").replace('"', '\\"')
    header = {
        "Content-Disposition": [f'{kind}; filename="{name}"'],
        "Content-Transfer-Encoding": ["base64"],
        "Content-Type": [file.content_type],
    }
    return {**header, "Content-ID": [f"<{file.inline_id}>"]} if file.inline_id else header


class PostbackMessenger:
    """See `outgoing.Messenger`."""

    wants: Literal["parts"] = "parts"

    def __init__(self, settings: PostbackSettings) -> None:
        self.settings = settings
        self.name = settings.name
        self._workers = Workers(settings.name, settings.max_conns, self._deliver)
        self._lock = threading.Lock()
        self._target: outbound.Target | None = None
        self._connections: urllib3.HTTPConnectionPool | None = None
        self._resolved_at = 0.0
        self._headers = {
            "User-Agent": "listmonk",
            "Content-Type": "application/json",
            **self._authorization(),
        }

    def _authorization(self) -> dict[str, str]:
        if not (self.settings.username or self.settings.password):
            return {}
        pair = f"{self.settings.username}:{self.settings.password}".encode()
        return {"Authorization": "Basic " + base64.b64encode(pair).decode()}

    def open(self, lane: Lane, from_email: str) -> ThreadedTransmission:
        return ThreadedTransmission(self._workers, self.settings.allowance.routes(self.settings.uuid, lane))

    def _line(self) -> tuple[outbound.Target, urllib3.HTTPConnectionPool]:
        with self._lock:
            now = time.monotonic()
            if self._connections is None or now - self._resolved_at > RESOLVE_EVERY_S:
                target = outbound.resolve(self.settings.root_url)
                if self._connections is None or target != self._target:
                    self._target = target
                    self._connections = outbound.connections(
                        target, max_conns=self.settings.max_conns, timeout_s=self.settings.timeout_s
                    )
                self._resolved_at = now
            assert self._target is not None
            return self._target, self._connections

    def _deliver(self, parts: Parts) -> Result:
        """One message; tried again only where it certainly did not arrive."""
        body = json.dumps(payload(parts), cls=DjangoJSONEncoder).encode()
        for attempt in range(1, self.settings.max_msg_retries + 1):
            result = self._post(parts.key, body)
            if result.outcome is not Outcome.SERVER or result.code in (401, 403, 404):
                break
            if attempt < self.settings.max_msg_retries:
                time.sleep(0.05 * 2**attempt)
        return result

    def _post(self, key: int, body: bytes) -> Result:
        try:
            target, connections = self._line()
            answer = connections.urlopen(
                "POST",
                target.path,
                body=body,
                headers={**self._headers, "Host": target.host_header},
                redirect=False,
            )
        except outbound.OutboundRefused as refused:
            return self._result(key, Outcome.SERVER, 0, refused.message)
        except (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError) as fault:
            return self._result(
                key, Outcome.SERVER, 0, f"{self.settings.root_url} cannot be reached: {fault}"
            )
        except urllib3.exceptions.SSLError as fault:
            return self._result(key, Outcome.SERVER, 0, f"TLS with {self.settings.root_url} failed: {fault}")
        except urllib3.exceptions.HTTPError as fault:
            text = f"{self.settings.root_url} did not answer after the message was sent: {fault}"
            return self._result(key, Outcome.UNKNOWN, 0, text)
        return self._judge(key, answer)

    def _judge(self, key: int, answer: urllib3.BaseHTTPResponse) -> Result:
        code = answer.status
        if code == 200:
            return self._result(key, Outcome.ACCEPTED, 200, "")
        said = answer.data[:200].decode("utf-8", "replace").strip()
        text = f"{self.settings.root_url} answered {code}, not 200. {said}".strip()
        if code == 429 or code >= 500 or code in (401, 403, 404, 408):
            # It will not take any message now, which is no matter of this recipient.
            return self._result(key, Outcome.SERVER, code, text)
        return self._result(key, Outcome.FAILED, code, text)

    def _result(self, key: int, outcome: Outcome, code: int, text: str) -> Result:
        return Result(key, outcome, code, "", text[:LONGEST_TEXT], self.name)
