"""Every recorded request is answered as listmonk answered it, or as docs/differences.md says."""

import base64
from typing import Any

import pytest
from django.test import Client

from listmonk_py.accounts.models import User
from tests.api import arrangements, expected_status, replay
from tests.sinks import SmtpSink

pytestmark = pytest.mark.django_db

CASES = [case for case in replay.recorded() if case.name not in arrangements.AT_THE_FRONT_DOOR]


def marked(case: replay.Case) -> Any:
    marks = []
    for name in (case.name, case.file):
        if name in expected_status.NOT_YET:
            marks = [pytest.mark.xfail(strict=True, reason=expected_status.NOT_YET[name])]
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


@pytest.mark.parametrize("case", [marked(case) for case in CASES])
def test_the_recorded_answer_is_given(
    case: replay.Case, tokens: dict[str, str], mail_server: SmtpSink
) -> None:
    client = Client()
    headers = sign_in(client, case, tokens) | case.request.get("headers", {})
    case = arrangements.arrange(case, client=client, headers=headers, sink=mail_server)
    body, content_type = replay.body(case)

    response = client.generic(
        case.method, case.path, body, content_type=content_type or "application/octet-stream", headers=headers
    )

    content = b"".join(response.streaming_content) if response.streaming else response.content
    wanted = expected_status.EXPECTED.get(case.name, case.response["status"])
    found = replay.problems(
        case, response.status_code, lambda name: response.headers.get(name, ""), content, as_status=wanted
    )
    assert not found, "; ".join(found)
