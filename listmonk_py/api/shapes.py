"""The words in which rooms describe their routes for OpenAPI, and where those descriptions are kept.

Each app describes its own routes in a module `api_shapes.py`, found like `tests` or `admin` by its name.
A shape is an OpenAPI 3.0 schema object. The vocabulary below keeps those modules readable.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.utils.module_loading import autodiscover_modules

Shape = dict[str, Any]

INT: Shape = {"type": "integer"}
ID: Shape = {"type": "integer", "minimum": 1}
NUMBER: Shape = {"type": "number"}
BOOL: Shape = {"type": "boolean"}
STR: Shape = {"type": "string"}
UUID: Shape = {"type": "string", "format": "uuid"}
TIME: Shape = {"type": "string", "format": "date-time"}
FREE: Shape = {"type": "object", "additionalProperties": True}
IDS: Shape = {"type": "array", "items": ID}
STRINGS: Shape = {"type": "array", "items": STR}
ANYTHING: Shape = {}
FILE: Shape = {"type": "string", "format": "binary"}

# What nearly every row of an answer begins with.
ROW: dict[str, Shape] = {"id": ID, "created_at": TIME, "updated_at": TIME}
ROW_WITH_UUID: dict[str, Shape] = {**ROW, "uuid": UUID}


def text(most: int, least: int = 0) -> Shape:
    return {"type": "string", "minLength": least, "maxLength": most}


def choice(*values: str) -> Shape:
    return {"type": "string", "enum": list(values)}


def maybe(shape: Shape) -> Shape:
    """That, or null."""
    return {"allOf": [shape], "nullable": True} if "$ref" in shape else {**shape, "nullable": True}


def array(shape: Shape) -> Shape:
    return {"type": "array", "items": shape}


def obj(_fields: Mapping[str, Shape] | None = None, /, **more: Shape) -> Shape:
    """An answer's object: these keys are always there; others may be added in later versions."""
    fields = {**(_fields or {}), **more}
    return {"type": "object", "properties": fields, "required": sorted(fields)}


def asked(*required: str, **fields: Shape) -> Shape:
    """A request's object: only `required` must be given."""
    shape: Shape = {"type": "object", "properties": fields}
    return {**shape, "required": list(required)} if required else shape


def data(shape: Shape) -> Shape:
    """listmonk's success envelope."""
    return obj(data=shape)


DONE = data(BOOL)


def page(shape: Shape) -> Shape:
    """listmonk's page envelope inside the success envelope."""
    return data(obj(results=array(shape), search=STR, query=STR, total=INT, per_page=INT, page=INT))


def keyset(shape: Shape, **more: Shape) -> Shape:
    """A page that is walked with `cursor`: the next one's is `next_cursor`, null at the end."""
    return data(obj(results=array(shape), next_cursor=maybe(INT), per_page=INT, **more))


def query(name: str, shape: Shape, *, many: bool = False, required: bool = False, about: str = "") -> Shape:
    """A parameter of the query string; `many`: it may be repeated."""
    found: Shape = {"name": name, "in": "query", "schema": array(shape) if many else shape}
    if many:
        found |= {"explode": True, "style": "form"}
    return found | ({"required": True} if required else {}) | ({"description": about} if about else {})


def chosen() -> tuple[Shape, ...]:
    """Which rows to delete at once: by id, by search, or all of them."""
    return (query("id", ID, many=True), query("query", STR), query("all", BOOL))


def listing(*orders: str) -> tuple[Shape, ...]:
    """The parameters that every paged listing takes."""
    return (
        query("page", {"type": "integer"}, about="From 1."),
        query("per_page", STR, about="A number of rows, or `all`."),
        *((query("order_by", choice(*orders)), query("order", choice("asc", "desc"))) if orders else ()),
    )


@dataclass(frozen=True)
class Route:
    """What one method of one path takes and answers.

    Attributes:
        answer: the body of a 200, or None where it is no JSON; `media_type` says what it is then.
        body: the JSON body, or a form's fields with `body_type`.
        statuses: further statuses that are no errors (redirects).
        refusals: statuses of errors that only this route answers, with the reason.
    """

    answer: Shape | None
    about: str = ""
    body: Shape | None = None
    body_type: str = "application/json"
    query: tuple[Shape, ...] = ()
    path: Mapping[str, Shape] = field(default_factory=dict)
    media_type: str = "application/json"
    statuses: tuple[int, ...] = ()
    refusals: Mapping[str, str] = field(default_factory=dict)


_components: dict[str, Shape] = {}
_routes: dict[str, Route] = {}


def component(name: str, shape: Shape) -> Shape:
    """Give `shape` a name in the document; the reference to it."""
    _components[name] = shape
    return {"$ref": f"#/components/schemas/{name}"}


def describe(routes: Mapping[str, Route]) -> None:
    """Add routes, keyed by method and path with `{}` for each parameter: `GET /api/lists/{}`."""
    _routes.update(routes)


@cache
def _discover() -> None:
    autodiscover_modules("api_shapes")


def components() -> Mapping[str, Shape]:
    _discover()
    return _components


def route(key: str) -> Route | None:
    """The description of a route, or None when nobody wrote one."""
    _discover()
    return _routes.get(key)
