"""A small OpenID Connect provider over real HTTP, in a thread: code flow with PKCE, checked as a real one does."""

import base64
import hashlib
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa


class Provider:
    """`claims` is whoever signs in at the provider next; `refuse` makes the token endpoint answer 400.

    `redirect` is where every question leads instead, `token_url` another token endpoint to announce; `asked`
    are the paths of all questions.
    """

    def __init__(self) -> None:
        self.client_id, self.client_secret = "listmonk", "provider-secret"
        self.claims: dict[str, Any] = {}
        self.refuse = False
        self.redirect = self.token_url = ""
        self.asked: list[str] = []
        self.codes: dict[str, dict[str, str]] = {}
        self.tokens: dict[str, dict[str, Any]] = {}
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.get(self)

            def do_POST(self) -> None:
                provider.post(self)

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def sign_in(self, authorize_url: str) -> str:
        """What the browser does at the provider: the address it is sent back to."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(authorize_url).query).items()}
        assert asked["client_id"] == self.client_id
        assert asked["response_type"] == "code"
        assert set(asked["scope"].split()) == {"openid", "profile", "email"}
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(12)
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def get(self, handler: BaseHTTPRequestHandler) -> None:
        self.asked.append(handler.path)
        if self.redirect:
            handler.send_response(302)
            handler.send_header("Location", self.redirect)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        if handler.path == "/.well-known/openid-configuration":
            self.answer(
                handler,
                {
                    "issuer": self.url,
                    "authorization_endpoint": f"{self.url}/authorize",
                    "token_endpoint": self.token_url or f"{self.url}/token",
                    "userinfo_endpoint": f"{self.url}/userinfo",
                    "jwks_uri": f"{self.url}/keys",
                    "token_endpoint_auth_methods_supported": ["client_secret_post"],
                },
            )
        elif handler.path == "/userinfo":
            token = handler.headers.get("Authorization", "").removeprefix("Bearer ")
            known = self.tokens.get(token)
            self.answer(handler, known or {"error": "invalid_token"}, 200 if known else 401)
        else:
            self.answer(handler, {}, 404)

    def post(self, handler: BaseHTTPRequestHandler) -> None:
        self.asked.append(handler.path)
        length = int(handler.headers.get("Content-Length", 0))
        form = {name: values[0] for name, values in parse_qs(handler.rfile.read(length).decode()).items()}
        asked = self.codes.pop(form.get("code", ""), None)
        if self.refuse or asked is None or not self._is_right(form, asked):
            self.answer(handler, {"error": "invalid_grant"}, 400)
            return
        token = secrets.token_urlsafe(12)
        self.tokens[token] = self.claims
        now = int(time.time())
        standard = {"iss": self.url, "aud": self.client_id, "iat": now, "exp": now + 300}
        id_token = jwt.encode({**standard, **self.claims}, self.key, algorithm="RS256")
        answer = {"access_token": token, "token_type": "Bearer", "id_token": id_token, "expires_in": 300}
        self.answer(handler, answer)

    def _is_right(self, form: dict[str, str], asked: dict[str, str]) -> bool:
        challenge = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        return (
            form.get("client_id") == self.client_id
            and form.get("client_secret") == self.client_secret
            and form.get("redirect_uri") == asked["redirect_uri"]
            and base64.urlsafe_b64encode(challenge).rstrip(b"=").decode() == asked["code_challenge"]
        )

    @staticmethod
    def answer(handler: BaseHTTPRequestHandler, data: dict[str, Any], status: int = 200) -> None:
        body = json.dumps(data).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
