"""E-mail addresses: reading, normalising, checking, and the form an SMTP envelope takes.

An address that has passed `normalise_email` or `parse_mailbox` holds no control character, space outside
a quoted local part, angle bracket or comma, so it can stand in a header or an SMTP command as it is.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import idna
from email_validator import EmailNotValidError, validate_email

from listmonk_py.api.errors import DomainError

MAX_EMAIL_CHARACTERS = 1000
# RFC 5321 section 4.5.3.1.3: a path is at most 256 octets with its angle brackets.
MAX_ENVELOPE_OCTETS = 254

_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]"
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
# Nearly every address in the world; the rest goes to email-validator, which costs about 100 times more.
_ORDINARY = re.compile(rf"{_ATEXT}+(?:\.{_ATEXT}+)*@{_LABEL}(?:\.{_LABEL})*\Z", re.ASCII)
_QUOTED = re.compile(rf'"[ !#-\[\]-~]*"@{_LABEL}(?:\.{_LABEL})*\Z', re.ASCII)
_WORD = re.compile(r"[^\W_][\w']*")


class InvalidEmail(DomainError):
    """The text is no e-mail address; `reason` says why, in one sentence."""

    text_key = "subscribers.invalidEmail"

    def __init__(self, reason: str, *, message: str = "Invalid email.") -> None:
        super().__init__(message, reason=reason)
        self.reason = reason


class DomainRefused(DomainError):
    """The address's domain is on the blocklist, or not on the allowlist."""

    text_key = "subscribers.domainBlocklisted"

    def __init__(self, domain: str) -> None:
        super().__init__("The e-mail domain is blocklisted.", domain=domain)
        self.domain = domain


class Mailbox(NamedTuple):
    """A display name, "" when there is none, and a bare address."""

    name: str
    address: str

    @property
    def domain(self) -> str:
        return domain_of(self.address)

    def __str__(self) -> str:
        """As staff write it: `"Name" <a@b>`, or `a@b`."""
        if not self.name:
            return self.address
        escaped = self.name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}" <{self.address}>'


class EnvelopeAddress(NamedTuple):
    """An address for MAIL FROM or RCPT TO, without angle brackets."""

    octets: bytes
    smtputf8: bool


def normalise_email(text: str) -> str:
    """Trim and lower-case `text`; the form in which an address is stored and looked up.

    International domains stay in Unicode, as people write them.

    Raises:
        InvalidEmail: not a bare address, or longer than 1000 characters (contract 7.2).
    """
    email = text.strip().lower()
    if len(email) <= MAX_EMAIL_CHARACTERS and _ORDINARY.match(email):
        return email
    return validated_address(email).lower()


def validated_address(text: str) -> str:
    """`text` as a bare address with its case kept.

    Raises:
        InvalidEmail: it is not one.
    """
    address = text.strip()
    if not address:
        raise InvalidEmail("The address is empty.")
    if len(address) > MAX_EMAIL_CHARACTERS:
        raise InvalidEmail(f"The address is longer than {MAX_EMAIL_CHARACTERS} characters.")
    if _ORDINARY.match(address):
        return address
    try:
        found = validate_email(
            address,
            check_deliverability=False,
            allow_quoted_local=True,
            globally_deliverable=False,
            test_environment=True,
        )
    except EmailNotValidError as error:
        raise InvalidEmail(str(error)) from error
    if found.ascii_email is not None and not (
        _ORDINARY.match(found.ascii_email) or _QUOTED.match(found.ascii_email)
    ):
        raise InvalidEmail("The part before the @-sign has characters that mail servers refuse.")
    return found.normalized


def domain_of(address: str) -> str:
    """The part after the last @, lower-cased."""
    return address.rpartition("@")[2].lower()


def name_from_email(email: str) -> str:
    """A name for somebody who gave none: the local part, dots to spaces, in title case."""
    words = email.rpartition("@")[0].replace(".", " ").strip('" ')
    return _WORD.sub(lambda word: word[0].capitalize(), words)


def parse_mailbox(text: str) -> Mailbox:
    """Read `Name <a@b>`, `"Name, Inc." <a@b>`, `<a@b>` or `a@b` (contract 3.7).

    Raises:
        InvalidEmail: there is no address, or it is not valid.
    """
    text = text.strip()
    if not text.endswith(">"):
        return Mailbox("", validated_address(text))
    name, bracket, address = text[:-1].rpartition("<")
    if not bracket:
        raise InvalidEmail("The opening angle bracket before the address is missing.")
    return Mailbox(_display_name(name), validated_address(address))


def parse_mailboxes(text: str) -> list[Mailbox]:
    """Read a comma-separated list of mailboxes; commas inside quotes and angle brackets do not separate.

    Raises:
        InvalidEmail: one of them is not valid.
    """
    return [parse_mailbox(part) for part in _split_list(text) if part.strip()]


def _display_name(text: str) -> str:
    name = text.strip()
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    return " ".join("".join(c if c.isprintable() else " " for c in name).split())


def _split_list(text: str) -> Iterable[str]:
    start, quoted, i = 0, False, 0
    while i < len(text):
        character = text[i]
        if character == "\\" and quoted:
            i += 1
        elif character == '"':
            quoted = not quoted
        elif character == "," and not quoted:
            yield text[start:i]
            start = i + 1
        i += 1
    yield text[start:]


def envelope_address(address: str) -> EnvelopeAddress:
    """The octets for an SMTP envelope.

    An international domain becomes its A-label (RFC 5891), so that any server takes it; only a local
    part outside ASCII needs a server with SMTPUTF8 (RFC 6531).

    Raises:
        InvalidEmail: not an address, or longer than an SMTP path may be.
    """
    if _ORDINARY.match(address) and len(address) <= MAX_ENVELOPE_OCTETS:
        return EnvelopeAddress(address.encode("ascii"), False)
    local, _, domain = validated_address(address).rpartition("@")
    octets = f"{local}@{ascii_domain(domain)}".encode()
    if len(octets) > MAX_ENVELOPE_OCTETS:
        raise InvalidEmail(f"The address is longer than the {MAX_ENVELOPE_OCTETS} octets that SMTP allows.")
    return EnvelopeAddress(octets, not local.isascii())


@lru_cache(maxsize=4096)
def ascii_domain(domain: str) -> str:
    """`domain` in lower case with A-labels, the form that DNS and rules compare.

    Raises:
        InvalidEmail: it cannot be written in DNS.
    """
    if domain.isascii():
        return domain.lower()
    try:
        return idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise InvalidEmail(f"The domain {domain} is not valid: {error}.") from error


@dataclass(frozen=True)
class DomainRules:
    """Which domains may be on the books (contract 7.3).

    A filled allowlist decides alone; else whatever is not on the blocklist may pass. `*.example.com`
    means `example.com` and exactly one label more.
    """

    allow: Iterable[str] = ()
    block: Iterable[str] = ()
    _matcher: Any = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        allowed = _DomainSet.of(self.allow)
        blocked = _DomainSet.of(self.block)
        object.__setattr__(self, "_matcher", (allowed, blocked))

    def permits(self, email: str) -> bool:
        """Whether the domain of `email` may pass; for bulk work."""
        allowed, blocked = self._matcher
        if not allowed and not blocked:
            return True
        domain = ascii_domain(domain_of(email))
        return domain in allowed if allowed else domain not in blocked

    def check(self, email: str) -> None:
        """
        Raises:
            DomainRefused: the domain of `email` may not pass.
        """
        if not self.permits(email):
            raise DomainRefused(domain_of(email))


@dataclass(frozen=True)
class _DomainSet:
    exact: frozenset[str]
    wild: frozenset[str]

    @classmethod
    def of(cls, domains: Iterable[str]) -> "_DomainSet":
        names = [name.strip().lower() for name in domains if name.strip()]
        exact = frozenset(ascii_domain(name) for name in names if not name.startswith("*."))
        return cls(exact, frozenset(ascii_domain(name[2:]) for name in names if name.startswith("*.")))

    def __bool__(self) -> bool:
        return bool(self.exact or self.wild)

    def __contains__(self, domain: str) -> bool:
        return domain in self.exact or domain in self.wild or domain.partition(".")[2] in self.wild
