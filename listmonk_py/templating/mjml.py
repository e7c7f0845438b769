"""MJML to HTML, with template tags kept."""

import re

import mjml as engine

from listmonk_py.templating.errors import TemplateError
from listmonk_py.templating.tokens import Tokens

# Elements that take other elements only; a template tag between those needs mj-raw around it.
_STRUCTURE = frozenset(
    [
        "mj-body",
        "mj-section",
        "mj-column",
        "mj-wrapper",
        "mj-group",
        "mj-hero",
        "mj-navbar",
        "mj-social",
        "mj-accordion",
        "mj-accordion-element",
        "mj-carousel",
    ]
)
_INCLUDE = re.compile(r"<mj-include\b", re.IGNORECASE)


def to_html(source: str) -> str:
    """Return the HTML of an MJML document whose template tags survive.

    Raises:
        TemplateError: the document is no MJML, or includes files.
    """
    include = _INCLUDE.search(source)
    if include:
        raise TemplateError("mj-include is not available.", source.count("\n", 0, include.start()) + 1)
    tokens = Tokens()
    hidden = _between_elements(tokens.protect(source), tokens)
    try:
        output = engine.mjml2html(hidden)
    except Exception as error:
        # The binding raises a bare Exception subclass per parser fault.
        raise TemplateError(f"This is not valid MJML: {tokens.restore(str(error))}") from error
    return tokens.restore(output if isinstance(output, str) else output["html"])


def _between_elements(source: str, tokens: Tokens) -> str:
    """Put mj-raw around the tokens that stand between structural elements."""
    scan = re.compile(
        rf"(?P<token>{tokens.pattern})|<(?P<close>/?)(?P<name>[\w-]+)(?:\"[^\"]*\"|'[^']*'|[^>\"'])*?(?P<void>/?)>"
    )
    inside: list[str] = []

    def wrapped(found: re.Match[str]) -> str:
        name = found["name"]
        if name is None:
            return f"<mj-raw>{found[0]}</mj-raw>" if inside and inside[-1] in _STRUCTURE else found[0]
        if found["close"]:
            if name in inside:
                del inside[len(inside) - 1 - inside[::-1].index(name) :]
        elif not found["void"] and name.startswith("mj"):
            inside.append(name)
        return found[0]

    return scan.sub(wrapped, source)
