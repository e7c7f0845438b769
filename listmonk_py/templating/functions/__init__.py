"""The functions and filters a template may use."""

from collections.abc import Callable
from typing import Any

FUNCTIONS: dict[str, Callable[..., Any]] = {}
FILTERS: dict[str, Callable[..., Any]] = {}
