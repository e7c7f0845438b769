"""Who gets in where: every route of the product against every kind of caller.

The routes come from the URL resolver and the admin's registry, so one that is added without a word about
who may use it fails here.
"""

import inspect

import orjson
import pytest
from django.contrib import admin
from django.db import transaction
from django.test import Client

from bounces.models import Bounce
from campaigns.models import Campaign, CampaignList
from listmonk_py.accounts.admin_base import StaffAdmin
from listmonk_py.accounts.permissions import LIST_PERMISSIONS, USER_PERMISSIONS
from listmonk_py.api.permissions import needed
from listmonk_py.configuration import runtime
from subscribers.models import List, Subscriber, Subscription
from tests.api import matrix
from tests.factories import PASSWORD, make_api_client, make_list, make_subscriber, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]

# Reviewed: open to strangers on purpose (contract 3.14, 3.15, 4).
PUBLIC_API = {
    "api/public/archive",
    "api/public/captcha/altcha",
    "api/public/lists",
    "api/public/subscription",
    "webhooks/anymail/<str:provider>/tracking",
    "webhooks/service/<str:service>",
}
PUBLIC_PAGES = {
    "",
    "robots.txt",
    "public/custom.css",
    "public/custom.js",
    "public/static/<str:name>",
    "subscription/form",
    "subscription/optin/<str:subscriber>",
    "subscription/export/<str:subscriber>",
    "subscription/wipe/<str:subscriber>",
    "subscription/<str:campaign>/<str:subscriber>",
    "campaign/<str:campaign>/<str:subscriber>",
    "campaign/<str:campaign>/<str:subscriber>/px.png",
    "link/<str:link>/<str:campaign>/<str:subscriber>",
    "archive",
    "archive.xml",
    "archive/latest",
    "archive/<str:name>",
    "health",
    "ready",
    "metrics",
    "admin/login",
    "admin/login/twofa",
    "admin/forgot",
    "admin/reset",
    "admin/logout",
    "admin/account/inactive/",
    # Answers a challenge; the key is what lets somebody in.
    "admin/account/2fa/webauthn/login/",
    "auth/oidc",
}
# Reviewed: `campaigns:get_analytics` alone opens the counts of campaigns on readable lists.
OWN_RULE = {"AnalyticsView"}
# Uploaded images are shown in mails.
UPLOADS = "^uploads/"
ROUTES = matrix.routes()
API_CALLS = [pytest.param(route, method, id=f"{method} {route}") for route, method in matrix.api_calls()]
PAGES = [
    route
    for route in ROUTES
    if not route.is_api and route.pattern not in PUBLIC_PAGES and not route.pattern.startswith(UPLOADS)
]


@pytest.fixture(autouse=True)
def webhooks_on():
    runtime.save({"bounce.enabled": True, "bounce.webhooks_enabled": True})
    make_user(superadmin=True)  # somebody has set the installation up


# --- What is stated --------------------------------------------------------------------------------


@pytest.mark.parametrize(("route", "method"), API_CALLS)
def test_every_api_view_says_who_may_call_it(route, method):
    assert route.view is not None, "is no ApiView"
    if route.is_public:
        assert route.pattern in PUBLIC_API, "is public, and nobody has reviewed that"
        return
    needs = needed(route.view, method)
    assert needs is not None, "states no `needs` for this method"
    unknown = set(needs) - set(USER_PERMISSIONS) - set(LIST_PERMISSIONS)
    assert not unknown


def test_the_reviewed_lists_hold_no_dead_names():
    patterns = {route.pattern for route in ROUTES}

    assert patterns >= PUBLIC_API
    assert PUBLIC_PAGES - patterns <= {"archive/latest"}


@pytest.mark.parametrize(
    "view",
    sorted(
        {route.view for route in ROUTES if hasattr(route.view, "get_queryset")},
        key=lambda view: view.__qualname__,
    ),
    ids=lambda view: view.__qualname__,
)
def test_every_queryset_of_a_view_asks_what_the_user_may_see(view):
    source = inspect.getsource(view.get_queryset)
    if view.__qualname__ in OWN_RULE:
        return

    assert "visible_to(" in source or "manageable_by(" in source


@pytest.mark.parametrize(
    "model_admin", admin.site._registry.values(), ids=lambda one: one.model._meta.label_lower
)
def test_every_admin_class_shows_what_the_user_may_see(model_admin):
    assert isinstance(model_admin, StaffAdmin)
    source = inspect.getsource(type(model_admin).get_queryset)
    assert "super().get_queryset(request)" in source
    if type(model_admin).get_queryset is StaffAdmin.get_queryset:
        assert "visible_to(request.user)" in source


# --- Strangers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("route", "method"), API_CALLS)
def test_strangers_and_wrong_tokens_are_refused(route, method):
    if route.is_public:
        pytest.skip("public")
    callers = (
        Client(),
        Client(headers={"Authorization": "token nobody:wrong"}),
        Client(headers={"Authorization": "Bearer x"}),
        Client(headers={"Cookie": "session=nonsense"}),
    )
    for client in callers:
        status, body = matrix.ask(client, method, route.at({}))

        assert status == 403
        assert set(orjson.loads(body)) == {"message"}


@pytest.mark.parametrize("route", PAGES, ids=str)
def test_pages_that_are_not_public_lead_strangers_to_signing_in(route):
    for method in ("GET", "POST"):
        response = Client().generic(method, route.at({}))

        assert response.status_code in (302, 307, 403, 404)
        if response.status_code in (302, 307):
            assert response["Location"].startswith(("/admin", "/static/"))


# --- Somebody without permissions ------------------------------------------------------------------


@pytest.mark.parametrize(("route", "method"), API_CALLS)
def test_without_permissions_only_what_needs_none_is_answered(route, method):
    if route.is_public:
        pytest.skip("public")
    client = make_api_client()

    status, body = matrix.ask(client, method, route.at({}))

    if needed(route.view, method):
        assert status == 403
        assert b"permission denied" in body
    else:
        assert status < 500 or status in (501, 503)


@pytest.mark.parametrize(
    "model_admin", admin.site._registry.values(), ids=lambda one: one.model._meta.label_lower
)
def test_staff_without_permissions_see_nothing_in_the_admin(model_admin):
    browser, user = Client(), make_user()
    browser.post("/admin/login", {"username": user.username, "password": PASSWORD})
    meta = model_admin.model._meta
    base = f"/admin/{meta.app_label}/{meta.model_name}/"

    for path in (base, f"{base}add/", f"{base}1/change/", f"{base}1/delete/", f"{base}1/history/"):
        response = browser.get(path, follow=True)
        assert response.status_code == 403 or response.request["PATH_INFO"] == "/admin/", path


# --- The Super Admin -------------------------------------------------------------------------------


@pytest.mark.parametrize(("route", "method"), API_CALLS)
def test_the_super_admin_is_never_refused_and_nothing_breaks(route, method):
    client = make_api_client(superadmin=True)

    for body in (
        b"{}",
        b"[]",
        b'"x"',
        b"{",
        b'{"id": "x", "name": 5, "lists": "x", "ids": ["x"], "status": []}',
    ):
        with transaction.atomic():
            status, answer = matrix.ask(client, method, route.at({}), body)
            transaction.set_rollback(True)

        assert status < 500 or status in (501, 503), answer
        assert status not in (401, 403), answer


# --- Somebody with every permission on one list, asking about another ------------------------------

MARK = "zanzibar"
WITHOUT_ALL = tuple(
    name
    for name in USER_PERMISSIONS
    if not name.endswith("_all") and not name.startswith(("users:", "roles:", "settings:", "tx:"))
)


@pytest.fixture
def other(redis):
    """What belongs to a list that the caller may not see; everything that names it has the mark."""
    # Its tags stay visible to who shares a person with it (contract 3.2).
    hidden = make_list(name=f"List {MARK}", type="private", description=MARK)
    person = make_subscriber(
        email=f"bea@{MARK}.example", name=f"Bea {MARK}", attribs={"city": MARK}, lists={hidden: "confirmed"}
    )
    campaign = Campaign.objects.create(
        name=f"Campaign {MARK}",
        subject=MARK,
        from_email="news@example.com",
        body=f"<p>{MARK}</p>",
        content_type="html",
        messenger="email",
    )
    CampaignList.objects.create(campaign=campaign, list=hidden, list_name=hidden.name)
    bounce = Bounce.objects.create(subscriber=person, campaign=campaign, source=MARK, meta={"x": MARK})
    return {"list": hidden, "person": person, "campaign": campaign, "bounce": bounce}


def rows(other):
    """Everything of the other list, as it is stored."""
    person, hidden, campaign = other["person"].pk, other["list"].pk, other["campaign"].pk
    return [
        list(List.objects.filter(pk=hidden).values()),
        list(Subscriber.objects.filter(pk=person).values()),
        list(Subscription.objects.filter(list_id=hidden).values()),
        list(Subscription.objects.filter(subscriber_id=person).values()),
        list(Campaign.objects.filter(pk=campaign).values()),
        list(CampaignList.objects.filter(list_id=hidden).values()),
        list(Bounce.objects.filter(subscriber_id=person).values()),
    ]


def addressed(route, other):
    """Parameters that name what belongs to the other list."""
    kinds = {"subscribers": "person", "lists": "list", "campaigns": "campaign", "bounces": "bounce"}
    kind = kinds.get(route.pattern.split("/")[1] if "/" in route.pattern else "", "list")
    pk = other[kind].pk
    names = ("id", "pk", "pk_text", "list_id", "subscriber_id", "campaign_id")
    return {**dict.fromkeys(names, pk), "type": "views", "kind": "orphan", "code": "en", "key": "app.lang"}


def bodies(other):
    """Requests that would change something, if they were let through."""
    person, hidden, campaign = other["person"].pk, other["list"].pk, other["campaign"].pk
    common = {
        "name": "Taken over",
        "subject": "Taken over",
        "body": "Taken over",
        "email": "taken@example.com",
        "from_email": "taken@example.com",
        "content_type": "html",
        "messenger": "email",
        "subscribers": ["taken@example.com"],
        "lists": [hidden],
        "list_ids": [hidden],
        "target_list_ids": [hidden],
        "subscription_status": "confirmed",
    }
    for action, status in (("add", "confirmed"), ("remove", "blocklisted"), ("unsubscribe", "scheduled")):
        yield {**common, "ids": [person], "action": action, "status": status}
        yield {**common, "ids": [campaign], "action": action, "status": status, "all": True, "query": "1=1"}
    yield {**common, "ids": [person], "action": "add", "lists": [], "list_ids": []}


@pytest.mark.parametrize(("route", "method"), API_CALLS)
def test_nothing_of_another_list_is_shown_or_changed(route, method, other):
    mine = make_list(name="Mine")
    make_subscriber(lists={mine: "confirmed", other["list"]: "confirmed"}, email="both@example.com")
    client = make_api_client(*WITHOUT_ALL, grants={mine: ["list:get", "list:manage"]})
    pk = addressed(route, other)
    queries = (
        "",
        f"?id={pk['id']}&list_id={other['list'].pk}&per_page=all",
        f"?id={other['person'].pk}&campaign_id={other['campaign'].pk}&per_page=all",
        f"?all=true&from=2000-01-01&to=2100-01-01&id={other['campaign'].pk}&query=1%3D1",
    )
    before = rows(other)

    changes = [] if method in ("GET", "DELETE") else [("", body) for body in bodies(other)]
    for query, body in [*((query, {}) for query in queries), *changes]:
        with transaction.atomic():
            status, answer = matrix.ask(client, method, route.at(pk) + query, orjson.dumps(body))
            after = rows(other)
            transaction.set_rollback(True)

        assert MARK.encode() not in answer.lower(), (query, body, answer)
        assert after == before, (query, body)
        assert status < 500 or status in (501, 503), (query, body, answer)
