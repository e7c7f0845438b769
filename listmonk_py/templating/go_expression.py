"""Parsing the expression inside one Go action."""

from typing import Protocol

from listmonk_py.templating.errors import TemplateError
from listmonk_py.templating.go_lexer import Word
from listmonk_py.templating.go_syntax import Call, Dot, Expression, Field, Literal, Root, Use, Variable

CONSTANTS = {"true": True, "false": False, "nil": None}

# Deeper parentheses are no mail, and would end in Python's own recursion limit.
MAX_NESTING = 50


class Names(Protocol):
    """What an expression may refer to."""

    def find(self, word: Word) -> Variable: ...

    def knows(self, name: str) -> bool: ...


class Cursor:
    """Reads the expression of one action, word by word."""

    def __init__(self, found: list[Word], parser: Names, line: int) -> None:
        self._words = found
        self._parser = parser
        self.line = line
        self.position = 0
        self._depth = 0

    def _peek(self) -> Word | None:
        return self._words[self.position] if self.position < len(self._words) else None

    def _next(self) -> Word:
        word = self._peek()
        if word is None:
            raise TemplateError("The expression ends too early.", self.line)
        self.position += 1
        return word

    def at_end(self) -> bool:
        return self._peek() is None

    def expect_end(self) -> None:
        word = self._peek()
        if word is not None:
            raise TemplateError(f'Unexpected "{word.text}".', word.line, word.column)

    def word_if(self, *texts: str) -> str | None:
        word = self._peek()
        if word is None or word.text not in texts:
            return None
        self.position += 1
        return word.text

    def string(self, otherwise: str) -> str:
        word = self._peek()
        if word is None or word.kind != "string":
            raise TemplateError(f"{otherwise}.", self.line)
        self.position += 1
        return str(word.value)

    def assignment(self) -> tuple[Word, str] | None:
        """Read `$x :=` or `$x =` when it stands here."""
        at = self.position
        if len(self._words) < at + 2 or self._words[at].kind != "variable":
            return None
        mark = self._words[at + 1].text
        if mark not in (":=", "="):
            return None
        self.position += 2
        return self._words[at], mark

    def range_names(self) -> list[Word]:
        """Read `$v :=` or `$k, $v :=` when it stands here."""
        at = self.position
        texts = [word.text for word in self._words[at : at + 4]]
        if len(texts) == 4 and texts[1] == "," and texts[3] in (":=", "="):
            self.position += 4
            names = [self._words[at], self._words[at + 2]]
        elif len(texts) >= 2 and texts[1] in (":=", "="):
            self.position += 2
            names = [self._words[at]]
        else:
            return []
        if "=" in (texts[1], texts[3] if len(names) == 2 else ""):
            raise TemplateError("Declare the variables of a range with := instead of =.", self.line)
        if any(word.kind != "variable" for word in names):
            raise TemplateError("A range declares variables, such as $item.", self.line)
        return names

    def pipeline(self) -> Expression:
        """`command | command ...`: each result is the last argument of the next."""
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise TemplateError(f"Parentheses are nested deeper than {MAX_NESTING}.", self.line)
        value = self._command(None)
        while self.word_if("|"):
            value = self._command(value)
        self._depth -= 1
        return value

    def _command(self, piped: Expression | None) -> Expression:
        word = self._next()
        if word.kind == "name" and word.text not in CONSTANTS:
            return self._call(word, piped)
        value = self._operand(word)
        arguments = self._arguments(piped)
        if not arguments:
            return value
        if isinstance(value, Field):
            return Field(value.base, value.name, value.line, arguments)
        raise TemplateError(f'"{word.text}" is no function: it takes no arguments.', word.line, word.column)

    def _call(self, word: Word, piped: Expression | None) -> Expression:
        name = word.text
        following = self._peek()
        if name == "L" and following is not None and following.kind == "field" and not following.spaced:
            self.position += 1
            name = f"L.{following.value}"
        elif not self._parser.knows(name):
            raise TemplateError(f'There is no function "{name}".', word.line, word.column)
        return Call(name, self._arguments(piped), word.line)

    def _arguments(self, piped: Expression | None) -> tuple[Expression, ...]:
        arguments: list[Expression] = []
        while (word := self._peek()) is not None and word.text not in ("|", ")"):
            self.position += 1
            if word.kind == "name" and word.text not in CONSTANTS:
                if not self._parser.knows(word.text):
                    raise TemplateError(f'There is no function "{word.text}".', word.line, word.column)
                arguments.append(Call(word.text, (), word.line))
            else:
                arguments.append(self._operand(word))
        return (*arguments, piped) if piped is not None else tuple(arguments)

    def _operand(self, word: Word) -> Expression:
        value: Expression
        if word.text == "(":
            value = self.pipeline()
            if self._next().text != ")":
                raise TemplateError("A parenthesis is not closed.", word.line, word.column)
        elif word.text == ".":
            value = Dot()
        elif word.kind == "field":
            value = Field(Dot(), word.value, word.line)
        elif word.kind == "variable":
            value = Use(self._parser.find(word)) if word.value else Root()
        elif word.kind in ("string", "number"):
            value = Literal(word.value)
        elif word.text in CONSTANTS:
            value = Literal(CONSTANTS[word.text])
        else:
            raise TemplateError(f'Unexpected "{word.text}".', word.line, word.column)
        while (following := self._peek()) is not None and following.kind == "field" and not following.spaced:
            self.position += 1
            value = Field(value, following.value, following.line)
        return value
