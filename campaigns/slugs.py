"""The part of an archive URL that names a campaign."""

import unicodedata


def normalise(text: str | None) -> str | None:
    """Lower case; letters, marks and digits of any script stay, all else becomes `-`; None when blank.

    ` Big  News (May) ` becomes `big-news-may`.
    """
    kept = (char if unicodedata.category(char)[0] in "LMN" else " " for char in (text or "").lower())
    return "-".join("".join(kept).split()) or None
