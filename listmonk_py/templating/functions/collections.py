"""Sprig's lists and dictionaries, defaults and types; Go's len, slice and range.

Lists and dictionaries never change: functions return new ones. (`set` and `unset` on a variable are
translated to an assignment.)
"""

import random
from collections.abc import Callable, Mapping
from typing import Any

from listmonk_py.templating.functions.limits import MAX_ITEMS, counted, items, kind, mapping, text, whole

MAX_COPY_DEPTH = 20


def go_len(value: Any) -> int:
    return 0 if value is None else len(value)


def go_slice(value: Any, start: Any = 0, end: Any = None, limit: Any = None) -> Any:
    """Part of a list or text. (Go counts the bytes of a text; here they are characters.)"""
    last = None if end is None else whole(end)
    return value[whole(start) : last] if isinstance(value, str) else items(value)[whole(start) : last]


def go_pairs(value: Any) -> tuple[tuple[Any, Any], ...]:
    """What `range $key, $value :=` goes over: positions and items, or keys and values by key."""
    if isinstance(value, Mapping):
        return tuple((key, value[key]) for key in sorted(value, key=str))
    return tuple(enumerate(go_each(value)))


def go_each(value: Any) -> tuple[Any, ...]:
    """What `range` goes over: a list's items, a dictionary's values by key, or the numbers below one."""
    if isinstance(value, int) and not isinstance(value, bool):
        return tuple(range(_allowed(value)))
    return items(value)


def _allowed(count: int) -> int:
    if count > MAX_ITEMS:
        raise ValueError(f"A list grows longer than {MAX_ITEMS:,} items.")
    return count


def go_field(value: Any, key: Any) -> Any:
    """The value of a key that is also the name of a dictionary's method; the engine would find that."""
    return value.get(key) if isinstance(value, Mapping) else None


def until_step(start: Any, stop: Any, step: Any) -> tuple[int, ...]:
    if whole(step) == 0:
        return ()
    numbers = range(whole(start), whole(stop), whole(step))
    _allowed(len(numbers))
    return tuple(numbers)


def until(count: Any) -> tuple[int, ...]:
    return until_step(0, count, -1 if whole(count) < 0 else 1)


def seq(*numbers: Any) -> str:
    """Numbers with spaces in between, as the command seq prints them."""
    whole_numbers = [whole(number) for number in numbers]
    if not whole_numbers or len(whole_numbers) > 3:
        return ""
    start, step = 1, 0
    if len(whole_numbers) == 3:
        start, step, end = whole_numbers
    elif len(whole_numbers) == 2:
        start, end = whole_numbers
    else:
        end = whole_numbers[0]
    step = step or (1 if end >= start else -1)
    return " ".join(map(str, until_step(start, end + (1 if step > 0 else -1), step)))


def chunk(size: Any, values: Any) -> tuple[tuple[Any, ...], ...]:
    length, whole_list = max(whole(size), 1), items(values)
    return tuple(whole_list[at : at + length] for at in range(0, len(whole_list), length))


def compact(values: Any) -> tuple[Any, ...]:
    return tuple(value for value in items(values) if value)


def uniq(values: Any) -> tuple[Any, ...]:
    kept: dict[str, Any] = {}
    for value in items(values):
        kept.setdefault(f"{kind(value)}:{text(value)}", value)
    return tuple(kept.values())


def without(values: Any, *unwanted: Any) -> tuple[Any, ...]:
    return tuple(value for value in items(values) if value not in unwanted)


def has(wanted: Any, values: Any) -> bool:
    return wanted in items(values)


def dictionary(*pairs: Any) -> dict[str, Any]:
    return {text(key): value for key, value in zip(pairs[::2], (*pairs[1::2], ""), strict=False)}


def dig(*arguments: Any) -> Any:
    """`dig key ... default dictionary`: the value at the end of the keys."""
    if len(arguments) < 3:
        raise ValueError("dig needs a key, a default and a dictionary.")
    *keys, fallback, value = arguments
    for key in keys:
        if not isinstance(value, Mapping) or text(key) not in value:
            return fallback
        value = value[text(key)]
    return value


def merge(*dictionaries: Any) -> dict[str, Any]:
    """One dictionary of several; the first that has a key wins, inside nested ones too."""
    return _merged([mapping(each) for each in reversed(dictionaries)], 0)


def merge_overwrite(*dictionaries: Any) -> dict[str, Any]:
    """One dictionary of several; the last that has a key wins, inside nested ones too."""
    return _merged([mapping(each) for each in dictionaries], 0)


def _merged(dictionaries: list[dict[str, Any]], depth: int) -> dict[str, Any]:
    if depth > MAX_COPY_DEPTH:
        raise ValueError("The data is nested too deeply.")
    result: dict[str, Any] = {}
    for each in dictionaries:
        for key, value in each.items():
            old = result.get(key)
            both = isinstance(old, Mapping) and isinstance(value, Mapping)
            result[key] = _merged([mapping(old), mapping(value)], depth + 1) if both else value
    return result


def set_key(values: Any, key: Any, value: Any) -> dict[str, Any]:
    changed = mapping(values) | {text(key): value}
    counted(tuple(changed))
    return changed


def unset_key(values: Any, key: Any) -> dict[str, Any]:
    return {name: value for name, value in mapping(values).items() if name != text(key)}


def pick(values: Any, *keys: Any) -> dict[str, Any]:
    wanted = {text(key) for key in keys}
    return {name: value for name, value in mapping(values).items() if name in wanted}


def omit(values: Any, *keys: Any) -> dict[str, Any]:
    unwanted = {text(key) for key in keys}
    return {name: value for name, value in mapping(values).items() if name not in unwanted}


def pluck(key: Any, *dictionaries: Any) -> tuple[Any, ...]:
    return tuple(each[text(key)] for each in map(mapping, dictionaries) if text(key) in each)


def coalesce(*values: Any) -> Any:
    return next((value for value in values if value), None)


def default(fallback: Any, value: Any = None) -> Any:
    return value or fallback


def ternary(yes: Any, no: Any, condition: Any) -> Any:
    return yes if condition else no


def fail(message: Any) -> Any:
    raise ValueError(text(message))


def shuffle(value: Any) -> str:
    letters = list(text(value))
    random.shuffle(letters)
    return "".join(letters)


def _edge(position: int) -> Any:
    def taken(values: Any) -> Any:
        whole_list = items(values)
        return whole_list[position] if whole_list else None

    return taken


def _flat(values: tuple[Any, ...]) -> tuple[Any, ...]:
    return counted(tuple(item for value in values for item in items(value)))


COLLECTIONS: dict[str, Callable[..., Any]] = {
    "len": go_len,
    "slice": go_slice,
    "list": lambda *values: values,
    "tuple": lambda *values: values,
    "first": _edge(0),
    "last": _edge(-1),
    "rest": lambda values: items(values)[1:],
    "initial": lambda values: items(values)[:-1],
    "append": lambda values, value: counted((*items(values), value)),
    "push": lambda values, value: counted((*items(values), value)),
    "prepend": lambda values, value: counted((value, *items(values))),
    "concat": lambda *lists: _flat(lists),
    "reverse": lambda values: items(values)[::-1],
    "uniq": uniq,
    "without": without,
    "has": has,
    "compact": compact,
    "chunk": chunk,
    "sortAlpha": lambda values: tuple(sorted(text(value) for value in items(values))),
    "toStrings": lambda values: tuple(text(value) for value in items(values)),
    "until": until,
    "untilStep": until_step,
    "seq": seq,
    "dict": dictionary,
    "get": lambda values, key: mapping(values).get(text(key), ""),
    "set": set_key,
    "unset": unset_key,
    "hasKey": lambda values, key: text(key) in mapping(values),
    "keys": lambda *values: tuple(key for each in values for key in sorted(mapping(each))),
    "values": lambda value: items(mapping(value)),
    "pick": pick,
    "omit": omit,
    "pluck": pluck,
    "merge": merge,
    "mergeOverwrite": merge_overwrite,
    "dig": dig,
    "deepCopy": lambda value: value,
    "deepEqual": lambda a, b: a == b,
    "default": default,
    "empty": lambda value=None: not value,
    "coalesce": coalesce,
    "all": lambda *values: all(values),
    "any": lambda *values: any(values),
    "ternary": ternary,
    "fail": fail,
    "shuffle": shuffle,
    "kindOf": kind,
    "kindIs": lambda wanted, value: kind(value) == text(wanted),
    "typeOf": kind,
    "typeIs": lambda wanted, value: kind(value) == text(wanted),
    "typeIsLike": lambda wanted, value: kind(value) == text(wanted).removeprefix("*"),
}
