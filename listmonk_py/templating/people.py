"""First and last name of a person whose name is one string."""

# listmonk counts bytes, so initials ("J.") and most honorifics of two letters are no first name,
# while a single CJK character (three bytes) is.
SHORTEST_NAME_BYTES = 3


def _words(name: str) -> list[str]:
    return [word for word in name.split(" ") if len(word.encode()) >= SHORTEST_NAME_BYTES]


def first_name(name: str) -> str:
    """Return the first space-separated word longer than two bytes; the whole name when there is none."""
    words = _words(name)
    return words[0] if words else name


def last_name(name: str) -> str:
    """Return the last space-separated word longer than two bytes; the whole name when there is none."""
    words = _words(name)
    return words[-1] if words else name
