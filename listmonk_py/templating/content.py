"""From what an author wrote to the source of a message: content types, wrapping, conversion.

Works on Go and on Jinja source alike: template tags are opaque to every step here.
"""

import html as html_text
import re

from listmonk_py.api.errors import DomainError
from listmonk_py.templating import markdown, mjml
from listmonk_py.templating.errors import TemplateError
from listmonk_py.templating.go_writer import TRACK_LINK
from listmonk_py.templating.inlining import inline_css
from listmonk_py.templating.plain import plain_text
from listmonk_py.templating.tokens import TAG, Tokens

__all__ = ["convert", "has_content_place", "inline_css", "plain_text", "to_html", "wrap"]

CONTENT_TYPES = ("richtext", "html", "markdown", "plain", "visual", "mjml")

# The place for a campaign's body in a template, as authors write it and as `golang` translates it.
CONTENT_PLACE = re.compile(r"\{\{-?\s*(?:template\s+(?:\"content\"|`content`)\s*\.?|content)\s*-?\}\}")

# A paragraph of actions that print nothing, in Jinja or in Go, would be an empty one.
_STATEMENT_ALONE = re.compile(
    r"<p>((?:(?:\{%[^%]*%\}|\{\{-?\s*(?:if|else|end|range|with|define|block)\b[^{}]*\}\})\s*)+)</p>"
)


def to_html(body: str, content_type: str) -> str:
    """Return the source of the message that `body` stands for: HTML, except for `plain`, which stays text.

    Raises:
        TemplateError: the content type is unknown, or MJML is not valid.
    """
    match content_type:
        case "html" | "richtext" | "visual" | "plain":
            return body
        case "markdown":
            return _markdown(body)
        case "mjml":
            return mjml.to_html(body)
    raise TemplateError(
        f'There is no content type "{content_type}". Choose one of: {", ".join(CONTENT_TYPES)}.'
    )


def wrap(body: str, template_body: str) -> str:
    """Return `template_body` with `body` where it has `{{ template "content" . }}`.

    Raises:
        TemplateError: the template has no such place.
    """
    if not has_content_place(template_body):
        raise TemplateError('The template has no place for the content: add {{ template "content" . }}.')
    return CONTENT_PLACE.sub(lambda place: body, template_body)


def has_content_place(template_body: str) -> bool:
    """Whether a campaign's body has a place in `template_body`."""
    return CONTENT_PLACE.search(template_body) is not None


def convert(body: str, source: str, target: str) -> str:
    """Return `body` as the editor of another content type needs it (POST /api/campaigns/:id/content).

    Raises:
        DomainError: listmonk converts Markdown to HTML only (contract 2.6); we also turn MJML and text.
    """
    if target in ("html", "richtext"):
        if source in ("markdown", "mjml"):
            return to_html(body, source)
        if source == "plain":
            return html_text.escape(body, quote=False).replace("\n", "<br />\n")
    raise DomainError("unknown formats to convert")


def _markdown(body: str) -> str:
    tokens = Tokens()
    # A tracked URL is hidden as well: typography would change its dashes.
    hidden = tokens.protect(tokens.protect(body, TAG), TRACK_LINK)
    rendered = markdown.render(hidden, token=re.compile(tokens.pattern))
    return _STATEMENT_ALONE.sub(r"\1", tokens.restore(rendered))
