"""Request bodies: JSON whatever the content type says, as listmonk's handlers bind them."""

from typing import Any

import orjson
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser


class Json(BaseParser):
    """A JSON body. An empty body is an empty object; NUL characters, which PostgreSQL cannot store, are refused."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        body = stream.read()
        if not body.strip():
            return {}
        try:
            data = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise ParseError(f"The body is not valid JSON: {error}") from None
        if b"\\u0000" in body:
            raise ParseError("The body holds a NUL character (\\u0000), which cannot be stored.")
        return data
