"""Templates through the API."""

import pytest

from campaigns import starter
from campaigns.models import Campaign, Template
from tests.factories import call, make_api_client

pytestmark = pytest.mark.django_db
BODY = '<html><body><h1>{{ .Campaign.Subject }}</h1>{{ template "content" . }}{{ TrackView }}</body></html>'


@pytest.fixture
def client():
    starter.install()
    return make_api_client(superadmin=True)


def test_the_starter_templates_are_in_listmonks_order(client):
    rows = call(client, "GET", "/api/templates?no_body=true")[1]["data"]

    assert [row["type"] for row in rows] == ["campaign", "campaign", "tx", "campaign_visual"]
    assert [row["is_default"] for row in rows] == [True, False, False, False]
    assert all("body" not in row for row in rows)


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"name": "x", "type": "campaign", "body": "no"}, "placeholder"),
        ({"name": "x", "type": "tx", "body": "x"}, "subject"),
        ({"type": "campaign", "body": BODY}, "name"),
        ({"name": "x", "type": "tx", "subject": "s", "body": "{{ .Tx."}, "template body"),
        ({"name": "x", "type": "weird", "body": "x"}, "type"),
        ({"name": "x", "body": "x"}, "type"),
        ({"name": 1, "type": "campaign", "body": BODY}, "name"),
    ],
)
def test_what_is_wrong_is_named(client, fields, word):
    status, answer = call(client, "POST", "/api/templates", fields)

    assert status == 400
    assert word in answer["message"]
    assert Template.objects.count() == 4


def test_put_keeps_blank_fields_and_the_type(client):
    made = call(client, "POST", "/api/templates", {"name": "Own", "type": "campaign", "body": BODY})[1][
        "data"
    ]

    changed = call(client, "PUT", f"/api/templates/{made['id']}", {"name": "Own 2", "type": "tx"})[1]["data"]

    assert (changed["name"], changed["type"], changed["body"], changed["subject"]) == (
        "Own 2",
        "campaign",
        BODY,
        "",
    )


def test_the_default_moves_and_never_gets_lost(client):
    made = call(client, "POST", "/api/templates", {"name": "Own", "type": "campaign", "body": BODY})[1][
        "data"
    ]
    tx = Template.objects.get(type="tx")

    assert call(client, "PUT", f"/api/templates/{made['id']}/default", {})[0] == 200
    assert call(client, "PUT", "/api/templates/999/default", {})[0] == 400
    assert call(client, "PUT", f"/api/templates/{tx.pk}/default", {})[0] == 400

    assert Template.objects.default().pk == made["id"]


def test_campaigns_of_a_deleted_template_get_the_default(client):
    made = call(client, "POST", "/api/templates", {"name": "Own", "type": "campaign", "body": BODY})[1][
        "data"
    ]
    Campaign.objects.update(template_id=made["id"])

    assert call(client, "DELETE", f"/api/templates/{made['id']}")[0] == 200
    assert call(client, "DELETE", f"/api/templates/{Template.objects.default().pk}")[0] == 400
    assert call(client, "DELETE", "/api/templates/999")[0] == 400

    assert Campaign.objects.get().template == Template.objects.default()


@pytest.mark.parametrize("kind", ["campaign", "tx", "campaign_visual"])
def test_each_kind_has_a_preview(client, kind):
    template = Template.objects.filter(type=kind).first()

    response = client.get(f"/api/templates/{template.pk}/preview")

    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/html; charset=UTF-8"
    assert "sandbox" in response.headers["Content-Security-Policy"]
    assert b"{{" not in response.content


def test_unsaved_text_is_previewed_from_a_form_only(client):
    form = {"template_type": "campaign", "body": BODY}

    assert client.post("/api/templates/preview", form).status_code == 200
    assert client.post("/api/templates/preview", form, "application/json").status_code == 400
