"""One recorded request, asked with Django's test client; the answer held against the recording and against
our own OpenAPI document."""

import base64
from typing import Any

import pytest
from django.test import Client

from listmonk_py.accounts.models import User
from tests.api import arrangements, documented, expected_status, replay
from tests.sinks import SmtpSink


def cases(*methods: str) -> list[Any]:
    """The recorded cases of these methods as parameters of a test."""
    return [
        _marked(case)
        for case in replay.recorded()
        if case.method in methods and case.name not in arrangements.AT_THE_FRONT_DOOR
    ]


def _marked(case: replay.Case) -> Any:
    reason = expected_status.NOT_YET.get(case.name) or expected_status.NOT_YET.get(case.file)
    marks = [pytest.mark.xfail(strict=True, reason=reason)] if reason else []
    return pytest.param(case, id=case.name, marks=marks)


def sign_in(client: Client, case: replay.Case, tokens: dict[str, str]) -> dict[str, str]:
    """The credentials that the request came with: headers to send, or a session in `client`."""

    def basic(user: str, secret: str) -> dict[str, str]:
        return {"Authorization": "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()}

    match case.request["auth"]:
        case "api user":
            return basic("api", tokens["api"])
        case "other user":
            return basic("robot", tokens["robot"])
        case "session cookie":
            client.force_login(User.objects.get(username="carla"))
            return {"Origin": "http://testserver"}
        case "none":
            return {}
        case "Basic, wrong token":
            return basic("api", "wrong")
        case "token api:TOKEN":
            return {"Authorization": f"token api:{tokens['api']}"}
        case "good Basic header and a session cookie that is no session":
            client.cookies["session"] = "nonsense"
            return basic("api", tokens["api"])
        case scheme:
            return {"Authorization": scheme}


def check(case: replay.Case, tokens: dict[str, str], sink: SmtpSink) -> None:
    """Ask what was asked when `case` was recorded, and compare the answers."""
    client = Client()
    headers = sign_in(client, case, tokens) | case.request.get("headers", {})
    case = arrangements.arrange(case, client=client, headers=headers, sink=sink)
    body, content_type = replay.body(case)

    response = client.generic(
        case.method, case.path, body, content_type=content_type or "application/octet-stream", headers=headers
    )

    content = b"".join(response.streaming_content) if response.streaming else response.content
    wanted = expected_status.EXPECTED.get(case.name, case.response["status"])
    found = replay.problems(
        case, response.status_code, lambda name: response.headers.get(name, ""), content, as_status=wanted
    )
    if response.status_code == 200 and response.headers.get("Content-Type", "") == "application/json":
        found += documented.contradictions(case.method, case.path, content)
    assert not found, "; ".join(found)
