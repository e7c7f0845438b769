"""The OpenAPI document: complete, valid, and true of what the routes answer."""

import os
from typing import Any

import pytest
import requests
import schemathesis
from django.db import transaction
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import load_all_checks
from schemathesis.config import SchemathesisConfig
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from urllib3 import HTTPResponse

from listmonk_py.api import shapes
from listmonk_py.api.schema import PARAMETER, operation_id
from tests.api import arrangements

pytestmark = pytest.mark.django_db

EXAMPLES = int(os.environ.get("SCHEMA_EXAMPLES", "6"))
# Holds its connection open; asked in test_front_door.py.
STREAMS = {"get_events"}
# They reach out to hosts that the request names.
OUTWARD = {"post_settings_smtp_test", "post_settings_mailbox_test"}


def document() -> dict[str, Any]:
    return SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call,no-any-return]


DOCUMENT = document()
OPERATIONS = [
    (method.upper(), path)
    for path, methods in DOCUMENT["paths"].items()
    for method in methods
    if operation_id(method, path) not in STREAMS | OUTWARD
]


def test_the_document_is_valid_and_nothing_was_guessed():
    GENERATOR_STATS.reset()
    with GENERATOR_STATS.silence():
        made = document()

    validate_schema(made)
    assert not GENERATOR_STATS._warn_cache
    assert not GENERATOR_STATS._error_cache


def test_every_route_is_described_and_nothing_else():
    made = {
        f"{method.upper()} {PARAMETER.sub('{}', path)}"
        for path, methods in DOCUMENT["paths"].items()
        for method in methods
    }
    shapes.components()

    not_in_document = {"GET /api/public/captcha/altcha"}  # a plain view
    assert {name for name in made if shapes.route(name) is None} == set()
    assert shapes._routes.keys() - made <= not_in_document


def test_operations_have_names_of_their_own():
    names = [one["operationId"] for methods in DOCUMENT["paths"].values() for one in methods.values()]

    assert len(names) == len(set(names))


def test_the_document_and_its_page_are_served_to_anybody(client):
    assert client.get("/api/schema").status_code == 200
    assert b"swagger" in client.get("/api/schema/docs").content.lower()


def can_be_wrong(method: str, path: str) -> bool:
    operation = DOCUMENT["paths"][path][method.lower()]
    return bool(operation.get("parameters") or operation.get("requestBody"))


@pytest.fixture(scope="module")
def described() -> Any:
    load_all_checks()
    return schemathesis.openapi.from_dict(DOCUMENT, config=SchemathesisConfig())


def answered(case: schemathesis.Case, authorization: str) -> requests.Response:
    """Ask through Django's test client, which stays in the test's transaction."""
    request = requests.Request(**case.as_transport_kwargs(base_url="http://testserver")).prepare()
    content_type = request.headers.get("Content-Type") or "application/octet-stream"
    body = request.body.encode() if isinstance(request.body, str) else request.body or b""
    ours = Client().generic(
        request.method or "GET", request.path_url, body, content_type=content_type,
        headers={"Authorization": authorization},
    )  # fmt: skip
    response = requests.Response()
    response.status_code, response.request = ours.status_code, request
    response._content = b"".join(ours.streaming_content) if ours.streaming else ours.content
    response.headers.update(ours.headers)
    response.url = request.url or ""
    response.raw = HTTPResponse(body=response._content, headers=dict(ours.headers), status=ours.status_code)
    return response


@pytest.mark.slow
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=[f"{m} {p}" for m, p in OPERATIONS])
def test_whatever_is_asked_is_answered_as_the_document_says(method, path, mode, described, tokens):
    arrangements.WEBHOOKS()
    authorization = f"token api:{tokens['api']}"

    @seed(1)
    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck), verbosity=Verbosity.quiet,
    )  # fmt: skip
    @given(case=described[path][method].as_strategy(generation_mode=mode))
    def check(case: schemathesis.Case) -> None:
        with transaction.atomic():
            response = answered(case, authorization)
            transaction.set_rollback(True)
        told = f"{method} {case.formatted_path} {case.query} {case.body}"
        assert response.status_code < 500 or response.status_code in (501, 503), (told, response.content)
        case.validate_response(
            response,
            checks=[status_code_conformance, content_type_conformance, response_schema_conformance],
        )

    if mode is GenerationMode.NEGATIVE and not can_be_wrong(method, path):
        pytest.skip("takes nothing that could be wrong")
    try:
        check()
    except Unsatisfiable:
        pytest.skip("whatever it is given may be right")
