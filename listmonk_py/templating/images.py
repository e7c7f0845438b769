"""Images that travel inside the message: `<img data-embed src="...">` (contract 5.6)."""

import hashlib
import html as html_text
import posixpath
import re
from collections.abc import Callable
from urllib.parse import unquote, urlsplit

from listmonk_py.templating.html_tokens import SCAN

_EMBEDDED = re.compile(r"<img\b.*\sdata-embed\b", re.IGNORECASE | re.DOTALL)
_SOURCE = re.compile(r"(?<=[\s\"'])src\s*=\s*(?:\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)')", re.IGNORECASE)


def content_id(filename: str) -> str:
    """Return the Content-ID of an embedded file, without its angle brackets (RFC 2392)."""
    return hashlib.sha1(filename.encode(), usedforsecurity=False).hexdigest()[:16] + "@email"


def embed_images(html: str, exists: Callable[[str], bool]) -> tuple[str, dict[str, str]]:
    """Point the images marked `data-embed` at parts of the message.

    Args:
        exists: whether there is a media file of this name; the others keep their address.

    Returns:
        The HTML, and the Content-ID of each file that has to be attached inline, by file name.
    """
    embedded: dict[str, str] = {}

    def image(found: re.Match[str]) -> str:
        tag = found[0]
        source = _SOURCE.search(tag)
        if not found["element"] or source is None or not _EMBEDDED.match(tag):
            return tag
        filename = _filename(source["double"] if source["double"] is not None else source["single"])
        if not filename or not exists(filename):
            return tag
        embedded[filename] = content_id(filename)
        return f'{tag[: source.start()]}src="cid:{embedded[filename]}"{tag[source.end() :]}'

    return SCAN.sub(image, html), embedded


def _filename(address: str) -> str:
    try:
        return unquote(posixpath.basename(urlsplit(html_text.unescape(address)).path))
    except ValueError:
        return ""
