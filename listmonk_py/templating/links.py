"""Tracked links, the opening pixel and the subscriber's URLs, put into a template once per campaign.

`expand` works on Jinja source (after `golang.to_jinja`) and leaves text and `{{ subscriber.uuid }}`
in place of calls, so an ordinary campaign costs no function call per recipient.
"""

import enum
import html as html_text
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from listmonk_py.templating.go_lexer import pieces, unquote
from listmonk_py.templating.go_writer import quoted

DUMMY_UUID = "00000000-0000-0000-0000-000000000000"

Register = Callable[[list[str]], dict[str, str]]


class Tracking(enum.Enum):
    """What opens and clicks tell (contract 4.4): nothing, that someone did it, or who."""

    DISABLED = "disabled"
    ANONYMOUS = "anonymous"
    INDIVIDUAL = "individual"


@dataclass(frozen=True)
class Urls:
    """Where a message's links lead. `root` is app.root_url, with or without a slash at its end.

    In a preview the campaign's UUID is the dummy one, so nothing is counted, and links stay as they
    were written, so nothing is registered.
    """

    root: str
    campaign_uuid: str
    preview: bool = False
    logo_url: str = ""

    @property
    def base(self) -> str:
        return self.root.rstrip("/")

    @property
    def campaign(self) -> str:
        return DUMMY_UUID if self.preview else self.campaign_uuid


# Where the subscriber's UUID goes inside a URL pattern.
_PERSON = "\0"

_PIXEL_STYLE = "display:block;width:1px;height:1px;border:0;margin:0;padding:0;overflow:hidden"

_NAMES = {
    "UnsubscribeURL": "unsubscribe_url",
    "ManageURL": "manage_url",
    "OptinURL": "optin_url",
    "MessageURL": "message_url",
    "ArchiveURL": "archive_url",
    "RootURL": "root_url",
    "LogoURL": "logo_url",
    "TrackView": "track_view",
}
_GO_NAMES = {ours: go for go, ours in _NAMES.items()}

_STRING = r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\''
_CALL = re.compile(
    rf"""(?P<string>{_STRING})
    | (?<![\w.])(?:TrackLink|track_link)\s*\(\s*(?P<link>{_STRING})\s*\)
    | (?<![\w.])(?P<computed>TrackLink|track_link)\s*\(
    | (?<![\w.])(?P<url>{"|".join([*_NAMES, *_GO_NAMES])})\b(?!\s*=[^=])(?:\s*\(\s*\))?
    """,
    re.VERBOSE,
)


def constant_links(source: str) -> list[str]:
    """Return the URLs that `source` tracks and that are the same for everybody, each once, in order."""
    found: dict[str, None] = {}
    for piece in pieces(source):
        if piece.kind in ("action", "statement"):
            for call in _CALL.finditer(piece.text):
                if call["link"]:
                    found[_target(call["link"])] = None
    return list(found)


def expand(source: str, *, urls: Urls, tracking: Tracking, register: Register, html: bool = True) -> str:
    """Return `source` with its URL functions replaced by text.

    What is computed per recipient stays a call, `track_link(person, url)`, which the engine gets from
    `link_function`.

    Args:
        register: given URLs, returns the UUID of each; a URL it leaves out is not tracked.
        html: `source` is HTML, so URLs are escaped for it and the pixel has a place.
    """
    tracked = tracking is not Tracking.DISABLED and not urls.preview
    links = constant_links(source)
    registered = register(links) if tracked and links else {}
    return "".join(_Expansion(urls, tracking, registered, html).all(source))


def link_function(urls: Urls, tracking: Tracking, register: Register) -> Callable[[object, object], str]:
    """Return `track_link(person, url)` for links whose URL differs between recipients."""

    def track_link(person: object, url: object) -> str:
        target = "" if url is None else str(url).replace("&amp;", "&")
        if tracking is Tracking.DISABLED or urls.preview or not target:
            return target
        link = register([target]).get(target)
        return target if link is None else f"{urls.base}/link/{link}/{urls.campaign}/{person}"

    return track_link


def _target(literal: str) -> str:
    return unquote(literal[1:-1], 0).replace("&amp;", "&")


class _Expansion:
    """Replaces the calls of one source."""

    def __init__(self, urls: Urls, tracking: Tracking, registered: dict[str, str], html: bool) -> None:
        self._urls = urls
        self._tracking = tracking
        self._registered = registered
        self._html = html
        self._person = "subscriber.uuid" if tracking is Tracking.INDIVIDUAL else f'"{DUMMY_UUID}"'

    def all(self, source: str) -> Iterator[str]:
        for piece in pieces(source):
            if piece.kind == "action":
                yield self._action(piece.text)
            elif piece.kind == "statement" and not re.match(r"\{%[-+]?\s*raw", piece.text):
                yield _CALL.sub(self._as_expression, piece.text)
            else:
                yield piece.text

    def _action(self, text: str) -> str:
        """A tag that holds a single call becomes text; calls inside larger expressions become values."""
        inside = text[2:-2]
        left, right = inside.startswith("-"), inside.endswith("-")
        inside = inside.removeprefix("-").removesuffix("-")
        call = _CALL.fullmatch(inside.strip())
        if call is None or call["string"] or call["computed"]:
            return "{{" + _CALL.sub(self._as_expression, text[2:-2]) + "}}"
        pattern = self._link(_target(call["link"])) if call["link"] else self._url(call["url"])
        lines = "\n" * inside.count("\n")
        before = "{#- #}" if left else ""
        after = f"{{# {lines}{'-' if right else ''}#}}" if right or lines else ""
        return before + self._as_text(pattern) + after

    def _as_text(self, pattern: str) -> str:
        if pattern.startswith("<"):
            return pattern.replace(_PERSON, "{{ subscriber.uuid }}") if self._html else ""
        parts = [html_text.escape(part) if self._html else part for part in pattern.split(_PERSON)]
        parts = [f"{{{{ {quoted(part)}|safe }}}}" if "{" in part else part for part in parts]
        return "{{ subscriber.uuid }}".join(parts)

    def _as_expression(self, call: re.Match[str]) -> str:
        if call["string"]:
            return call[0]
        if call["computed"]:
            # The person comes first, because where this call ends is not known here.
            return f"track_link({self._person}, "
        pattern = self._link(_target(call["link"])) if call["link"] else self._url(call["url"])
        code = " ~ ".join(
            "subscriber.uuid" if part == _PERSON else quoted(part)
            for part in re.split(f"({_PERSON})", pattern)
            if part or not pattern
        )
        if pattern.startswith("<"):
            return f"(({code})|safe)" if self._html else '""'
        return f"({code})"

    def _link(self, target: str) -> str:
        link = self._registered.get(target)
        if link is None:
            return target
        person = _PERSON if self._tracking is Tracking.INDIVIDUAL else DUMMY_UUID
        return f"{self._urls.base}/link/{link}/{self._urls.campaign}/{person}"

    def _url(self, name: str) -> str:
        base, campaign = self._urls.base, self._urls.campaign
        match _GO_NAMES.get(name, name):
            case "UnsubscribeURL":
                return f"{base}/subscription/{campaign}/{_PERSON}"
            case "ManageURL":
                return f"{base}/subscription/{campaign}/{_PERSON}?manage=true"
            case "OptinURL":
                return f"{base}/subscription/optin/{_PERSON}?"
            case "MessageURL":
                return f"{base}/campaign/{campaign}/{_PERSON}"
            case "ArchiveURL":
                return f"{base}/archive"
            case "RootURL":
                return base
            case "LogoURL":
                return self._urls.logo_url
        return self._pixel()

    def _pixel(self) -> str:
        if self._tracking is Tracking.DISABLED:
            return ""
        person = _PERSON if self._tracking is Tracking.INDIVIDUAL else DUMMY_UUID
        source = f"{html_text.escape(self._urls.base)}/campaign/{self._urls.campaign}/{person}/px.png"
        return f'<img src="{source}" alt="" width="1" height="1" style="{_PIXEL_STYLE}">'
