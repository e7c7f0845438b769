"""Rendering an author's template once, in a child process that may come to harm.

minijinja's fuel bounds a template's time and nothing bounds its memory, so unsaved text is never
rendered in a web process: the child has limits of its own, and its death is an error of the template.
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from listmonk_py.templating.errors import TemplateError
from listmonk_py.templating.growth import Growth, check_growth
from listmonk_py.templating.values import freeze

CHILD = Path(__file__).with_name("trial_child.py")

# What a context and the functions of a message provide besides the engine's own names.
NAMES = ("subscriber", "campaign", "tx", "content")
FUNCTION_NAMES = ("track_link",)


@dataclass(frozen=True)
class TrialSource:
    """One part of a message: `source` is Jinja (after `golang.to_jinja`), `name` is told in errors."""

    name: str
    source: str
    html: bool = True


def trial_render(
    sources: Sequence[TrialSource],
    context: Mapping[str, Any],
    *,
    timeout_s: float = 5,
    memory_mb: int = 512,
    functions: Iterable[str] = (),
) -> None:
    """Render `sources` with `context` in a child process and throw the result away.

    Args:
        timeout_s: wall-clock seconds for all of them, the child's start included.
        memory_mb: address space of the child.
        functions: names of further functions that will exist when the message is sent.

    Raises:
        TemplateError: a source is wrong, refused (`growth`), too slow or too large; with the line when
            it is known.
    """
    _render(sources, context, timeout_s=timeout_s, memory_mb=memory_mb, functions=functions, keep=False)


def rendered(
    sources: Sequence[TrialSource],
    context: Mapping[str, Any],
    *,
    timeout_s: float = 5,
    memory_mb: int = 512,
) -> list[str]:
    """Return the texts of `sources`, rendered in a child process; for previews of unsaved text.

    Raises:
        TemplateError: as `trial_render`.
    """
    answer = _render(sources, context, timeout_s=timeout_s, memory_mb=memory_mb, functions=(), keep=True)
    return [str(text) for text in answer["texts"]]


def _render(
    sources: Sequence[TrialSource],
    context: Mapping[str, Any],
    *,
    timeout_s: float,
    memory_mb: int,
    functions: Iterable[str],
    keep: bool,
) -> dict[str, Any]:
    for source in sources:
        try:
            check_growth(source.source)
        except Growth as error:
            raise _told(source.name, error.message, error.line, len(sources)) from error
    job = {
        "sources": [[source.name, source.source, source.html] for source in sources],
        "context": _plain(freeze(context)),
        "names": [*NAMES, *context],
        "functions": [*FUNCTION_NAMES, *functions],
        "memory_mb": memory_mb,
        "cpu_s": int(timeout_s) + 1,
        "keep": keep,
    }
    answer = _run(json.dumps(job), timeout_s)
    if answer.get("error"):
        raise _told(answer.get("name", ""), answer["error"], answer.get("line"), len(sources))
    return answer


def _told(name: str, message: str, line: int | None, parts: int) -> TemplateError:
    return TemplateError(f"In the {name}: {message}" if parts > 1 and name else message, line)


def _run(job: str, timeout_s: float) -> dict[str, Any]:
    try:
        # -I keeps the child away from the environment and the current folder.
        child = subprocess.run(
            [sys.executable, "-I", str(CHILD)],
            input=job.encode(),
            capture_output=True,
            timeout=timeout_s,
            check=False,
            env={},
        )
    except subprocess.TimeoutExpired as error:
        raise TemplateError(f"The template takes longer than {timeout_s:g} seconds.") from error
    lines = child.stdout.decode("utf-8", "replace").splitlines()
    try:
        return dict(json.loads(lines[-1]))
    except (IndexError, ValueError):
        # The memory limit ends the engine without a word.
        return {"error": "The template needs too much memory.", **_last_started(lines)}


def _last_started(lines: list[str]) -> dict[str, Any]:
    names = [line.removeprefix("start ") for line in lines if line.startswith("start ")]
    return {"name": names[-1]} if names else {}


def _plain(value: Any) -> Any:
    """Return frozen data as json.dumps takes it."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value
