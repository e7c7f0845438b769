"""Compiling and rendering the full template language, with errors an author can act on."""

from collections.abc import Mapping
from typing import Any

import minijinja

from listmonk_py.templating.engine import environment, explain
from listmonk_py.templating.errors import TemplateError
from listmonk_py.templating.values import freeze, printed

__all__ = ["MAX_OUTPUT_CHARS", "check", "environment", "freeze", "printed", "render"]

# A mail larger than this is refused by every provider.
MAX_OUTPUT_CHARS = 10_000_000


def check(source: str) -> None:
    """Compile `source` without rendering it.

    Raises:
        TemplateError: the syntax is wrong, with the line.
    """
    try:
        environment(html=True).add_template("source", source)
    except minijinja.TemplateError as error:
        raise explained(error) from error


def render(engine: minijinja.Environment, name: str, context: Mapping[str, Any]) -> str:
    """Render the template added to `engine` as `name`; `context` is already frozen.

    Raises:
        TemplateError: the template failed, used up its fuel, or its output is too large.
    """
    try:
        text = engine.render_template(name, **context)
    except minijinja.TemplateError as error:
        raise explained(error) from error
    except Exception as error:
        # A function was given something it cannot work with; minijinja hands its exception through.
        raise TemplateError(str(error) or type(error).__name__) from error
    if len(text) > MAX_OUTPUT_CHARS:
        raise TemplateError(
            f"The message has {len(text):,} characters; at most {MAX_OUTPUT_CHARS:,} are allowed."
        )
    return text


def explained(error: minijinja.TemplateError) -> TemplateError:
    """Return minijinja's error as ours."""
    reason, line = explain(error)
    return TemplateError(reason, line)
