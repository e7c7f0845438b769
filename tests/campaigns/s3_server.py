"""As much of S3 as a media library needs, over real HTTP: objects of one bucket, signatures checked.

The signature is computed again from what arrived (AWS Signature Version 4), so that a wrong secret, a wrong
region or a changed header is refused as Amazon does it.
"""

import hashlib
import hmac
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, quote, unquote, urlsplit

SCOPE_END = "s3/aws4_request"


@dataclass
class Stored:
    body: bytes
    headers: dict[str, str]


@dataclass
class S3Server:
    access_key: str = "AKIAEXAMPLE"
    secret_key: str = "s3-secret"
    region: str = "eu-central-1"
    bucket: str = "letters"
    objects: dict[str, Stored] = field(default_factory=dict)
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    # Answered instead of doing anything: (status, headers, error code).
    instead: tuple[int, dict[str, str], str] | None = None
    # Keys with this in them cannot be written.
    read_only: str = ""
    # Of the bodies of answers, so many bytes are sent before the connection is closed.
    cut: int | None = None

    def __enter__(self) -> Self:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                owner.handle(self, body)

            do_GET = do_HEAD = do_DELETE = do_POST = do_PUT

            def log_message(self, *arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def handle(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        headers = {name.lower(): value for name, value in handler.headers.items()}
        method = handler.command
        self.requests.append((method, handler.path, headers))
        if self.instead:
            status, extra, code = self.instead
            return self._answer(handler, status, _error(code), extra)
        refused = self._refused(method, handler.path, headers, body)
        if refused:
            return self._answer(handler, 403, _error(refused))
        bucket, _, key = unquote(urlsplit(handler.path).path).lstrip("/").partition("/")
        if bucket != self.bucket:
            return self._answer(handler, 404, _error("NoSuchBucket"))
        if method == "PUT" and self.read_only and self.read_only in key:
            return self._answer(handler, 403, _error("AccessDenied"))
        if method == "PUT":
            self.objects[key] = Stored(body, headers)
            return self._answer(handler, 200, b"", {"ETag": _etag(body)})
        if method == "DELETE":
            self.objects.pop(key, None)
            return self._answer(handler, 204, b"")
        found = self.objects.get(key)
        if found is None:
            return self._answer(handler, 404, _error("NoSuchKey"))
        extra = {"ETag": _etag(found.body), "Content-Type": found.headers["content-type"]}
        return self._answer(handler, 200, found.body, extra)

    def _refused(self, method: str, path: str, headers: dict[str, str], body: bytes) -> str:
        """The error code of a request that is not signed as it has to be, or ""."""
        query = dict(parse_qsl(urlsplit(path).query, keep_blank_values=True))
        if "X-Amz-Signature" in query:
            given = query.pop("X-Amz-Signature")
            credential, signed = query["X-Amz-Credential"], query["X-Amz-SignedHeaders"]
            digest, at = "UNSIGNED-PAYLOAD", query["X-Amz-Date"]
        else:
            scheme, _, rest = headers.get("authorization", "").partition(" ")
            if scheme != "AWS4-HMAC-SHA256":
                return "AccessDenied"
            fields = dict(part.strip().split("=", 1) for part in rest.split(","))
            credential, signed, given = fields["Credential"], fields["SignedHeaders"], fields["Signature"]
            digest, at = headers["x-amz-content-sha256"], headers["x-amz-date"]
            if digest != "UNSIGNED-PAYLOAD" and digest != hashlib.sha256(body).hexdigest():
                return "XAmzContentSHA256Mismatch"
        key_id, _, scope = credential.partition("/")
        if key_id != self.access_key:
            return "InvalidAccessKeyId"
        if scope != f"{at[:8]}/{self.region}/{SCOPE_END}":
            return "AuthorizationHeaderMalformed"
        asked = "&".join(f"{quote(k, safe='-_.~')}={quote(v, safe='-_.~')}" for k, v in sorted(query.items()))
        lines = "".join(f"{name}:{' '.join(headers[name].split())}\n" for name in signed.split(";"))
        request = "\n".join([method, urlsplit(path).path, asked, lines, signed, digest])
        text = "\n".join(["AWS4-HMAC-SHA256", at, scope, hashlib.sha256(request.encode()).hexdigest()])
        key = f"AWS4{self.secret_key}".encode()
        for part in (at[:8], self.region, "s3", "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        right = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        return "" if hmac.compare_digest(right, given) else "SignatureDoesNotMatch"

    def _answer(
        self,
        handler: BaseHTTPRequestHandler,
        status: int,
        body: bytes,
        headers: dict[str, str] | None = None,
    ) -> None:
        handler.send_response(status)
        for name, value in (headers or {}).items():
            handler.send_header(name, value)
        if status != 204:
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(body[: self.cut])
            handler.close_connection = handler.close_connection or self.cut is not None


def _error(code: str) -> bytes:
    return f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>{code} told</Message></Error>'.encode()


def _etag(body: bytes) -> str:
    return f'"{hashlib.md5(body).hexdigest()}"'
