"""HTTP as the demonstration needs it: the REST API with a token, and requests as a mail client makes them."""

import json
import secrets
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

TIMEOUT_S = 30
# What a person's mail program says; requests by bare programs are counted apart as machines.
MAIL_CLIENT = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.11.0"


class DemoFault(Exception):
    """The demonstration cannot go on, or did not come out right; the message says what is wrong."""


class Api:
    """The REST API at `url`, as one API user."""

    def __init__(self, url: str, user: str = "", token: str = "") -> None:
        self.url = url.rstrip("/")
        self.authorization = f"token {user}:{token}" if user else ""

    def get(self, path: str, **query: Any) -> Any:
        """Return the `data` of the answer."""
        return self._data("GET", path + ("?" + urllib.parse.urlencode(query, doseq=True) if query else ""))

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self._data("POST", path, json.dumps(body).encode(), "application/json")

    def put(self, path: str, body: Any) -> Any:
        return self._data("PUT", path, json.dumps(body).encode(), "application/json")

    def delete(self, path: str) -> Any:
        return self._data("DELETE", path)

    def upload(self, path: str, *, params: dict[str, Any], name: str, content: bytes) -> Any:
        """POST a file with its parameters, as multipart/form-data (RFC 7578)."""
        boundary = secrets.token_hex(16)
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="params"\r\n\r\n{json.dumps(params)}\r\n'
        )
        head += f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        head += "Content-Type: text/csv\r\n\r\n"
        body = head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
        return self._data("POST", path, body, f"multipart/form-data; boundary={boundary}")

    def text(self, path: str) -> str:
        """Return the body of an answer that is no JSON envelope."""
        return self._request("GET", path, None, "").decode("utf-8-sig")

    def _data(self, method: str, path: str, body: bytes | None = None, content_type: str = "") -> Any:
        answer = json.loads(self._request(method, path, body, content_type) or b"null")
        return answer["data"] if isinstance(answer, dict) and "data" in answer else answer

    def _request(self, method: str, path: str, body: bytes | None, content_type: str) -> bytes:
        headers = {"Content-Type": content_type} if content_type else {}
        if self.authorization:
            headers["Authorization"] = self.authorization
        status, answer = request(method, self.url + path, body, headers)
        if status >= 400:
            raise DemoFault(f"{method} {path} answered {status}: {_message(answer)}")
        return answer


def request(
    method: str, url: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, bytes]:
    """Make one HTTP request, following redirects within the site; return status and body.

    Raises:
        DemoFault: nobody answers.
    """
    asked = urllib.request.Request(url, data=body, method=method, headers=headers or {})  # noqa: S310
    opener = urllib.request.build_opener(_StayHere, urllib.request.ProxyHandler({}))
    try:
        with opener.open(asked, timeout=TIMEOUT_S) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read()
    except (urllib.error.URLError, OSError) as fault:
        raise DemoFault(f"{method} {url} failed: {getattr(fault, 'reason', fault)}") from fault


class _StayHere(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer, not an invitation: a click must not leave this machine."""

    def redirect_request(self, *_: Any) -> None:
        return None


def wait(for_what: str, question: Any, *, timeout_s: float, pause_s: float = 0.2) -> Any:
    """Ask until the answer is true, and return it.

    Raises:
        DemoFault: it was not within `timeout_s`; the message names `for_what`.
    """
    deadline = time.monotonic() + timeout_s
    while not (answer := question()):
        if time.monotonic() > deadline:
            raise DemoFault(f"{for_what} did not happen within {timeout_s:g} seconds.")
        time.sleep(pause_s)
    return answer


def _message(answer: bytes) -> str:
    try:
        return str(json.loads(answer)["message"])
    except (ValueError, KeyError, TypeError):
        return answer[:200].decode(errors="replace").strip() or "no words"
