"""CSV text to records, so that one broken quote costs one row and never the rows after it.

Python's csv module reads on to the end of the file when a quote is not closed. Here a record that does
not come out right is rejected as its first line alone, and reading goes on with the second.
Format: RFC 4180, with any one-character delimiter and any line end.
"""

import csv
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, TextIO

# A quoted field may hold line ends, as addresses and indented JSON do; more than this is a lost quote.
MOST_LINES_PER_RECORD = 200
LONGEST_LINE = 1_000_000

csv.field_size_limit(LONGEST_LINE)


class Record(NamedTuple):
    """One row: the number of its first line (from 1) and its fields."""

    line: int
    fields: list[str]


class Broken(NamedTuple):
    """A line that is no row: its number, the reason in a sentence, and its text."""

    line: int
    reason: str
    text: str


class _Unfinished(Exception):
    """The text ends inside a quoted field."""


@dataclass
class Reader:
    """Reads the records of one file.

    Args:
        text: opened with newline="".
        delimiter: one character.
        looks_like_row: tells whether a line on its own is a row; such a line is never swallowed by an
            open quote before it.
    """

    text: TextIO
    delimiter: str
    looks_like_row: Callable[[list[str]], bool] = lambda _: False

    def __post_init__(self) -> None:
        self._line = 0
        self._waiting: deque[str] = deque()

    def __iter__(self) -> Iterator[Record | Broken]:
        while line := self._next():
            if not line.strip():
                continue
            number = self._line
            if len(line) > LONGEST_LINE:
                yield Broken(number, "The line is longer than a million characters.", line[:200])
                continue
            problem = _unreadable(line)
            if problem:
                yield Broken(number, problem, line)
            elif '"' not in line:
                yield Record(number, line.rstrip("\r\n").split(self.delimiter))
            else:
                yield self._quoted(number, line)

    def _next(self) -> str:
        line = self._waiting.popleft() if self._waiting else self._read()
        self._line += bool(line)
        return line

    def _read(self) -> str:
        """The next line, of which the rest is thrown away when it is too long; "" at the end."""
        line = self.text.readline(LONGEST_LINE + 1)
        if len(line) > LONGEST_LINE:
            while rest := self.text.readline(LONGEST_LINE):
                if rest.endswith(("\n", "\r")):
                    break
        return line

    def _quoted(self, number: int, line: str) -> Record | Broken:
        try:
            return Record(number, self._parse(line))
        except csv.Error as error:
            return Broken(number, f"The quotes are wrong: {error}.", line)
        except _Unfinished:
            return self._over_lines(number, line)

    def _over_lines(self, number: int, first: str) -> Record | Broken:
        """A record whose quoted field holds line ends; when it is none, the lines after the first wait."""
        taken: list[str] = []
        while len(taken) < MOST_LINES_PER_RECORD and (line := self._next()):
            taken.append(line)
            if '"' not in line:
                if self.looks_like_row(line.rstrip("\r\n").split(self.delimiter)):
                    break
                continue
            if self._is_row(line):
                break
            try:
                fields = self._parse(first + "".join(taken))
            except _Unfinished:
                continue
            except csv.Error:
                break
            problem = _unreadable("".join(taken))
            return Broken(number, problem, first) if problem else Record(number, fields)
        self._waiting.extendleft(reversed(taken))
        self._line -= len(taken)
        return Broken(number, "A quote is opened and not closed.", first)

    def _is_row(self, line: str) -> bool:
        try:
            return self.looks_like_row(self._parse(line))
        except (csv.Error, _Unfinished):
            return False

    def _parse(self, text: str) -> list[str]:
        try:
            return next(csv.reader([text], delimiter=self.delimiter, strict=True))
        except csv.Error as error:
            if "unexpected end of data" in str(error):
                raise _Unfinished from None
            raise


def _unreadable(text: str) -> str:
    """Why the text cannot be stored, or blank."""
    if "\0" in text:
        return "The row holds a NUL character."
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return "The row holds bytes that are not in the file's encoding."
    return ""
