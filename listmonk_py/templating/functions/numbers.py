"""Sprig's arithmetic: whole numbers, and the f forms for fractions."""

import math
import random
from collections.abc import Callable
from functools import reduce
from typing import Any

from listmonk_py.templating.functions.limits import number, whole

# Go's int64; a result outside wraps around there and is refused here.
_INT64 = range(-(2**63), 2**63)


def _int64(value: int) -> int:
    if value not in _INT64:
        raise ValueError("A number is too large.")
    return value


def _folded(operation: Callable[[int, int], int]) -> Callable[..., int]:
    return lambda *values: reduce(lambda a, b: _int64(operation(a, b)), map(whole, values))


def _folded_float(operation: Callable[[float, float], float]) -> Callable[..., float]:
    return lambda *values: reduce(operation, (float(number(value)) for value in values))


def _quotient(a: int, b: int) -> int:
    if b == 0:
        raise ValueError("A number is divided by zero.")
    # Go cuts towards zero, Python rounds down.
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def _quotient_float(a: float, b: float) -> float:
    if b == 0:
        raise ValueError("A number is divided by zero.")
    return a / b


def go_round(value: Any, digits: Any = 0) -> float:
    """Round half away from zero."""
    places = whole(digits)
    if abs(places) > 20:
        raise ValueError("round keeps at most 20 digits.")
    scaled = abs(float(number(value))) * 10**places
    return math.copysign(math.floor(scaled + 0.5) / 10**places, float(number(value)))


def rand_int(low: Any, high: Any) -> int:
    if whole(high) <= whole(low):
        raise ValueError("randInt needs a lower and a higher number.")
    return random.randrange(whole(low), whole(high))


NUMBERS: dict[str, Callable[..., Any]] = {
    "add": _folded(lambda a, b: a + b),
    "add1": lambda value: _int64(whole(value) + 1),
    "sub": _folded(lambda a, b: a - b),
    "mul": _folded(lambda a, b: a * b),
    "div": _folded(_quotient),
    "mod": _folded(lambda a, b: a - b * _quotient(a, b)),
    "addf": _folded_float(lambda a, b: a + b),
    "add1f": lambda value: float(number(value)) + 1,
    "subf": _folded_float(lambda a, b: a - b),
    "mulf": _folded_float(lambda a, b: a * b),
    "divf": _folded_float(_quotient_float),
    "max": lambda *values: max(map(whole, values)),
    "biggest": lambda *values: max(map(whole, values)),
    "min": lambda *values: min(map(whole, values)),
    "maxf": lambda *values: max(float(number(value)) for value in values),
    "minf": lambda *values: min(float(number(value)) for value in values),
    "ceil": lambda value: float(math.ceil(number(value))),
    "floor": lambda value: float(math.floor(number(value))),
    "round": go_round,
    "int": whole,
    "int64": whole,
    "atoi": whole,
    "float64": lambda value: float(number(value)),
    "toDecimal": lambda value: int(str(value), 8),
    "randInt": rand_int,
}
