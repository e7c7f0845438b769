"""What is wrong with a template, and where."""

from typing import Any

from listmonk_py.api.errors import DomainError


class TemplateError(DomainError):
    """A template that cannot be translated, compiled or rendered.

    `line` and `column` count from 1 in the author's own source; None when the place is not known.
    """

    def __init__(self, message: str, line: int | None = None, column: int | None = None) -> None:
        self.reason = message
        self.line = line
        self.column = column
        place: dict[str, Any] = {"line": line, "column": column} if line else {}
        super().__init__(f"Line {line}: {message}" if line else message, **place)
