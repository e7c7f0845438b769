"""Sentences about entries of settings, such as what became of a mailbox, told by the apps that know."""

from collections.abc import Callable, Mapping
from typing import Any

# A stored entry -> a sentence for staff, "" for none.
Note = Callable[[Mapping[str, Any]], str]
_notes: dict[str, Note] = {}


def register(key: str, note: Note) -> None:
    """Show `note` at each entry of the setting `key`; call it in `AppConfig.ready()`."""
    _notes[key] = note


def of(key: str, entry: Mapping[str, Any]) -> str:
    """What is known of a stored entry of the setting `key`."""
    return _notes[key](entry) if key in _notes else ""
