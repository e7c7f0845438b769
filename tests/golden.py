"""The shape of an answer: what clients depend on, apart from its values."""

from typing import Any


def shape(value: Any) -> Any:
    """Keys at every level with the JSON type of each value; a list is described by its first entry."""
    match value:
        case dict():
            return {key: shape(inner) for key, inner in value.items()}
        case list():
            return [shape(value[0])] if value else []
        case None:
            return "null"
        case bool():
            return "bool"
        case int() | float():
            return "number"
        case _:
            return "string"


def missing(expected: Any, actual: Any, where: str = "") -> list[str]:
    """Where `actual` lacks a key of `expected` or has another type; more keys are allowed.

    An array or an empty object where listmonk had null is no difference: it writes null for empty ones.
    """
    if expected is None and (isinstance(actual, list) or actual == {}):
        return []
    if isinstance(expected, dict) and isinstance(actual, dict):
        problems = [f"{where}.{key} is missing" for key in expected if key not in actual]
        for key in expected.keys() & actual.keys():
            problems += missing(expected[key], actual[key], f"{where}.{key}")
        return problems
    if isinstance(expected, list) and isinstance(actual, list):
        return missing(expected[0], actual[0], f"{where}[0]") if expected and actual else []
    return [] if shape(expected) == shape(actual) else [f"{where}: {shape(actual)}, not {shape(expected)}"]
