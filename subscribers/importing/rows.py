"""From the fields of a row to a person, or the reason why not (contract 7.2, 7.3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import orjson

from listmonk_py.mail.addresses import DomainRules, InvalidEmail, name_from_email, normalise_email

from .params import COLUMNS
from .reading import Record

LONGEST_NAME = 2000


class Person(NamedTuple):
    """A row that can be stored. `name` and `attribs` are None where the file does not give them; then
    somebody new takes `derived` and `{}`, and somebody known keeps what is stored."""

    line: int
    email: str
    name: str | None
    derived: str
    attribs: str | None


class Rejected(NamedTuple):
    """A row that is not stored: line, reason, and the row as it stood."""

    line: int
    reason: str
    fields: list[str]


class Note(NamedTuple):
    """Something to know about a row that is stored all the same."""

    line: int
    text: str
    fields: list[str]


class NoEmailColumn(Exception):
    """The header has no `email` column; without one nothing can be imported."""


@dataclass(frozen=True, slots=True)
class Header:
    """Where the columns are that we know; None where the file has no such column."""

    names: list[str]
    email: int
    name: int | None
    attributes: int | None

    @property
    def unknown(self) -> list[str]:
        known = {self.email, self.name, self.attributes}
        return [name for place, name in enumerate(self.names) if place not in known]

    @classmethod
    def read(cls, fields: Sequence[str], columns: Mapping[str, str]) -> "Header":
        """Names are compared trimmed, in any case, without non-ASCII characters (byte order marks).

        Args:
            columns: other names that stand for ours.

        Raises:
            NoEmailColumn: none of the names is `email`.
        """
        names = [_plain(field) for field in fields]
        places: dict[str, int] = {}
        for place, name in enumerate(names):
            column = columns.get(name.lower(), name.lower())
            if column in COLUMNS:
                places.setdefault(column, place)
        if "email" not in places:
            raise NoEmailColumn
        return cls(names, places["email"], places.get("name"), places.get("attributes"))

    def fields_of(self, person: Person) -> list[str]:
        """The person as a row of this file; columns that we do not know are blank."""
        fields = [""] * len(self.names)
        fields[self.email] = person.email
        if self.name is not None:
            fields[self.name] = person.name or ""
        if self.attributes is not None:
            fields[self.attributes] = person.attribs or ""
        return fields

    def fits(self, fields: Sequence[str]) -> bool:
        """Whether a line on its own is plainly a row: as many fields, and an address in its place."""
        if len(fields) != len(self.names):
            return False
        try:
            normalise_email(fields[self.email])
        except InvalidEmail:
            return False
        return True


def _plain(name: str) -> str:
    return name.encode("ascii", "ignore").decode().strip()


def check(record: Record, header: Header, rules: DomainRules) -> tuple[Person | Rejected | None, Note | None]:
    """The person in a row, or why it is rejected; None for a row of blank fields. Pure."""
    fields = record.fields
    if len(fields) != len(header.names):
        if not any(field.strip() for field in fields):
            return None, None
        if any(field.strip() for field in fields[len(header.names) :]) or len(fields) < len(header.names):
            reason = f"The row has {len(fields)} fields where the header has {len(header.names)}."
            return Rejected(record.line, reason, fields), None
    try:
        email = normalise_email(fields[header.email])
    except InvalidEmail as error:
        if not any(field.strip() for field in fields):
            return None, None
        return Rejected(record.line, f"The e-mail address is not valid. {error.reason}", fields), None
    if not rules.permits(email):
        return Rejected(record.line, "The domain of the address is on the blocklist.", fields), None
    name = fields[header.name].strip() if header.name is not None else ""
    if len(name) > LONGEST_NAME:
        return Rejected(record.line, f"The name is longer than {LONGEST_NAME} characters.", fields), None
    attribs, problem = _attributes(fields[header.attributes]) if header.attributes is not None else (None, "")
    note = Note(record.line, f"Imported without attributes: {problem}", fields) if problem else None
    return Person(record.line, email, name or None, "" if name else name_from_email(email), attribs), note


def _attributes(text: str) -> tuple[str | None, str]:
    """A JSON object in the form the database takes, or what is wrong with it."""
    text = text.strip()
    if not text:
        return None, ""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return None, f"the column is not valid JSON ({error})."
    if not isinstance(value, dict):
        return None, "the column is JSON, but not an object."
    packed = orjson.dumps(value).decode()
    if "\\u0000" in packed:
        return None, "the column holds a NUL character."
    return packed, ""
