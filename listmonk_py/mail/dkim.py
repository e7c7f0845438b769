"""DKIM signatures (RFC 6376, and RFC 8463 for Ed25519), relaxed/relaxed.

A mail server usually signs; this is for those that do not. RSA-2048 costs 0.8 ms of a core per message in
any language, Ed25519 0.05 ms, but not every receiver verifies Ed25519.
"""

import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import sha256

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from listmonk_py.api.errors import DomainError
from listmonk_py.mail.addresses import InvalidEmail, ascii_domain

# Fields whose change would change what the reader sees or where answers go. Fields that are absent are
# named too (once more than they occur), so that nobody can add one: RFC 6376 section 8.15.
SIGNED_FIELDS = (
    "from", "to", "cc", "subject", "date", "message-id", "reply-to", "mime-version", "content-type",
    "content-transfer-encoding", "list-id", "list-unsubscribe", "list-unsubscribe-post", "feedback-id",
)  # fmt: skip
# Mailing lists and gateways rewrite or add the others; signing them again would only break signatures.
OVERSIGNED_FIELDS = ("from", "to", "cc", "subject", "date", "message-id", "reply-to", "content-type")

_FIELD = re.compile(rb"^([!-9;-~]+)[ \t]*:([^\r\n]*(?:\r\n[ \t][^\r\n]*)*)\r\n", re.MULTILINE)
_BLANKS = re.compile(rb"[ \t]{2,}|\t")
_TRAILING_BLANK = re.compile(rb" (?=\r\n)")
_SELECTOR = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,250}[A-Za-z0-9])?\Z")

# Constant pieces are canonicalised once; shorter ones are cheaper to do again than to look up.
_SHORTEST_KEPT = 200
_MOST_KEPT = 256


class InvalidKey(DomainError):
    """The private key, the domain or the selector of a DKIM signature cannot be used."""


class Signer:
    """Signs messages for one domain with one key, which is read once.

    Args:
        left_open: lower-case names of fields that may still be added behind the signature, by an SMTP server's
            settings: they are not named beyond those that are there.

    Raises:
        InvalidKey: the PEM text is no RSA (1024 bits or more) or Ed25519 private key, or the domain or
            selector is not a DNS name.
    """

    def __init__(
        self,
        *,
        domain: str,
        selector: str,
        private_key_pem: str,
        left_open: frozenset[str] = frozenset(),
    ) -> None:
        try:
            self.domain = ascii_domain(domain.strip())
        except InvalidEmail as error:
            raise InvalidKey(f"“{domain}” is no domain for a DKIM signature.") from error
        if not _SELECTOR.match(self.domain) or not _SELECTOR.match(selector):
            raise InvalidKey(f"“{selector}._domainkey.{domain}” is no DNS name for a DKIM key.")
        self.selector = selector
        self._key = _load(private_key_pem)
        algorithm = "rsa-sha256" if isinstance(self._key, rsa.RSAPrivateKey) else "ed25519-sha256"
        self._start = (
            f"DKIM-Signature: v=1; a={algorithm}; c=relaxed/relaxed; d={self.domain};\r\n s={selector};"
        ).encode("ascii")
        self._kept: dict[bytes, bytes] = {}
        self._oversigned = frozenset(OVERSIGNED_FIELDS) - left_open

    def signs_for(self, from_domain: str) -> bool:
        """Whether a signature would align with a From address of `from_domain` (the domain or one below)."""
        return aligns(from_domain, self.domain)

    def sign(self, head: bytes, body: Sequence[bytes], *, time_s: int | None = None) -> bytes:
        """Return the `DKIM-Signature` field to put before `head`.

        Args:
            head: the header fields, each ending in CRLF.
            body: dot-stuffed pieces, each starting and ending at the start of a line.
            time_s: Unix time of the signature, left out when None.
        """
        fields: dict[str, list[bytes]] = {}
        for name, value in _FIELD.findall(head):
            canonical = b"%b:%b\r\n" % (name.lower(), b" ".join(value.split()))
            fields.setdefault(name.lower().decode("ascii"), []).append(canonical)
        names: list[str] = []
        signed: list[bytes] = []
        for name in SIGNED_FIELDS:
            # Several fields of one name are taken from the last up (RFC 6376 section 5.4.2).
            occurrences = fields.get(name, [])
            names += [name] * (len(occurrences) + (name in self._oversigned))
            signed += reversed(occurrences)
        stamp = b" t=%d;" % time_s if time_s is not None else b""
        unsigned = b"%b%b\r\n bh=%b;\r\n h=%b;\r\n b=" % (
            self._start,
            stamp,
            b64encode(self._body_hash(body)),
            _folded(tuple(names)),
        )
        own = b"dkim-signature:" + b" ".join(unsigned.partition(b":")[2].split())
        signature = b64encode(self._signature(b"".join(signed) + own))
        lines = [signature[i : i + 72] for i in range(0, len(signature), 72)]
        return unsigned + b"\r\n ".join(lines) + b"\r\n"

    def _signature(self, data: bytes) -> bytes:
        if isinstance(self._key, rsa.RSAPrivateKey):
            return self._key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        # RFC 8463 section 3: Ed25519 signs the SHA-256 digest.
        return self._key.sign(sha256(data).digest())

    def _body_hash(self, body: Iterable[bytes]) -> bytes:
        """SHA-256 of the body in relaxed form, without the empty lines at its end (RFC 6376 3.4.4)."""
        kept = self._kept
        out = []
        for piece in body:
            canonical = kept.get(piece)
            if canonical is None:
                canonical = piece
                if b" " in piece or b".." in piece or b"\t" in piece:
                    canonical = canonical_piece(piece)
                if len(piece) >= _SHORTEST_KEPT:
                    if len(kept) >= _MOST_KEPT:
                        kept.clear()
                    kept[piece] = canonical
            out.append(canonical)
        content = b"".join(out).rstrip(b"\r\n")
        return sha256(content + b"\r\n" if content else b"").digest()


def aligns(from_domain: str, signing_domain: str) -> bool:
    """Whether mail from `from_domain` may be signed for `signing_domain`: the same, or one below it."""
    domain, signing = from_domain.lower(), signing_domain.lower()
    return domain == signing or domain.endswith("." + signing)


def choose_signer(signers: Iterable[Signer], from_domain: str) -> Signer | None:
    """The signer for mail from `from_domain`: of those that align, the one with the longest domain."""
    fitting = [signer for signer in signers if signer.signs_for(from_domain)]
    return max(fitting, key=lambda signer: len(signer.domain), default=None)


def canonical_piece(piece: bytes) -> bytes:
    """Undo dot-stuffing, and bring blanks into relaxed form: one for a run, none at the end of a line."""
    plain = piece.replace(b"\n..", b"\n.")
    if plain.startswith(b".."):
        plain = plain[1:]
    return _TRAILING_BLANK.sub(b"", _BLANKS.sub(b" ", plain))


@lru_cache(maxsize=64)
def _folded(names: tuple[str, ...]) -> bytes:
    lines, line = [], ""
    for name in names:
        if len(line) + len(name) > 70:
            lines.append(line)
            line = ""
        line += name + ":"
    return "\r\n ".join([*lines, line]).removesuffix(":").encode("ascii")


def _load(pem: str) -> rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey:
    try:
        key = serialization.load_pem_private_key(pem.strip().encode("utf-8"), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InvalidKey("The DKIM key is not an unencrypted private key in PEM form.") from error
    if isinstance(key, rsa.RSAPrivateKey):
        if key.key_size < 1024:
            raise InvalidKey(f"The DKIM key has {key.key_size} bits; receivers ask for 1024 or more.")
        return key
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key
    raise InvalidKey("The DKIM key is neither an RSA nor an Ed25519 key.")
