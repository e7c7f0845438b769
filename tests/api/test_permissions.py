"""Which permission opens which route, as listmonk has it (contract 3 and 10.3), and what exactly is answered
about objects of lists that the caller may not read.

`tests/accounts/test_access.py` tries every route with every kind of caller; here is the table it cannot know.
"""

from typing import Any

import pytest

from bounces.models import Bounce
from listmonk_py.api.permissions import needed
from tests.api import arrangements, matrix
from tests.factories import api_client, call, make_user

pytestmark = pytest.mark.django_db

ANY: frozenset[str] = frozenset()  # any login; rows are filtered


def of(*names: str) -> frozenset[str]:
    return frozenset(names)


PEOPLE, PEOPLE_WRITE = of("subscribers:get", "subscribers:get_all"), of("subscribers:manage")
CAMPAIGNS, CAMPAIGNS_WRITE = (
    of("campaigns:get", "campaigns:get_all"),
    of("campaigns:manage", "campaigns:manage_all"),
)

# Method and pattern with parameters as `*`; one of the permissions is enough.
TABLE: dict[str, frozenset[str]] = {
    **dict.fromkeys(
        (
            *("GET api/health", "GET api/config", "GET api/lang/*", "GET api/about"),
            *("GET api/dashboard/counts", "GET api/dashboard/charts", "GET api/lists", "GET api/lists/*"),
            *("PUT api/lists/*", "DELETE api/lists", "DELETE api/lists/*"),  # by list: see below
            *(
                "GET api/profile",
                "PUT api/profile",
                "GET api/profile/sessions",
                "DELETE api/profile/sessions/*",
            ),
            *(
                "POST api/logout",
                "PUT api/users/*/twofa",
                "DELETE api/users/*/twofa",
                "GET api/users/*/twofa/totp",
            ),
        ),
        ANY,
    ),
    **dict.fromkeys(
        ("GET api/logs", "GET api/events", "GET api/settings", "GET api/bounces/mailboxes"),
        of("settings:get"),
    ),
    **dict.fromkeys(
        (
            "PUT api/settings",
            "PUT api/settings/*",
            "POST api/settings/smtp/test",
            "POST api/admin/reload",
            "POST api/settings/mailbox/test",
        ),
        of("settings:manage"),
    ),
    **dict.fromkeys(
        (
            *("DELETE api/maintenance/subscribers/*", "DELETE api/maintenance/subscriptions/unconfirmed"),
            *("DELETE api/maintenance/analytics/*", "GET api/maintenance/analytics/*/export"),
        ),
        of("settings:maintain"),
    ),
    "POST api/lists": of("lists:manage_all"),
    **dict.fromkeys(
        (
            *("GET api/subscribers", "GET api/subscribers/*", "GET api/subscribers/export"),
            *("GET api/subscribers/*/activity", "GET api/subscribers/*/export"),
            *("GET api/segments", "GET api/segments/*", "GET api/segments/*/count"),
        ),
        PEOPLE,
    ),
    **dict.fromkeys(
        (
            *("POST api/subscribers", "DELETE api/subscribers", "PUT api/subscribers/*"),
            *("PATCH api/subscribers/*", "DELETE api/subscribers/*", "POST api/subscribers/*/optin"),
            *(
                "PUT api/subscribers/*/blocklist",
                "PUT api/subscribers/blocklist",
                "PUT api/subscribers/lists",
            ),
            *("PUT api/subscribers/lists/*", "POST api/subscribers/query/delete"),
            *("PUT api/subscribers/query/blocklist", "PUT api/subscribers/query/lists"),
            *("POST api/segments", "PUT api/segments/*", "DELETE api/segments/*"),
        ),
        PEOPLE_WRITE,
    ),
    **dict.fromkeys(
        (
            *("GET api/import/subscribers", "POST api/import/subscribers", "DELETE api/import/subscribers"),
            *("GET api/import/subscribers/logs", "GET api/import/subscribers/rejects.csv"),
        ),
        of("subscribers:import"),
    ),
    **dict.fromkeys(
        (
            *("GET api/campaigns", "GET api/campaigns/*", "GET api/campaigns/running/stats"),
            *("GET api/campaigns/*/preview", "POST api/campaigns/*/preview"),
            *("POST api/campaigns/*/preview/archive", "GET api/campaigns/*/deliveries"),
            "GET api/campaigns/*/deliveries/export",
        ),
        CAMPAIGNS,
    ),
    "POST api/campaigns/*/text": of("campaigns:get"),
    "GET api/campaigns/analytics/*": of("campaigns:get_analytics"),
    **dict.fromkeys(
        (
            *("POST api/campaigns", "DELETE api/campaigns", "PUT api/campaigns/*", "DELETE api/campaigns/*"),
            *("PUT api/campaigns/*/archive", "POST api/campaigns/*/content", "POST api/campaigns/*/test"),
        ),
        CAMPAIGNS_WRITE,
    ),
    **dict.fromkeys(
        (
            *("PUT api/campaigns/*/status", "PUT api/campaigns/*/pace"),
            "POST api/campaigns/*/retry-failed",
            "POST api/campaigns/*/resolve-unknown",
        ),
        of("campaigns:send"),
    ),
    **dict.fromkeys(
        (
            *("GET api/templates", "GET api/templates/*", "GET api/templates/*/preview"),
            "POST api/templates/preview",
        ),
        of("templates:get"),
    ),
    **dict.fromkeys(
        (
            *("POST api/templates", "PUT api/templates/*", "PUT api/templates/*/default"),
            "DELETE api/templates/*",
        ),
        of("templates:manage"),
    ),
    **dict.fromkeys(("GET api/media", "GET api/media/*"), of("media:get")),
    **dict.fromkeys(("POST api/media", "DELETE api/media/*"), of("media:manage")),
    **dict.fromkeys(("POST api/tx", "GET api/tx/*"), of("tx:send")),
    **dict.fromkeys(
        ("GET api/bounces", "GET api/bounces/*", "GET api/subscribers/*/bounces"), of("bounces:get")
    ),
    **dict.fromkeys(
        (
            *("DELETE api/bounces", "DELETE api/bounces/*", "PUT api/bounces/blocklist"),
            "DELETE api/subscribers/*/bounces",
        ),
        of("bounces:manage"),
    ),
    "POST webhooks/bounce": of("webhooks:post_bounce"),
    **dict.fromkeys(
        ("GET api/users", "GET api/users/*", "GET api/users/*/tokens"),
        of("users:get"),
    ),
    **dict.fromkeys(
        (
            *("POST api/users", "PUT api/users/*", "DELETE api/users", "DELETE api/users/*"),
            *("POST api/users/*/tokens", "DELETE api/users/*/tokens/*"),
        ),
        of("users:manage"),
    ),
    **dict.fromkeys(("GET api/roles/users", "GET api/roles/lists"), of("roles:get")),
    **dict.fromkeys(
        (
            *("POST api/roles/users", "PUT api/roles/users/*", "POST api/roles/lists"),
            *("PUT api/roles/lists/*", "DELETE api/roles/*"),
        ),
        of("roles:manage"),
    ),
}


def stated() -> dict[str, frozenset[str]]:
    """What the views say, by method and pattern."""
    return {
        f"{method} {matrix.PARAMETER.sub('*', route.pattern)}": frozenset(needed(route.view, method) or ())
        for route, method in matrix.api_calls()
        if not route.is_public
        and not (str(route) == "api/campaigns/<id>/text" and method == "GET")  # not served
    }


def test_every_route_asks_for_the_permission_it_has_in_listmonk():
    said = stated()

    assert said == {name: TABLE.get(name, "not in the table") for name in said}
    assert TABLE.keys() <= said.keys()


# --- Whose objects: a user with list 4 (News) alone, in the recorded installation -------------------

EVERYTHING_PER_LIST = (
    *("subscribers:get", "subscribers:manage", "subscribers:import", "campaigns:get", "campaigns:manage"),
    *("campaigns:send", "campaigns:get_analytics", "bounces:get", "bounces:manage"),
)
CAMPAIGN = {"name": "x", "subject": "x", "lists": [5], "body": "x", "messenger": "email"}

# Campaign 3 goes to list 5 alone, subscriber 24 is on list 5 alone, 4 is on none.
FOREIGN: dict[tuple[str, str], tuple[Any, int]] = {
    ("GET", "/api/lists/5"): (None, 403),
    ("PUT", "/api/lists/5"): ({"name": "x"}, 403),
    ("DELETE", "/api/lists/5"): (None, 403),
    ("DELETE", "/api/lists?id=5"): (None, 403),
    ("GET", "/api/subscribers/24"): (None, 403),
    ("GET", "/api/subscribers/4"): (None, 403),
    ("GET", "/api/subscribers/24/activity"): (None, 403),
    ("GET", "/api/subscribers/24/export"): (None, 403),
    ("PUT", "/api/subscribers/24"): ({"email": "x@example.com"}, 403),
    ("PATCH", "/api/subscribers/24"): ({"name": "x"}, 403),
    ("DELETE", "/api/subscribers/24"): (None, 403),
    ("DELETE", "/api/subscribers?id=24"): (None, 403),
    ("POST", "/api/subscribers/24/optin"): ({}, 403),
    ("PUT", "/api/subscribers/24/blocklist"): ({}, 403),
    ("PUT", "/api/subscribers/blocklist"): ({"ids": [24]}, 403),
    ("GET", "/api/subscribers?query=1=1"): (None, 403),
    ("GET", "/api/campaigns/3"): (None, 403),
    ("GET", "/api/campaigns/3/preview"): (None, 403),
    ("PUT", "/api/campaigns/3"): (CAMPAIGN, 403),
    ("PUT", "/api/campaigns/3/archive"): ({"archive": True}, 403),
    ("PUT", "/api/campaigns/3/status"): ({"status": "running"}, 403),
    ("POST", "/api/campaigns/3/test"): ({**CAMPAIGN, "subscribers": ["cid@example.com"]}, 403),
    ("DELETE", "/api/campaigns/3"): (None, 403),
    ("GET", "/api/campaigns/3/deliveries"): (None, 403),
}


# Answered as for objects that do not exist.
UNKNOWN: dict[tuple[str, str], Any] = {
    ("GET", "/api/subscribers/24/bounces"): [],
    ("DELETE", "/api/subscribers/24/bounces"): True,
    ("GET", "/api/campaigns/analytics/views?id=3&from=2020-01-01&to=2035-01-01"): [],
}


@pytest.fixture
def client(tokens):
    """Somebody with every permission on list 4, and on no other."""
    user = make_user(*EVERYTHING_PER_LIST, type="api")
    user.list_role_id = 5
    user.save()
    grant = user.list_role.lists.get()
    grant.permissions = ["list:get", "list:manage"]
    grant.save()
    return api_client(user)


@pytest.mark.parametrize(("method", "path"), FOREIGN)
def test_what_belongs_to_another_list_is_refused(method, path, client):
    body, status = FOREIGN[method, path]

    answered, _ = call(client, method, path, body)

    assert answered == status
    own = path.replace("/24", "/5").replace("/lists/5", "/lists/4").replace("campaigns/3", "campaigns/2")
    if method == "GET" and own != path:
        assert call(client, method, own, body)[0] == 200


@pytest.mark.parametrize(("method", "path"), UNKNOWN)
def test_what_belongs_to_another_list_might_as_well_not_exist(method, path, client):
    arrangements.bounced()
    Bounce.objects.create(pk=50, subscriber_id=24, source="x")

    assert call(client, method, path) == (200, {"data": UNKNOWN[method, path]})
    assert Bounce.objects.filter(subscriber_id=24).count() == 1
