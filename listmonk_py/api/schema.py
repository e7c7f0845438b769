"""OpenAPI from our views, with the answers that every route shares.

`GET /api/schema` is the document, `/api/schema/docs` a page to browse it. Every operation names listmonk's
error envelope for the statuses it may answer, so that a generated client knows them.
"""

from typing import Any

from drf_spectacular.openapi import AutoSchema as SpectacularAutoSchema

from .permissions import Public

ERROR = {
    "type": "object",
    "properties": {"message": {"type": "string", "description": "What went wrong, for a person."}},
    "required": ["message"],
}

# Why a route may refuse. 5xx here are servers behind us that are away, and routes not built yet.
REFUSALS = {
    "400": "A field, an id or the body is wrong.",
    "404": "There is nothing at this address.",
    "409": "It exists already, or was changed meanwhile.",
    "412": "If-Match names an older version.",
    "413": "The body is too large.",
    "429": "Too many requests.",
    "501": "Not available in this version.",
    "503": "The database or Redis does not answer.",
}


class AutoSchema(SpectacularAutoSchema):
    """Names operations by method and path, and adds the shared refusals."""

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        refusals = dict(REFUSALS)
        if Public not in self.view.permission_classes:
            refusals["403"] = "Not signed in, or not permitted."
        for status, reason in refusals.items():
            operation["responses"].setdefault(status, _error(reason))
        return operation


def _error(reason: str) -> dict[str, Any]:
    return {"description": reason, "content": {"application/json": {"schema": ERROR}}}
