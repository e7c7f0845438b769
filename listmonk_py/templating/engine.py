"""The engine that renders the full template language: minijinja, fenced in.

Values print as `values.printed` says (None prints nothing, booleans print true/false), in every
environment made here; whatever else renders templates has to print them the same way.

This module needs neither Django nor our error classes, so that the child process of `trial` starts fast.
"""

from collections.abc import Callable, Mapping
from typing import Any

import minijinja

from listmonk_py.templating.functions import FILTERS, FUNCTIONS
from listmonk_py.templating.values import printed

# Instructions one rendering may use: about 20,000 turns of a loop, 10 ms.
FUEL = 200_000

# `debug` shows the whole state; the others keep state between loop turns and serve no mail.
REMOVED_GLOBALS = ("debug", "cycler", "joiner")


def environment(
    *, html: bool, functions: Mapping[str, Callable[..., Any]] | None = None, strict: bool = False
) -> minijinja.Environment:
    """Return an engine with the language's functions and filters.

    Args:
        html: escape values for HTML (bodies); False for subjects, headers and plain text.
        functions: further functions, callable from templates by name.
        strict: a missing name is an error instead of printing nothing.
    """
    engine = minijinja.Environment(
        fuel=FUEL,
        filters=FILTERS,
        globals={**FUNCTIONS, **(functions or {})},
        undefined_behavior="strict" if strict else "chainable",
        auto_escape_callback=(lambda name: True) if html else (lambda name: False),
        finalizer=printed,
        keep_trailing_newline=True,
        debug=False,
    )
    for name in REMOVED_GLOBALS:
        engine.remove_global(name)
    return engine


def explain(error: minijinja.TemplateError) -> tuple[str, int | None]:
    """Return minijinja's reason as a sentence, without the kind and place it puts around it, and the line."""
    if error.kind == "OutOfFuel":
        return "The template takes too long: a loop runs too often.", error.line
    reason = error.detail or error.message
    return reason[:1].upper() + reason[1:].rstrip(".") + ".", error.line
