"""Go template source, as listmonk's users write it, translated to Jinja source.

Jinja source passes through unchanged, expression by expression. docs/templating.md tells which
expression is taken for which language, and what is translated to what.
"""

from listmonk_py.templating.functions import GO_FUNCTIONS, NULLARY
from listmonk_py.templating.go_parser import Parser
from listmonk_py.templating.go_writer import COMPARISONS, URL_FUNCTIONS, Writer

# Functions that become syntax instead of a call.
SYNTAX_FUNCTIONS = frozenset(("and", "or", "not", "index", "call", "html", "Safe", "TrackLink", "default"))

KNOWN_FUNCTIONS = frozenset(GO_FUNCTIONS) | SYNTAX_FUNCTIONS | URL_FUNCTIONS | frozenset(COMPARISONS)
NULLARY_FUNCTIONS = frozenset(NULLARY) | URL_FUNCTIONS


def to_jinja(source: str, *, html: bool = True) -> str:
    """Return `source` with its Go expressions translated to Jinja; line numbers stay the same.

    Args:
        source: a body, subject, header or template in Go's template language, in Jinja, or both.
        html: values are printed into HTML; those inside URLs are encoded for their place there.

    Raises:
        TemplateError: a Go expression cannot be translated; with line and reason.
    """
    if "{" not in source and "@TrackLink" not in source:
        return source
    return Writer(Parser(source, KNOWN_FUNCTIONS, NULLARY_FUNCTIONS).parse(), html=html).write()
