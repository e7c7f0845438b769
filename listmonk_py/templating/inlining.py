"""Style sheets written into the elements they style, because many mail readers drop <style>.

The inliner works on a copy in which template tags are hidden and every element is numbered; only
the `style` attributes it computes are taken from there. So everything else in the author's HTML
survives byte for byte: template tags, comments, Outlook's conditional comments, VML, entities.
"""

import re

import css_inline

from listmonk_py.templating.errors import TemplateError
from listmonk_py.templating.html_tokens import ELEMENT_NAME, SCAN, HtmlTokens
from listmonk_py.templating.tokens import TAG

_STYLED = re.compile(r"<style\b", re.IGNORECASE)
_VALUE = rf"\"(?P<double>(?>{TAG.pattern}|[^\"])*+)\"|'(?P<single>(?>{TAG.pattern}|[^'])*+)'"
_STYLE = re.compile(rf"(?<=[\s\"'}}])style\s*=\s*(?:{_VALUE})", re.IGNORECASE | re.DOTALL)
_NUMBER = "data-inlined-element"
_NUMBERED = re.compile(
    rf"<[A-Za-z](?:\"[^\"]*\"|'[^']*'|[^\"'>])*\s{_NUMBER}=\"(\d+)\"(?:\"[^\"]*\"|'[^']*'|[^\"'>])*>"
)


def inline_css(html: str) -> str:
    """Return `html` with its style sheets inlined; they also stay, for media queries and hover.

    HTML without a style sheet is returned as it is. Nothing is fetched.

    Raises:
        TemplateError: a style sheet cannot be read.
    """
    if not _STYLED.search(html):
        return html
    tokens = HtmlTokens()
    numbered, own = _numbered(html, tokens)
    try:
        inlined = css_inline.inline(
            numbered, keep_style_tags=True, keep_link_tags=True, load_remote_stylesheets=False
        )
    except css_inline.InlineError as error:
        raise TemplateError(f"The style sheet cannot be read: {error}") from error
    styles = {int(found[1]): _style_of(found[0], tokens) for found in _NUMBERED.finditer(inlined)}
    return _styled(html, styles, own)


def _start_tags(html: str) -> list[re.Match[str]]:
    return [
        found for found in SCAN.finditer(html) if found["element"] and not found["element"].startswith("</")
    ]


def _numbered(html: str, tokens: HtmlTokens) -> tuple[str, dict[int, str]]:
    """Return the inliner's copy, and the `style` attributes that hold template tags and are not in it."""
    out: list[str] = []
    own: dict[int, str] = {}
    position = 0
    for number, found in enumerate(_start_tags(html)):
        tag = found[0]
        style = _STYLE.search(tag)
        if style and TAG.search(style[0]):
            own[number] = style["double"] if style["double"] is not None else style["single"]
            tag = tag[: style.start()] + tag[style.end() :]
        name = ELEMENT_NAME.match(tag)
        assert name is not None
        out += (html[position : found.start()], f'{name[0]} {_NUMBER}="{number}"', tag[name.end() :])
        position = found.end()
    return tokens.hide("".join([*out, html[position:]])), own


def _style_of(tag: str, tokens: HtmlTokens) -> str | None:
    found = _STYLE.search(tag)
    return tokens.restore(found["double"]) if found else None


def _styled(html: str, styles: dict[int, str | None], own: dict[int, str]) -> str:
    out: list[str] = []
    position = 0
    for number, found in enumerate(_start_tags(html)):
        style = styles.get(number)
        if style is None:
            continue
        if number in own:
            style = f"{style.rstrip('; ')}; {own[number]}"
        out += (html[position : found.start()], _with_style(found[0], style))
        position = found.end()
    return "".join([*out, html[position:]])


def _with_style(tag: str, style: str) -> str:
    """Return the start tag with its `style` attribute replaced or added."""
    quote = "'" if '"' in TAG.sub("", style) else '"'
    attribute = f"style={quote}{style}{quote}"
    old = _STYLE.search(tag)
    if old:
        return tag[: old.start()] + attribute + tag[old.end() :]
    name = ELEMENT_NAME.match(tag)
    assert name is not None
    return f"{name[0]} {attribute}{tag[name.end() :]}"
