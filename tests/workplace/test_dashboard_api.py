"""Dashboard, about, config, logs and languages (contract 3.3)."""

import logging
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from campaigns.models import Campaign
from listmonk_py.configuration import runtime
from listmonk_py.configuration.registry import smtp_server
from listmonk_py.workplace import log_ring
from tests.factories import call, make_api_client, make_list, make_subscriber
from tests.golden import missing
from tracking.models import DayCount

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin():
    return make_api_client(superadmin=True)


def test_counts_on_a_fresh_installation(admin):
    status, answer = call(admin, "GET", "/api/dashboard/counts")

    assert (status, answer["data"]) == (
        200,
        {
            "subscribers": {"total": 0, "blocklisted": 0, "orphans": 0},
            "lists": {"total": 0, "private": 0, "public": 0, "optin_single": 0, "optin_double": 0},
            "campaigns": {"total": 0, "by_status": {}},
            "messages": 0,
        },
    )


@pytest.fixture
def some():
    """Two lists, four people (one blocklisted, one on no list), three campaigns."""
    news = make_list(name="News", type="public", optin="double")
    offers = make_list(name="Offers")
    make_subscriber(lists={news: "confirmed"})
    make_subscriber(lists={news: "unsubscribed"}, status="blocklisted")
    make_subscriber(lists={offers: "confirmed"})
    make_subscriber()
    for name, status, sent, to in (
        ("a", "finished", 3, news),
        ("b", "draft", 0, news),
        ("c", "draft", 2, offers),
    ):
        campaign = Campaign.objects.create(
            name=name,
            subject=name,
            from_email="a@example.com",
            body="x",
            status=status,
            sent=sent,
            messenger="email",
        )
        campaign.campaign_lists.create(list=to, list_name=to.name)
    return {"news": news, "offers": offers}


def test_counts_of_everything(admin, some):
    answer = call(admin, "GET", "/api/dashboard/counts")[1]["data"]

    assert answer == {
        "subscribers": {"total": 4, "blocklisted": 1, "orphans": 1},
        "lists": {"total": 2, "private": 1, "public": 1, "optin_single": 1, "optin_double": 1},
        "campaigns": {"total": 3, "by_status": {"draft": 2, "finished": 1}},
        "messages": 5,
    }


@pytest.mark.usefixtures("redis")
def test_counts_are_of_what_one_may_see(some):
    client = make_api_client("subscribers:get", "campaigns:get", grants={some["news"]: ["list:get"]})

    answer = call(client, "GET", "/api/dashboard/counts")[1]["data"]

    assert answer == {
        "subscribers": {"total": 2, "blocklisted": 1, "orphans": 0},
        "lists": {"total": 1, "private": 0, "public": 1, "optin_single": 0, "optin_double": 1},
        "campaigns": {"total": 2, "by_status": {"draft": 1, "finished": 1}},
        "messages": 3,
    }


def test_who_may_see_nothing_sees_zeros(some):
    answer = call(make_api_client(), "GET", "/api/dashboard/counts")[1]["data"]

    assert answer["subscribers"] == {"total": 0, "blocklisted": 0, "orphans": 0}
    assert answer["campaigns"] == {"total": 0, "by_status": {}}
    assert answer["lists"]["total"] == 0


def test_charts_end_today(admin):
    today = timezone.localdate()
    DayCount.objects.create(day=today, views=3, clicks=1)
    DayCount.objects.create(day=today - timedelta(days=40), views=9, clicks=9)

    answer = call(admin, "GET", "/api/dashboard/charts")[1]["data"]

    assert answer == {
        "link_clicks": [{"count": 1, "date": today.isoformat()}],
        "campaign_views": [{"count": 3, "date": today.isoformat()}],
    }


def test_charts_of_campaigns_that_one_may_not_see_stay_hidden():
    DayCount.objects.create(day=timezone.localdate(), views=3, clicks=1)

    answer = call(make_api_client("campaigns:get"), "GET", "/api/dashboard/charts")[1]["data"]

    assert answer == {"link_clicks": [], "campaign_views": []}


def test_about_has_listmonks_keys(admin):
    expected = {
        "version": "",
        "build": "",
        "go_version": "",
        "go_arch": "",
        "database": {"version": "", "size_mb": 1},
        "system": {"num_cpu": 1, "memory_alloc_mb": 1, "memory_from_os_mb": 1},
        "host": {"os": "", "arch": "", "hostname": ""},
    }

    status, answer = call(admin, "GET", "/api/about")

    assert (status, missing(expected, answer)) == (200, [])
    assert answer["database"]["version"].startswith("PostgreSQL")


def test_config_tells_how_the_installation_is_set_up(admin):
    expected = {
        "root_url": "",
        "from_email": "",
        "public_subscription": {
            "enabled": True,
            "captcha_enabled": True,
            "captcha_provider": None,
            "captcha_key": None,
            "altcha_complexity": 0,
            "redirect_urls": None,
        },
        "privacy": {"disable_tracking": True, "individual_tracking": True},
        "media_provider": "",
        "messengers": [""],
        "langs": [{"code": "", "name": ""}],
        "lang": "",
        "permissions": [{"group": "", "permissions": [""]}],
        "update": None,
        "needs_restart": True,
        "has_legacy_user": True,
        "version": "",
    }

    status, answer = call(admin, "GET", "/api/config")

    assert (status, missing(expected, answer["data"])) == (200, [])
    assert answer["data"]["messengers"] == ["email"]
    assert {"code": "en", "name": "English (en)"} in answer["data"]["langs"]


def test_config_tells_of_captcha_redirects_and_messengers(admin):
    runtime.save(
        {
            "security.captcha": {
                "altcha": {"enabled": True, "complexity": 1000},
                "hcaptcha": {"enabled": True, "key": "k", "secret": "s"},
            },
            "security.trusted_urls": ["https://shop.example/thanks", "*"],
            "smtp": [
                smtp_server(uuid="a", name="email-fast"),
                smtp_server(uuid="b", enabled=False),
                smtp_server(uuid="c"),
            ],
            "messengers": [
                {"uuid": "d", "name": "push", "enabled": True, "root_url": "https://example.com/x"}
            ],
        }
    )

    answer = call(admin, "GET", "/api/config")[1]["data"]

    assert answer["public_subscription"] == {
        "enabled": True,
        "captcha_enabled": True,
        "captcha_provider": "altcha",
        "captcha_key": None,
        "altcha_complexity": 1000,
        "redirect_urls": ["https://shop.example/thanks"],
    }
    assert answer["messengers"] == ["email", "email-fast", "push"]


@pytest.mark.parametrize(
    ("header", "status", "message"),
    [
        ({}, 403, "invalid session"),
        ({"Authorization": "token abc"}, 403, None),
        ({"Authorization": "Bearer abc"}, 403, None),
        ({"Authorization": "token a:b"}, 403, "invalid API credentials"),
        ({"Authorization": "Basic !"}, 403, None),
    ],
)
def test_health_is_for_those_who_sign_in(client, header, status, message):
    response = client.get("/api/health", headers=header)

    assert response.status_code == status
    assert message in (None, response.json()["message"])


def test_a_cookie_that_is_no_session_wins_over_a_good_token(admin):
    admin.cookies["session"] = "nonsense"

    assert call(admin, "GET", "/api/health") == (403, {"message": "invalid session"})


def test_languages_fall_back_to_english(admin):
    english = call(admin, "GET", "/api/lang/en")[1]["data"]

    assert (english["_.code"], english["_.name"]) == ("en", "English (en)")
    assert call(admin, "GET", "/api/lang/xx") == (200, {"data": english})
    assert call(admin, "GET", "/api/lang/..%2fxx")[0] == 400
    assert call(admin, "GET", "/api/lang/toolongcode")[0] == 400


def test_the_log_of_all_processes_is_shown_to_who_may(admin, redis):
    logging.getLogger("tests").error("The red line of this test")
    deadline = time.monotonic() + 10
    while not any("red line of this test" in line for line in log_ring.lines(redis)):
        assert time.monotonic() < deadline
        time.sleep(0.01)

    status, answer = call(admin, "GET", "/api/logs")

    assert status == 200
    assert any("red line of this test" in line for line in answer["data"])
    assert call(make_api_client(), "GET", "/api/logs")[0] == 403
