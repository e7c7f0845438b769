"""Settings over the API: listmonk's keys, masks that mean unchanged, and words about what is wrong."""

import json
from pathlib import Path

import pytest

from listmonk_py.configuration import runtime, validation
from listmonk_py.configuration.models import Setting
from listmonk_py.configuration.registry import FIELDS
from tests.factories import call, make_api_client, make_role
from tests.golden import missing

pytestmark = pytest.mark.django_db

# The keys and types of listmonk's `GET /api/settings` (contract 9).
LISTMONK = json.loads((Path(__file__).parent / "listmonk_settings.json").read_text())
SERVER = {
    "enabled": True,
    "host": " smtp.example.com ",
    "port": 587,
    "auth_protocol": "login",
    "username": "user",
    "password": "s3cret-word",
    "tls_type": "STARTTLS",
}
DOTS = "•" * len("s3cret-word")


@pytest.fixture
def admin():
    return make_api_client(superadmin=True)


def put(client, **values):
    return call(
        client, "PUT", "/api/settings", {key.replace("__", "."): value for key, value in values.items()}
    )


def shown(client):
    return call(client, "GET", "/api/settings")[1]["data"]


def test_every_key_of_listmonks_is_there_with_its_type(admin):
    put(admin, smtp=[{**SERVER, "password": ""}], messengers=[])

    assert missing(LISTMONK, shown(admin)) == []


def test_reading_and_writing_need_their_permissions():
    reader = make_api_client("settings:get")

    assert call(reader, "GET", "/api/settings")[0] == 200
    assert put(reader, **{"app.site_name": "x"})[0] == 403
    assert call(make_api_client(), "GET", "/api/settings") == (
        403,
        {"message": "permission denied: settings:get"},
    )


def test_a_change_is_stored_with_its_author_and_acts_at_once(admin):
    assert call(admin, "PUT", "/api/settings/app.concurrency", 7) == (200, {"data": True})

    assert runtime.get("app.concurrency") == 7
    assert shown(admin)["app.concurrency"] == 7
    row = Setting.objects.get(key="app.concurrency")
    assert row.updated_by_id == admin.user.pk
    assert row.updated_at is not None


def test_secrets_are_encrypted_masked_and_kept_when_the_mask_comes_back(admin):
    put(admin, smtp=[SERVER])
    server = shown(admin)["smtp"][0]
    assert server["password"] == DOTS
    assert "s3cret-word" not in json.dumps(Setting.objects.get(key="smtp").value)

    for password in (DOTS, "", None):
        assert put(admin, smtp=[{**server, "port": 2525, "password": password}])[0] == 200
        assert runtime.get("smtp")[0]["password"] == "s3cret-word"
        assert runtime.get("smtp")[0]["port"] == 2525

    put(admin, smtp=[{**server, "password": "another"}])
    assert runtime.get("smtp")[0]["password"] == "another"


def test_sending_back_what_was_read_changes_nothing(admin):
    put(
        admin,
        **{
            "smtp": [SERVER],
            "upload.s3.aws_secret_access_key": "aws-secret",
            "bounce.sendgrid_key": "sendgrid-secret",
            "bounce.postmark": {"enabled": True, "username": "u", "password": "p-secret"},
            "security.captcha": {"hcaptcha": {"enabled": True, "key": "k", "secret": "h-secret"}},
            "messengers": [{"name": "push", "root_url": "https://example.com/x", "password": "m-secret"}],
        },
    )
    before = runtime.all_values()

    assert call(admin, "PUT", "/api/settings", shown(admin)) == (200, {"data": True})

    assert runtime.all_values() == before


def test_entries_get_an_identity_and_tidy_names(admin):
    put(
        admin,
        smtp=[{**SERVER, "name": "My Fast Server!"}],
        messengers=[{"name": " Push Me ", "enabled": False}],
    )

    server, messenger = runtime.get("smtp")[0], runtime.get("messengers")[0]
    assert (server["name"], server["host"]) == ("email-my-fast-server", "smtp.example.com")
    assert messenger["name"] == "push-me"
    assert len(server["uuid"]) == len(messenger["uuid"]) == 36
    assert put(admin, smtp=[server])[0] == 200
    assert runtime.get("smtp")[0]["name"] == "email-my-fast-server"


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ({"app.root_url": "https://lists.example.com/"}, "https://lists.example.com"),
        ({"upload.extensions": [".JPG", "png", "png", ""]}, ["jpg", "png"]),
        ({"privacy.domain_blocklist": [" Bad.Example ", ""]}, ["bad.example"]),
        ({"app.concurrency": "12"}, 12),
        ({"app.notify_emails": None}, []),
        ({"security.trusted_urls": ["*", "https://a.example/x"]}, ["*", "https://a.example/x"]),
    ],
)
def test_values_are_tidied(admin, given, stored):
    assert put(admin, **given) == (200, {"data": True})

    assert runtime.get(next(iter(given))) == stored


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"smtp": []}, "at least one SMTP server"),
        ({"smtp": [{**SERVER, "enabled": False}]}, "at least one SMTP server"),
        ({"smtp": [{**SERVER, "host": ""}]}, "smtp[0].host"),
        ({"smtp": [{**SERVER, "host": "http://smtp.example.com"}]}, "smtp[0].host"),
        ({"smtp": [{**SERVER, "port": 0}]}, "smtp[0].port"),
        ({"smtp": [{**SERVER, "port": "many"}]}, "smtp[0].port"),
        ({"smtp": [{**SERVER, "auth_protocol": "magic"}]}, "smtp[0].auth_protocol"),
        ({"smtp": [{**SERVER, "idle_timeout": "15"}]}, "smtp[0].idle_timeout"),
        ({"smtp": [{**SERVER, "email_headers": [{"Bad Name": "x"}]}]}, "email_headers"),
        ({"smtp": [{**SERVER, "email_headers": [{"X-A": "x\r\nBcc: y"}]}]}, "email_headers"),
        ({"smtp": [{**SERVER, "uuid": "x"}]}, "smtp[0].uuid"),
        ({"smtp": [{**SERVER, "name": "a"}, {**SERVER, "name": "A"}]}, "email-a"),
        ({"smtp": "x"}, "smtp"),
        ({"smtp": ["x"]}, "smtp[0]"),
        ({"messengers": [{"name": "email"}]}, "taken"),
        ({"messengers": [{"name": "  "}]}, "blank"),
        ({"messengers": [{"name": "a"}, {"name": "a"}]}, "twice"),
        ({"messengers": [{"name": "a", "enabled": True}]}, "root_url"),
        ({"messengers": [{"name": "a", "root_url": "ftp://x.example"}]}, "root_url"),
        ({"app.concurrency": 0}, "from 1 to 10000"),
        ({"app.concurrency": True}, "whole number"),
        ({"app.concurrency": 1.5}, "whole number"),
        ({"app.site_name": 5}, "app.site_name"),
        ({"app.site_name": "a\nb"}, "app.site_name"),
        ({"app.root_url": "lists.example.com"}, "app.root_url"),
        ({"app.root_url": ""}, "app.root_url"),
        ({"app.lang": "../x"}, "app.lang"),
        ({"app.from_email": "nobody"}, "app.from_email"),
        ({"app.notify_emails": ["x"]}, "app.notify_emails[0]"),
        ({"app.message_sliding_window_duration": "0"}, "at least 1s"),
        ({"app.message_sliding_window_duration": "an hour"}, "duration"),
        ({"app.cache_slow_queries": True, "app.cache_slow_queries_interval": "x"}, "cron"),
        ({"app.cache_slow_queries": True, "app.cache_slow_queries_interval": "99 * * * *"}, "minute"),
        ({"privacy.exportable": ["everything"]}, "privacy.exportable"),
        ({"privacy.disable_tracking": "no"}, "true or false"),
        ({"security.trusted_urls": ["shop.example"]}, "shop.example"),
        ({"security.oidc": {"enabled": True}}, "provider_url"),
        ({"security.oidc": {"auto_create_users": True}}, "default_user_role_id"),
        ({"security.oidc": {"default_user_role_id": 999_999}}, "no user role"),
        ({"security.captcha": {"altcha": {"complexity": 10}}}, "complexity"),
        ({"bounce.actions": {"hard": {"count": 0, "action": "none"}}}, "bounce.actions.hard.count"),
        ({"bounce.actions": {"hard": {"count": 1, "action": "explode"}}}, "bounce.actions.hard.action"),
        ({"bounce.mailboxes": [{"scan_interval": "10s"}]}, "at least 1m"),
        ({"bounce.mailboxes": [{"enabled": True}]}, "host"),
        ({"upload.provider": "floppy"}, "upload.provider"),
        ({"upload.filesystem.upload_uri": "/../etc"}, "upload_uri"),
        ({"maintenance.db": {"vacuum_cron_interval": "x"}}, "cron"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_stored(admin, given, words):
    before = runtime.all_values()

    status, answer = put(admin, **{"app.logo_url": "https://example.com/logo.png", **given})

    assert status == 400
    assert words in answer["message"]
    assert runtime.all_values() == before


def test_a_cron_expression_is_not_looked_at_while_it_is_not_used(admin):
    assert put(admin, **{"app.cache_slow_queries_interval": "whenever"})[0] == 200


def test_unknown_keys_are_ignored(admin):
    assert put(admin, **{"no.such": 1}) == (200, {"data": True})
    assert call(admin, "PUT", "/api/settings/no.such", 1) == (200, {"data": True})
    assert not Setting.objects.filter(key="no.such").exists()


def test_one_key_is_checked_like_many(admin):
    assert call(admin, "PUT", "/api/settings/app.site_name", "My list")[0] == 200
    assert call(admin, "PUT", "/api/settings/app.concurrency", "many")[0] == 400
    broken = admin.put("/api/settings/app.site_name", "{", content_type="application/json")
    assert broken.status_code == 400
    assert runtime.get("app.site_name") == "My list"


def test_a_body_that_is_no_object_is_refused(admin):
    assert call(admin, "PUT", "/api/settings", [1])[0] == 400


def test_single_sign_on_takes_roles_that_exist(admin):
    role = make_role()
    oidc = {"auto_create_users": True, "default_user_role_id": role.pk}

    assert put(admin, **{"security.oidc": oidc}) == (200, {"data": True})
    assert runtime.get("security.oidc")["default_user_role_id"] == role.pk


def test_nothing_ever_needs_a_restart(admin):
    assert call(admin, "POST", "/api/admin/reload", {}) == (200, {"data": True})
    assert call(admin, "GET", "/api/config")[1]["data"]["needs_restart"] is False


@pytest.mark.parametrize("key", FIELDS)
def test_every_default_passes_its_own_check(key):
    checked = validation.check_one(key, FIELDS[key].default)

    assert checked == FIELDS[key].default
