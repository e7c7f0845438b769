"""Tags as listmonk normalises them: trimmed, inner white space to `-`, empty ones dropped, case kept."""

from collections.abc import Iterable


def normalise(tags: Iterable[str]) -> list[str]:
    return [tag for tag in ("-".join(str(raw).split()) for raw in tags) if tag]
