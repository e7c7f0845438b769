"""HTTP requests to addresses that a user has typed in: never to our own network unless allowed.

A host name is resolved once, every address is checked, and the connection goes to the checked address, so
a name that resolves differently the next moment (DNS rebinding) leads nowhere else. Redirects are not
followed. `settings.OUTBOUND_ALLOW` lists exceptions: host names, addresses, networks, or `*`.
"""

import io
import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import certifi
import urllib3
from django.conf import settings

from listmonk_py.api.errors import DomainError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


LONGEST_ANSWER_BYTES = 256 * 1024 * 1024


class OutboundRefused(DomainError):
    """The URL may not be requested, or its host cannot be found."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL and the address that was checked for it. `path` includes the query."""

    scheme: str
    host: str
    port: int
    path: str
    address: str

    @property
    def host_header(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == {"http": 80, "https": 443}[self.scheme] else f"{host}:{self.port}"


def resolve(url: str) -> Target:
    """Look at `url`, resolve its host, check every address.

    Raises:
        OutboundRefused: no http(s) URL, an unknown host, or one with an address that is not public.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    except (ValueError, KeyError):
        raise OutboundRefused(f"{url[:200]!r} is no http or https URL.") from None
    host = (parts.hostname or "").rstrip(".")
    if not host:
        raise OutboundRefused(f"{url[:200]!r} has no host.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port, path, _checked_address(host, port))


def _checked_address(host: str, port: int) -> str:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError):
        raise OutboundRefused(f"The host name {host} is not known.") from None
    addresses = list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))
    for address in addresses:
        if not _is_allowed(host, ipaddress.ip_address(address)):
            raise OutboundRefused(
                f"{host} leads to {address}, which is not a public address. The operator can allow it with "
                "the environment variable OUTBOUND_ALLOW."
            )
    return addresses[0]


def _is_allowed(host: str, address: Address) -> bool:
    for entry in settings.OUTBOUND_ALLOW:
        if entry == "*" or entry.lower() == host.lower():
            return True
        try:
            if address in ipaddress.ip_network(entry, strict=False):
                return True
        except ValueError:
            continue  # another host's name
    return is_public(address)


def is_public(address: Address) -> bool:
    """Reachable for everybody, and not a disguise of an address that is not."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo and address.teredo[1])
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast


def connections(
    target: Target, *, max_conns: int, timeout_s: float, ca_certs: str = ""
) -> urllib3.HTTPConnectionPool:
    """Kept connections to the checked address; certificates are verified for the host name.

    ca_certs: a file of authorities to trust instead of the usual ones.
    """
    timeout = urllib3.Timeout(connect=min(timeout_s, 10.0), read=timeout_s)
    shared: dict[str, Any] = {"maxsize": max_conns, "block": True, "timeout": timeout, "retries": False}
    if target.scheme == "http":
        return urllib3.HTTPConnectionPool(target.address, target.port, **shared)
    return urllib3.HTTPSConnectionPool(
        target.address,
        target.port,
        server_hostname=target.host,
        assert_hostname=target.host,
        cert_reqs="CERT_REQUIRED",
        ca_certs=ca_certs or certifi.where(),
        **shared,
    )


def request(
    method: str,
    url: str,
    *,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
    timeout_s: float = 10.0,
) -> urllib3.BaseHTTPResponse:
    """One request on a connection of its own; the answer's body is read and redirects are not followed.

    Raises:
        OutboundRefused: see `resolve`.
        urllib3.exceptions.HTTPError: no answer.
    """
    target = resolve(url)
    with connections(target, max_conns=1, timeout_s=timeout_s) as pool:
        return pool.urlopen(
            method,
            target.path,
            body=body,
            headers={"Host": target.host_header, **(headers or {})},
            redirect=False,
        )


def transfer(
    method: str,
    url: str,
    *,
    body: Any = None,
    headers: Mapping[str, Any] | None = None,
    timeout_s: float = 10.0,
    ca_certs: str = "",
    longest_bytes: int = LONGEST_ANSWER_BYTES,
) -> urllib3.HTTPResponse:
    """`request` for libraries that bring a transport of their own: `body` may be a file, and the answer is one
    whose body has been read and can be read, or streamed, from its beginning, still encoded as it came.

    Raises:
        OutboundRefused: see `resolve`; or the answer is longer than `longest_bytes`.
        urllib3.exceptions.HTTPError: no answer, or half of one.
    """
    target = resolve(url)
    with connections(target, max_conns=1, timeout_s=timeout_s, ca_certs=ca_certs) as pool:
        answer = pool.urlopen(
            method,
            target.path,
            body=body,
            headers={"Host": target.host_header, **(headers or {})},
            redirect=False,
            preload_content=False,
            decode_content=False,
        )
        content = io.BytesIO()
        while chunk := answer.read(65_536, decode_content=False):
            if content.tell() + len(chunk) > longest_bytes:
                answer.close()
                raise OutboundRefused(f"{target.host} answers with more than {longest_bytes:,} bytes.")
            content.write(chunk)
    content.seek(0)
    return urllib3.HTTPResponse(
        content,
        answer.headers,
        answer.status,
        reason=answer.reason,
        preload_content=False,
        decode_content=False,
        enforce_content_length=False,  # done above; the answer to HEAD has a length and no body
    )
