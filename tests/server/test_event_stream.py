"""GET /api/events at the running server: who may listen, and that an error's line arrives."""

import json

import pytest

from listmonk_py.accounts.models import ApiToken
from listmonk_py.workplace import log_ring
from tests import web
from tests.factories import make_user

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def server(django_db_setup, django_db_blocker):
    with web.running() as one:
        yield one


def as_user(*permissions, superadmin=False):
    user = make_user(*permissions, superadmin=superadmin, type="api")
    return {"Authorization": f"token {user.username}:{ApiToken.issue(user)}"}


def test_who_may_not_read_the_settings_hears_nothing(server, redis):
    assert server.get("/api/events").status_code == 403
    assert server.get("/api/events", headers=as_user("lists:get_all")).status_code == 403


def test_an_error_logged_anywhere_is_heard_by_all_who_listen(server, redis):
    headers = as_user("settings:get")
    answers = [server.get("/api/events?type=error", headers=headers, stream=True) for _ in range(3)]
    streams = [answer.iter_lines(chunk_size=1, decode_unicode=True) for answer in answers]
    for answer, stream in zip(answers, streams, strict=True):
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/event-stream"
        assert answer.headers["cache-control"] == "no-store"
        assert next(stream) == "retry: 3000"
        assert next(stream) == ""

    while redis.publish(log_ring.CHANNEL, "2026 ERROR somewhere: it broke") == 0:
        pass  # the server has not subscribed yet

    for answer, stream in zip(answers, streams, strict=True):
        line = next(stream)
        assert json.loads(line.removeprefix("data: ")) == {
            "id": "",
            "type": "error",
            "message": "2026 ERROR somewhere: it broke\n",
            "data": None,
        }
        answer.close()
    assert server.get("/health").status_code == 200
