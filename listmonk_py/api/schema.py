"""OpenAPI from what the rooms say about their routes (`shapes`), with the answers that every route shares.

`GET /api/schema` is the document, `/api/schema/docs` a page to browse it. Every operation names listmonk's
error envelope for the statuses it may answer, so that a generated client knows them.
"""

import re
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema as SpectacularAutoSchema
from drf_spectacular.plumbing import ResolvedComponent

from . import shapes
from .permissions import Public

ERROR = shapes.component("Error", shapes.obj(message=shapes.STR))

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
PARAMETER = re.compile(r"\{(\w+)\}")
NUMBERS = re.compile(r"(^|_)(id|pk)($|_)")


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "listmonk_py.api.authentication.ApiTokenHeader"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        about = "`token user:token`. HTTP Basic with the same two is taken as well."
        return {"type": "apiKey", "in": "header", "name": "Authorization", "description": about}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "listmonk_py.api.authentication.SessionCookie"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "apiKey", "in": "cookie", "name": "session"}


class AutoSchema(SpectacularAutoSchema):
    """An operation as its room describes it; one without a description is told in general terms."""

    @property
    def described(self) -> shapes.Route:
        key = f"{self.method} {PARAMETER.sub('{}', self.path)}"
        return shapes.route(key) or shapes.Route(shapes.ANYTHING)

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        operation["operationId"] = operation_id(self.method, self.path)  # whatever the view calls it
        refusals = {**REFUSALS, **self.described.refusals}
        if Public not in self.view.permission_classes:
            refusals["403"] = "Not signed in, or not permitted."
        for status, reason in refusals.items():
            operation["responses"].setdefault(status, _error(reason))
        return operation

    def get_operation_id(self) -> str:
        return operation_id(self.method, self.path)

    def get_description(self) -> str:  # type: ignore[override]
        return self.described.about or super().get_description()

    def get_tags(self) -> list[str]:
        parts = [part for part in self.path.split("/") if part and part != "api"]
        return [parts[0] if parts else "api"]

    def _get_parameters(self) -> list[dict[str, Any]]:
        given = self.described.path
        in_path = [
            {"name": name, "in": "path", "required": True, "schema": given.get(name) or _usual(name)}
            for name in PARAMETER.findall(self.path)
        ]
        return in_path + list(self.described.query)

    def _get_request_body(self, direction: str = "request") -> dict[str, Any] | None:
        body = self.described.body
        if self.method not in ("POST", "PUT", "PATCH", "DELETE") or body is None:
            return None
        return {"content": {self.described.body_type: {"schema": body}}, "required": "required" in body}

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        self._name_components()
        route = self.described
        ok: dict[str, Any] = {"description": "Done."}
        if route.answer is not None:
            ok["content"] = {route.media_type: {"schema": route.answer}}
        elif route.media_type != "application/json":
            ok["content"] = {route.media_type: {"schema": shapes.STR}}
        return {"200": ok, **{str(status): {"description": "Elsewhere."} for status in route.statuses}}

    def _name_components(self) -> None:
        for name, shape in shapes.components().items():
            self.registry.register_on_missing(
                ResolvedComponent(name=name, type=ResolvedComponent.SCHEMA, schema=shape, object=name)
            )


def operation_id(method: str, path: str) -> str:
    """`GET /api/lists/{list_id}` is `get_lists_by_list_id`: unique, because method and path are."""
    words = PARAMETER.sub(r"by_\1", path.removeprefix("/api")).strip("/")
    return f"{method.lower()}_{re.sub(r'[^a-zA-Z0-9]+', '_', words)}"


def _usual(name: str) -> dict[str, Any]:
    return shapes.ID if NUMBERS.search(name) else shapes.STR


def _error(reason: str) -> dict[str, Any]:
    return {"description": reason, "content": {"application/json": {"schema": ERROR}}}
