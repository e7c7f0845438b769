"""Which DKIM key signs mail from which address, by the setting `engine.dkim`."""

from listmonk_py.configuration import runtime

from .addresses import InvalidEmail, ascii_domain, parse_mailbox
from .dkim import Signer, aligns, choose_signer


def signer_of(from_email: str) -> Signer | None:
    """The DKIM signer for this From address: of the enabled keys that align, the one with the longest domain.

    Raises:
        InvalidKey: an aligning key cannot be used. Keys of other domains are not looked at.
    """
    try:
        domain = ascii_domain(parse_mailbox(from_email).domain)
    except InvalidEmail:
        return None
    entries = [one for one in runtime.get("engine.dkim") if one.get("enabled", True)]
    left_open = _added_by_servers()
    signers = [
        Signer(
            domain=entry["domain"],
            selector=entry["selector"],
            private_key_pem=entry["private_key"],
            left_open=left_open,
        )
        for entry in entries
        if _aligned(domain, entry["domain"])
    ]
    return choose_signer(signers, domain)


def _aligned(from_domain: str, signing_domain: str) -> bool:
    try:
        return aligns(from_domain, ascii_domain(signing_domain.strip()))
    except InvalidEmail:
        return False


def _added_by_servers() -> frozenset[str]:
    """Lower-case names of the headers that an SMTP server of ours adds behind the signature."""
    servers = [server for server in runtime.get("smtp") if server.get("enabled")]
    return frozenset(
        name.lower() for server in servers for header in server.get("email_headers") or () for name in header
    )
