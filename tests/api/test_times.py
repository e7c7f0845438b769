"""Times that ISO 8601 allows and PostgreSQL does not."""

import pytest

from tests.factories import call, make_api_client, make_list

pytestmark = pytest.mark.django_db

FAR_ZONE = "2026-01-31T00:00:00-21:34"
BEYOND = "0001-01-01T00:00:00+10:00"


@pytest.fixture
def client():
    return make_api_client(superadmin=True)


@pytest.mark.parametrize(
    "path",
    [
        "/api/maintenance/analytics/views/export?since=",
        "/api/campaigns/analytics/views?id=1&to=2035-01-01&from=",
    ],
)
def test_a_zone_that_postgresql_refuses_is_only_another_way_to_write_utc(client, path):
    response = client.get(path + FAR_ZONE.replace("+", "%2B"))

    assert response.status_code == 200
    assert b"".join(response) is not None


def test_what_no_calendar_holds_is_refused(client):
    path = "/api/maintenance/subscriptions/unconfirmed?before_date="
    status, answer = call(client, "DELETE", path + BEYOND.replace("+", "%2B"))

    assert status == 400
    assert "before_date" in answer["message"]


def test_a_campaign_takes_a_date_from_any_zone(client):
    fields = {"name": "n", "subject": "s", "lists": [make_list().pk], "send_at": "2040-01-31T00:00:00-21:34"}

    status, answer = call(client, "POST", "/api/campaigns", fields)

    assert status == 200
    assert answer["data"]["send_at"].startswith("2040-01-31T21:34:00")
