"""The functions and filters a template may use."""

from collections.abc import Callable
from typing import Any

GO_FUNCTIONS: dict[str, Callable[..., Any]] = {"upper": str.upper, "printf": None}
NULLARY: frozenset[str] = frozenset(("now","Date","list","dict"))
FUNCTIONS: dict[str, Callable[..., Any]] = {}
FILTERS: dict[str, Callable[..., Any]] = {}
