"""The child process of `trial`: reads a job from standard input, renders it, answers one line of JSON.

Started as a script. It imports the engine alone: the product's package would bring Django and Celery
along, which takes longer than the rendering and more memory than the limit.
"""

import json
import re
import resource
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

PRODUCT = Path(__file__).resolve().parents[1]

MAX_OUTPUT_CHARS = 10_000_000


def limit(memory_mb: int, cpu_s: int) -> None:
    """Set this process's limits. Without a core file: a template may hold what is nobody's business."""
    memory = memory_mb * 1024 * 1024
    for kind, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        resource.setrlimit(kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def render(job: dict) -> dict:
    """Return the rendered texts when they are wanted, or the first error with the source's name and line."""
    # Stands in for the product's package, whose own import is not wanted here.
    package = types.ModuleType("listmonk_py")
    package.__path__ = [str(PRODUCT)]
    sys.modules["listmonk_py"] = package

    import minijinja

    from listmonk_py.templating.engine import environment, explain
    from listmonk_py.templating.functions import FILTERS, FUNCTIONS
    from listmonk_py.templating.values import freeze

    texts: list[str] = []
    stand_ins = {name: lambda *arguments: "" for name in job["functions"]}
    context = freeze(job["context"])
    called = [""]

    def noting(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*arguments: Any) -> Any:
            called[0] = name
            return function(*arguments)

        return noted

    for name, source, html in job["sources"]:
        print("start", name, flush=True)
        try:
            engine = environment(html=html, functions=stand_ins)
            for function, callback in FUNCTIONS.items():
                engine.add_global(function, noting(function, callback))
            for function, callback in FILTERS.items():
                engine.add_filter(function, noting(function, callback))
            engine.add_template("source", source)
            missing = (
                engine.undeclared_variables_in_template("source") - set(job["names"]) - set(engine.globals)
            )
            if missing:
                return {"name": name, **unknown(source, sorted(missing)[0])}
            text = engine.render_template("source", **context)
        except minijinja.TemplateError as error:
            reason, line = explain(error)
            return {"name": name, "error": reason, "line": line}
        except MemoryError:
            return {"name": name, "error": "The template needs too much memory."}
        except RecursionError:
            return {"name": name, "error": "The template is nested too deeply."}
        except Exception as error:
            # A function refused its arguments: the words are for the author.
            line = only_line(source, called[0])
            return {"name": name, "error": str(error) or type(error).__name__, "line": line}
        if len(text) > MAX_OUTPUT_CHARS:
            return {"name": name, "error": f"The message has more than {MAX_OUTPUT_CHARS:,} characters."}
        texts.append(text)
    return {"texts": texts} if job.get("keep") else {}


def only_line(source: str, function: str) -> int | None:
    """Return the line that calls `function`, when there is just one: the engine does not tell."""
    call = re.compile(rf"(?<![\w.]){re.escape(function)}(?!\w)")
    lines = [number for number, line in enumerate(source.split("\n"), 1) if function and call.search(line)]
    return lines[0] if len(lines) == 1 else None


def unknown(source: str, name: str) -> dict:
    """Return the error for a name that stands for nothing, with the line where it is used first."""
    found = re.search(
        rf"(?:\{{\{{|\{{%)(?:(?!%\}}|\}}\}}).)*?(?<![\w.\"'])({re.escape(name)})(?!\w)", source, re.DOTALL
    )
    line = source.count("\n", 0, found.start(1)) + 1 if found else None
    known = "Use subscriber, campaign or tx, such as {{ subscriber.name }}."
    return {"error": f'There is no "{name}". {known}', "line": line}


def main() -> None:
    job = json.loads(sys.stdin.buffer.read())
    limit(job["memory_mb"], job["cpu_s"])
    print(json.dumps(render(job)), flush=True)


if __name__ == "__main__":
    main()
