"""Values on their way into a template, and the text they are printed as."""

import datetime
import decimal
import uuid
from collections.abc import Mapping, Set
from types import MappingProxyType
from typing import Any

# Above this a whole number kept as a float is printed with an exponent, as Python prints it.
LARGEST_WHOLE_FLOAT = 1e21


def freeze(data: Any) -> Any:
    """Return `data` as immutable plain data: mappings become MappingProxyType, sequences tuples.

    Dates become ISO 8601 text, UUIDs and decimals text. Anything else (a model object, a function)
    is refused, because a template could call what it is given.

    Raises:
        TypeError: a value is not plain data.
    """
    if data is None or isinstance(data, (str, int, float)):
        return data
    if isinstance(data, Mapping):
        return MappingProxyType({str(key): freeze(value) for key, value in data.items()})
    if isinstance(data, (list, tuple, Set)):
        return tuple(freeze(item) for item in data)
    if isinstance(data, (datetime.datetime, datetime.date, datetime.time)):
        return data.isoformat()
    if isinstance(data, (uuid.UUID, decimal.Decimal)):
        return str(data)
    raise TypeError(f"A template cannot be given a {type(data).__name__}; only plain data.")


def printed(value: Any) -> Any:
    """Return `value` as `{{ value }}` prints it, before HTML escaping.

    Nothing for None, `true`/`false`, whole floats without a fraction (JSON does not tell 30 from 30.0);
    everything else prints as Python's str() does. Text is returned as it is, so markup stays marked safe.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < LARGEST_WHOLE_FLOAT:
        return str(int(value))
    return value
