"""Values on their way into a template, and the text they are printed as."""

import datetime
import decimal
import uuid
from collections.abc import Mapping, Set
from types import MappingProxyType
from typing import Any

from listmonk_py.templating.functions.limits import text


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
    """Return `value` as `{{ value }}` prints it, before HTML escaping: as Go does, except for nil.

    Nothing for None, `true`/`false`, whole floats without a fraction (JSON does not tell 30 from 30.0),
    `[a b]` for lists, `map[key:value]` for dictionaries. Text is returned as it is, so that markup
    stays marked safe.

    Raises:
        ValueError: a list or dictionary is too long to be printed.
    """
    return value if isinstance(value, str) else text(value)
