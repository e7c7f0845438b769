"""Recorded answers through the web server as it runs in production: what the root application answers
itself, and that what Django answers passes it unchanged.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.api import arrangements, expected_status, product, replay
from tests.api.product import Product
from tests.sinks import SmtpSink

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(180)]

# Answered by the root application, then a choice of what goes through the bridge to Django.
FILES = {
    "GET_campaign_campUUID_subUUID_px_png",
    "GET_link_linkUUID_campUUID_subUUID",
    "GET_api_events",
    "GET_health",
    "GET_api_health",
    "GET_unknown",
    "GET_robots_txt",
    "GET_api_templates_id",
    "GET_subscription_form",
    "PATCH_unknown",
    "POST_api_lists",
}
HANDLED = ("api user", "other user", "none")


def cases() -> list[Any]:
    return [
        pytest.param(case, id=case.name)
        for case in replay.recorded()
        if case.file in FILES
        and case.request["auth"] in HANDLED
        and case.name not in arrangements.ARRANGEMENTS
    ]


@pytest.fixture(scope="module")
def server(django_db_setup: None, django_db_blocker: Any, mail_server: SmtpSink) -> Iterator[Product]:
    with django_db_blocker.unblock(), product.running(mail_server, workers=False) as running:
        yield running


@pytest.mark.parametrize("case", cases())
def test_the_recorded_answer_is_given(case: replay.Case, server: Product) -> None:
    user = {"api user": "api", "other user": "robot", "none": None}[case.request["auth"]]
    body, content_type = replay.body(case)
    is_stream = case.name in arrangements.AT_THE_FRONT_DOOR

    response = server.ask(
        case.method, case.path, user=user, data=body, headers={"Content-Type": content_type}, stream=is_stream
    )

    content = next(response.iter_lines()) if is_stream else response.content
    response.close()
    wanted = expected_status.EXPECTED.get(case.name, case.response["status"])
    found = replay.problems(
        case, response.status_code, lambda name: response.headers.get(name, ""), content, as_status=wanted
    )
    assert not found, "; ".join(found)
    if is_stream:
        assert content == b"retry: 3000"
