"""Null in a request stands for a field that is not given: clients send all the fields they know."""

import pytest

from campaigns import starter
from campaigns.models import Template
from campaigns.serializers import CampaignIn, TemplateIn
from campaigns.transactional.serializers import TxIn
from tests.factories import call, make_api_client, make_list

pytestmark = pytest.mark.django_db


@pytest.fixture
def client():
    starter.install()
    return make_api_client(superadmin=True)


def test_a_campaign_is_made_with_all_other_fields_null(client):
    fields = dict.fromkeys(CampaignIn().fields) | {"name": "n", "subject": "s", "lists": [make_list().pk]}

    status, answer = call(client, "POST", "/api/campaigns", fields)

    assert status == 200, answer
    made = answer["data"]
    assert (made["type"], made["content_type"], made["messenger"]) == ("regular", "richtext", "email")
    assert made["template_id"] == Template.objects.default().pk
    assert (made["tags"], made["headers"], made["attribs"], made["archive"]) == ([], [], {}, False)


def test_a_campaign_keeps_what_is_null_in_a_change(client):
    lists = [make_list().pk]
    fields = {"name": "n", "subject": "s", "lists": lists, "body": "<p>b</p>", "content_type": "html"}
    made = call(client, "POST", "/api/campaigns", fields)[1]["data"]

    nulls = dict.fromkeys(CampaignIn().fields) | {"lists": lists}
    status, answer = call(client, "PUT", f"/api/campaigns/{made['id']}", nulls)

    assert status == 200, answer
    changed = answer["data"]
    assert {key: changed[key] for key in ("name", "subject", "body", "content_type", "from_email")} == {
        key: made[key] for key in ("name", "subject", "body", "content_type", "from_email")
    }


def test_a_template_is_made_and_changed_with_nulls(client):
    nulls = dict.fromkeys(TemplateIn().fields)
    fields = {**nulls, "name": "T", "type": "campaign", "body": '{{ template "content" . }}'}

    status, answer = call(client, "POST", "/api/templates", fields)
    assert status == 200, answer
    status, answer = call(client, "PUT", f"/api/templates/{answer['data']['id']}", {**nulls, "name": "U"})

    assert status == 200, answer
    assert (answer["data"]["name"], answer["data"]["body"]) == ("U", '{{ template "content" . }}')


def test_a_transactional_request_may_hold_nulls(client):
    nulls = dict.fromkeys(TxIn().fields)

    status, answer = call(client, "POST", "/api/tx", {**nulls, "subscriber_email": "nobody@example.com"})

    assert status == 400
    assert "template" in answer["message"].lower()
