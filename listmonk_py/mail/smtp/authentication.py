"""Signing in to an SMTP server: AUTH PLAIN (RFC 4616), LOGIN and CRAM-MD5 (RFC 2195)."""

import base64
import hmac
from collections.abc import Callable

MECHANISMS = {"plain": "PLAIN", "login": "LOGIN", "cram": "CRAM-MD5"}
Exchange = list[Callable[[bytes], bytes] | bytes]


def plain(username: str, password: str) -> Exchange:
    """The lines of the exchange; a callable one is given the server's decoded challenge."""
    return [b"AUTH PLAIN " + base64.b64encode(f"\0{username}\0{password}".encode())]


def login(username: str, password: str) -> Exchange:
    """As `plain`. The server asks for user and password in turn; what it calls them differs."""
    return [
        b"AUTH LOGIN",
        base64.b64encode(username.encode()),
        base64.b64encode(password.encode()),
    ]


def cram_md5(username: str, password: str) -> Exchange:
    """As `plain`. MD5 is the mechanism's, not our choice; it never leaves the machine unkeyed."""

    def answer(challenge: bytes) -> bytes:
        digest = hmac.new(password.encode(), challenge, "md5").hexdigest()
        return base64.b64encode(f"{username} {digest}".encode())

    return [b"AUTH CRAM-MD5", answer]


EXCHANGES = {"plain": plain, "login": login, "cram": cram_md5}
