"""Tags of lists as listmonk keeps them (contract 3.1)."""

from collections.abc import Iterable

MOST_CHARACTERS = 100


def normalised(tags: Iterable[str]) -> list[str]:
    """Trimmed, inner white space to `-`, empty and repeated ones dropped; the case stays."""
    joined = ("-".join(tag.split())[:MOST_CHARACTERS] for tag in tags)
    return list(dict.fromkeys(tag for tag in joined if tag))
