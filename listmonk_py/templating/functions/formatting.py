"""print, printf and println, and values in other notations (JSON, JavaScript, URLs)."""

import json
import re
from typing import Any
from urllib.parse import quote as percent_encode

from listmonk_py.templating.functions.limits import bounded, kind, number, room, text

MAX_WIDTH = 1000

_VERB = re.compile(
    r"%(?P<flags>[-+# 0]*)(?P<width>\d+|\*)?(?:\.(?P<precision>\d*|\*))?(?P<verb>.?)", re.DOTALL
)


def go_print(*values: Any) -> str:
    """fmt.Sprint: a space between two values when neither is text."""
    out: list[str] = []
    for position, value in enumerate(values):
        if position and not isinstance(value, str) and not isinstance(values[position - 1], str):
            out.append(" ")
        out.append(text(value))
    return bounded("".join(out))


def go_println(*values: Any) -> str:
    return bounded(" ".join(text(value) for value in values) + "\n")


def go_printf(pattern: Any, *values: Any) -> str:
    """fmt.Sprintf with the verbs v s q d f e g t x X o b c U and %, flags, width and precision."""
    left = list(values)

    def argument(found: re.Match[str]) -> str:
        verb = found["verb"]
        if verb == "%":
            return "%"
        width, precision = (_size(found[part], left) for part in ("width", "precision"))
        if not left:
            return f"%!{verb}(MISSING)"
        shown = _shown(left.pop(0), verb, found["flags"], precision)
        return _padded(shown, found["flags"], width or 0, verb)

    result = _VERB.sub(argument, text(pattern))
    if left:
        extra = ", ".join(f"{kind(value)}={text(value)}" for value in left)
        result += f"%!(EXTRA {extra})"
    return bounded(result)


def _size(written: str | None, left: list[Any]) -> int | None:
    if written is None:
        return None
    size = (
        int(number(left.pop(0)) if written == "*" and left else written or 0) if written != "*" or left else 0
    )
    if abs(size) > MAX_WIDTH:
        raise ValueError(f"printf pads to at most {MAX_WIDTH} characters.")
    return size


def _shown(value: Any, verb: str, flags: str, precision: int | None) -> str:
    plus = "+" if "+" in flags else " " if " " in flags else ""
    if verb in "dboxXcU" and not isinstance(value, str):
        return _shown_whole(int(number(value)), verb, flags, plus)
    if verb in "feEgG" and not isinstance(value, str):
        digits = 6 if precision is None else precision
        if verb in "gG" and precision is None:
            return text(number(value))
        return format(float(number(value)), f"{plus or '-'}.{digits}{verb}")
    shown = text(value)
    if verb == "q":
        return json.dumps(shown, ensure_ascii=False)
    if verb in "xX" and isinstance(value, str):
        return shown.encode().hex() if verb == "x" else shown.encode().hex().upper()
    if verb in "vst":
        return shown if precision is None else shown[:precision]
    return f"%!{verb}({kind(value)}={shown})"


def _shown_whole(value: int, verb: str, flags: str, plus: str) -> str:
    if verb == "c":
        return chr(value) if 0 <= value < 0x110000 and not 0xD800 <= value < 0xE000 else "�"
    if verb == "U":
        return f"U+{value:04X}"
    prefix = "#" if "#" in flags and verb in "xXob" else ""
    return format(value, f"{plus or '-'}{prefix}{verb}")


def _padded(shown: str, flags: str, width: int, verb: str) -> str:
    if "-" in flags:
        return shown.ljust(width)
    if "0" in flags and verb in "dfeEgGxXob":
        return shown.zfill(width)
    return shown.rjust(width)


def to_json(value: Any) -> str:
    return bounded(json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"), sort_keys=True))


def to_pretty_json(value: Any) -> str:
    return bounded(json.dumps(_plain(value), ensure_ascii=False, indent=2, sort_keys=True))


def from_json(source: Any) -> Any:
    try:
        return json.loads(text(source))
    except (ValueError, RecursionError):
        return None


def _plain(value: Any, depth: int = 0) -> Any:
    """Return containers as JSON knows them, refusing what would be too large to write."""
    if depth > 20:
        raise ValueError("The data is nested too deeply.")
    if hasattr(value, "items"):
        return {str(key): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, depth + 1) for item in value]
    return value


_JS = {c: f"\\u{ord(c):04X}" for c in "<>&='\"\\\n\r\t\u2028\u2029`"} | {"'": "\\'", '"': '\\"', "\\": "\\\\"}


def js(*values: Any) -> str:
    """Escape for a JavaScript string."""
    shown = go_print(*values)
    room(6 * len(shown))
    return "".join(_JS.get(character, character) for character in shown)


def urlquery(*values: Any) -> str:
    """Escape for the query of a URL: a space becomes a plus sign."""
    shown = go_print(*values)
    room(3 * len(shown))
    return percent_encode(shown, safe="").replace("%20", "+")


# Characters that separate the parts of a URL, and the percent sign of what is encoded already.
_URL_SIGNS = ":/?#[]@!$&'()*+,;=%"
_SCHEME = re.compile(r"[^/?#]*?:")
_SAFE_SCHEMES = ("http:", "https:", "mailto:", "tel:", "sms:")


def url_query(value: Any) -> str:
    """A value inside a URL's query: everything but letters, digits and -._~ is encoded."""
    shown = text(value)
    room(9 * len(shown))
    return percent_encode(shown, safe="")


def url_path(value: Any) -> str:
    """A value that continues a URL: what separates its parts stays."""
    shown = text(value)
    room(9 * len(shown))
    return percent_encode(shown, safe=_URL_SIGNS)


def url_start(value: Any) -> str:
    """A value that begins a URL; one with a scheme that could run a script becomes `#`."""
    shown = text(value).strip()
    scheme = _SCHEME.match(shown)
    if scheme and scheme[0].lower() not in _SAFE_SCHEMES:
        return "#"
    return url_path(shown)
