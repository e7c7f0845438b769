"""Every page of the admin opens, for those who may, and for nobody else."""

from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from listmonk_py.configuration import runtime
from subscribers.models import Subscriber
from tests.factories import make_list, make_subscriber, make_user

pytestmark = pytest.mark.django_db

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)


def client_of(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def address(model: Any, page: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_the_owner_opens_every_listing_and_every_form(model: Any) -> None:
    client = client_of(make_user(superadmin=True))

    listing = client.get(address(model, "changelist"), follow=True)
    form = client.get(address(model, "add"), follow=True)

    assert listing.status_code == 200
    assert form.status_code in (200, 403)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_somebody_without_permissions_opens_none(model: Any) -> None:
    client = client_of(make_user())

    assert client.get(address(model, "changelist")).status_code == 403
    assert client.get(address(model, "add")).status_code == 403


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/admin/campaigns/7", "/admin/campaigns/campaign/7/change/"),
        ("/admin/campaigns/new", "/admin/campaigns/campaign/add/"),
        ("/admin/subscribers", "/admin/subscribers/subscriber/"),
        ("/admin/subscribers/lists/3?subscription_status=confirmed", "/admin/subscribers/subscriber/"),
        ("/admin/lists", "/admin/subscribers/list/"),
        ("/admin/settings", "/admin/configuration/setting/"),
        ("/admin/campaigns/campaign", "/admin/campaigns/campaign/"),
    ],
)
def test_listmonks_addresses_lead_to_our_pages(path: str, target: str) -> None:
    answer = client_of(make_user(superadmin=True)).get(path)

    assert answer.status_code == 302
    assert answer["Location"].split("?")[0] == target


def test_strangers_are_led_to_the_sign_in_page_and_back() -> None:
    make_user(superadmin=True)

    answer = Client().get("/admin/campaigns/campaign/", follow=True)

    assert answer.redirect_chain[-1][0] == "/admin/login?next=%2Fadmin%2Fcampaigns%2Fcampaign%2F"
    assert b"Password" in answer.content


def test_an_unknown_page_is_not_found() -> None:
    client = client_of(make_user(superadmin=True))

    assert client.get("/admin/there/is/none").status_code == 404
    assert client.get("/admin/there/is/none/").status_code == 404


def test_the_sidebar_shows_what_one_may_see_and_marks_where_one_is() -> None:
    client = client_of(make_user("campaigns:get_all"))

    items = client.get("/admin/campaigns/campaign/").context["sidebar_navigation"]
    shown = {item["title"]: item["active"] for group in items for item in group["items"]}

    assert shown == {"Dashboard": False, "Campaigns": True}


@pytest.mark.parametrize(
    ("page", "permission"), [("maintenance", "settings:maintain"), ("logs", "settings:get")]
)
def test_pages_without_a_table_have_their_permission(page: str, permission: str) -> None:
    assert client_of(make_user()).get(f"/admin/{page}/").status_code == 403
    assert client_of(make_user(permission)).get(f"/admin/{page}/").status_code == 200


def test_maintenance_deletes_what_was_asked_for_and_says_how_many() -> None:
    news = make_list()
    kept, orphan = make_subscriber(lists={news: "confirmed"}), make_subscriber()
    client = client_of(make_user("settings:maintain"))

    refused = client.post("/admin/maintenance/", {"what": "unconfirmed", "before": "yesterday"}, follow=True)
    done = client.post("/admin/maintenance/", {"what": "orphan"}, follow=True)

    assert b"Choose the date" in refused.content
    assert b"1 subscribers are deleted" in done.content
    assert list(Subscriber.objects.all()) == [kept] != [orphan]


def test_staff_may_style_the_admin() -> None:
    client = client_of(make_user(superadmin=True))
    assert b"/admin/custom.css" not in client.get("/admin/").content

    runtime.save({"appearance.admin.custom_css": "body { color: red }"})

    assert b'href="/admin/custom.css"' in client.get("/admin/").content
