"""Whether an answer is what the OpenAPI document says of its route."""

import functools
import re
from typing import Any
from urllib.parse import unquote

import jsonschema
import orjson
from drf_spectacular.generators import SchemaGenerator

from listmonk_py.api.schema import PARAMETER


@functools.cache
def _routes() -> list[tuple[str, re.Pattern[str], Any]]:
    """Method, pattern of the path and validator of a JSON 200; paths without parameters first."""
    document = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    schemas = _plain(document["components"]["schemas"])
    found = []
    for path, methods in sorted(document["paths"].items(), key=lambda entry: entry[0].count("{")):
        pattern = re.compile(PARAMETER.sub("[^/]+", path))
        for method, operation in methods.items():
            content = operation["responses"]["200"].get("content", {})
            if "application/json" in content:
                shape = {**_plain(content["application/json"]["schema"]), "components": {"schemas": schemas}}
                found.append((method.upper(), pattern, jsonschema.Draft202012Validator(shape)))
    return found


def _plain(shape: Any) -> Any:
    """OpenAPI 3.0 as JSON Schema: `nullable` becomes a choice."""
    if isinstance(shape, list):
        return [_plain(inner) for inner in shape]
    if not isinstance(shape, dict):
        return shape
    plain = {key: _plain(value) for key, value in shape.items() if key != "nullable"}
    return {"anyOf": [plain, {"type": "null"}]} if shape.get("nullable") is True else plain


def contradictions(method: str, line: str, content: bytes) -> list[str]:
    """Where a JSON answer with 200 differs from the document."""
    path = unquote(line.partition("?")[0])
    for of, pattern, validator in _routes():
        if of == method and pattern.fullmatch(path):
            errors = validator.iter_errors(orjson.loads(content))
            return [f"undocumented: {error.json_path}: {error.message[:200]}" for error in errors]
    return []
