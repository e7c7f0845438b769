"""What was different when a case was recorded: changes to the installation that `world.build` makes.

Each arrangement has the name of a case, or of a file for all its cases.
"""

import dataclasses
import re
from collections.abc import Callable
from typing import Any

import orjson
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.core.files.base import ContentFile
from django.db import connection
from django.test import Client
from django.utils import timezone

from bounces.models import Bounce
from campaigns.media import storage
from campaigns.media.models import Media
from campaigns.models import Campaign, Template
from campaigns.status import Status
from listmonk_py.accounts.models import Role, User
from listmonk_py.accounts.permissions import SUPER_ADMIN_ROLE_ID
from listmonk_py.configuration import runtime
from subscribers.models import ImportJob, ImportLine, List, Subscriber, Subscription
from tests.api import world
from tests.api.replay import Case, file_content
from tests.sinks import SmtpSink

# Answered by the root application of listmonk_py.server, before Django: test_front_door.py asks them there.
AT_THE_FRONT_DOOR = frozenset({"GET_api_events: one error logged while listening"})

TOTP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def fresh() -> None:
    """As after the installation: nothing made by requests yet."""
    Campaign.objects.filter(pk__gt=1).delete()
    Template.objects.filter(pk__gt=4).delete()
    Media.objects.all().delete()
    Subscription.objects.filter(subscriber_id__gt=2).delete()
    Subscriber.objects.filter(pk__gt=2).delete()
    User.objects.filter(pk__gt=2).delete()
    Role.objects.exclude(pk=SUPER_ADMIN_ROLE_ID).delete()
    List.objects.filter(pk__gt=2).delete()


def without_people() -> None:
    Subscription.objects.filter(subscriber_id__gt=2).delete()
    Subscriber.objects.filter(pk__gt=2).delete()


def ann(**changes: Any) -> Callable[[], None]:
    return lambda: Subscriber.objects.filter(pk=3).update(**changes)  # type: ignore[return-value]


def may_news(**changes: Any) -> Callable[[], None]:
    return lambda: Campaign.objects.filter(pk=2).update(**changes)  # type: ignore[return-value]


def setting(**values: Any) -> Callable[[], None]:
    """Settings by key, a double underscore for each dot."""
    return lambda: runtime.save({key.replace("__", "."): value for key, value in values.items()})


def together(*steps: Callable[[], None]) -> Callable[[], None]:
    def run() -> None:
        for step in steps:
            step()

    return run


# After the archive's settings were put: the campaign's subject and slug of the later cases.
ARCHIVED: dict[str, Any] = {"subject": "News", "archive_slug": "big-news-may", "attribs": {}}


def finished() -> None:
    Campaign.objects.filter(pk=2).update(
        status=Status.FINISHED, started_at=timezone.now(), send_at=None, to_send=2, to_send_exact=True, sent=2,
        archive_slug="big-news-may",
    )  # fmt: skip


def running() -> None:
    Campaign.objects.filter(pk__in=(2, 3)).update(status=Status.RUNNING, send_at=None)


def markdown() -> None:
    Campaign.objects.filter(pk=3).update(
        content_type="markdown", body="**small** {{ .Subscriber.Email }}", archive=True, attribs={"a": 1}
    )


def lists_deleted() -> None:
    List.objects.filter(pk__in=(4, 5)).delete()


def stored_files() -> None:
    for name in ("my-pic.png", "note.txt"):
        storage.storage().save(name, ContentFile(file_content(name.replace("my-pic", "my pic"))))


def second_factor() -> None:
    TOTP.activate(User.objects.get(username="carla"), TOTP_SECRET)


def carla(**changes: Any) -> Callable[[], None]:
    return lambda: User.objects.filter(username="carla").update(**changes)  # type: ignore[return-value]


def without_users(*names: str) -> Callable[[], None]:
    return lambda: User.objects.filter(username__in=names).delete()  # type: ignore[return-value]


def without_roles(*names: str) -> Callable[[], None]:
    def run() -> None:
        User.objects.filter(pk__gt=2).delete()
        Role.objects.filter(name__in=names).delete()

    return run


def bounced() -> None:
    """The bounces that were there when bounces were asked for."""
    then = timezone.datetime.fromisoformat("2026-01-02T03:04:05+00:00")  # type: ignore[attr-defined]
    for pk, subscriber, campaign, kind, source in (
        (1, 5, 2, "soft", "golden"),
        (2, 3, None, "hard", "golden"),
        (4, 16, 2, "hard", "postmark"),
        (5, 17, None, "hard", "forwardemail"),
    ):
        Bounce.objects.create(
            pk=pk, subscriber_id=subscriber, campaign_id=campaign, type=kind, source=source,
            meta={"why": "full"} if pk == 1 else {}, created_at=timezone.now() if pk == 1 else then,
        )  # fmt: skip


def imported(status: str, count: int) -> Callable[[], None]:
    def run() -> None:
        job = ImportJob.objects.create(
            name="in.csv", params={"mode": "subscribe"}, status=status, total=3, imported=count
        )
        ImportLine.objects.create(job=job, text="3 rows")

    return run


OPEN_BY_ANN = """
    INSERT INTO tracking_view (event_id, created_at, campaign_id, subscriber_id, machine)
    VALUES (gen_random_uuid(), now(), 2, 24, 0)
"""
CLICK_BY_ANN = """
    INSERT INTO tracking_click (event_id, created_at, campaign_id, subscriber_id, link_id, machine)
    VALUES (gen_random_uuid(), now(), 2, 24, 1, 0)
"""


def tracked() -> None:
    """One open and one click, each known to be of subscriber 24."""
    finished()
    with connection.cursor() as cursor:
        cursor.execute(OPEN_BY_ANN)
        cursor.execute(CLICK_BY_ANN)


ARCHIVE_ON = together(finished, may_news(archive=True))
WEBHOOKS = setting(
    bounce__enabled=True,
    bounce__webhooks_enabled=True,
    bounce__ses_enabled=True,
    bounce__sendgrid_enabled=True,
    bounce__sendgrid_key="not a key",
    bounce__azure={"enabled": True, "shared_secret": "az", "shared_secret_header": ""},
    bounce__postmark={"enabled": True, "username": "pmuser", "password": "pmpass"},
    bounce__forwardemail={"enabled": True, "key": "fe-secret"},
    bounce__lettermint={"enabled": True, "key": "lm-secret"},
)
ALTCHA = setting(
    security__captcha={
        "altcha": {"enabled": True, "complexity": 1000},
        "hcaptcha": {"enabled": False, "key": "", "secret": ""},
    },
    security__trusted_urls=["https://shop.example/thanks"],
)
OIDC = setting(
    security__oidc={
        "enabled": True,
        "provider_url": "https://id.example.com",
        "provider_name": "id",
        "client_id": "listmonk",
        "client_secret": "secret",
        "auto_create_users": False,
        "default_user_role_id": None,
        "default_list_role_id": None,
    }
)
FORM_OFF = setting(app__enable_public_subscription_page=False)
NO_PREFERENCES = setting(privacy__allow_preferences=False)

PATCHED = {"name": "Ann P", "attribs": {"city": "Oslo", "vip": True}}

ARRANGEMENTS: dict[str, Callable[[], None]] = {
    "DELETE_api_bounces: all": bounced,
    "DELETE_api_bounces_id: ok": bounced,
    "DELETE_api_campaigns: query": stored_files,
    "DELETE_api_import_subscribers: clear a finished one": imported("finished", 2),
    "DELETE_api_import_subscribers: clear a failed one": imported("failed", 0),
    "DELETE_api_media_id: ok": stored_files,
    "DELETE_api_roles_id: ok": without_users("robot", "carla"),
    "DELETE_api_templates_id: the default": lambda: _make_default(5),
    "DELETE_api_users_id_twofa": second_factor,
    "GET_admin_custom_css: api user": setting(appearance__admin__custom_css="body { margin: 0 }"),
    "GET_api_bounces: some": bounced,
    "GET_api_bounces: filtered": bounced,
    "GET_api_bounces: by campaign_name": bounced,
    "GET_api_bounces_id: ok": bounced,
    "GET_api_campaigns: fresh": fresh,
    "GET_api_campaigns: no_body": fresh,
    "GET_api_campaigns: user with one readable list": finished,
    "GET_api_campaigns_analytics_type: views": tracked,
    "GET_api_campaigns_analytics_type: clicks": tracked,
    "GET_api_campaigns_analytics_type: links": tracked,
    "GET_api_campaigns_analytics_type: views, individual tracking on": tracked,
    "GET_api_campaigns_analytics_type: links, individual tracking on": tracked,
    "GET_api_campaigns_id: after running was asked for, send_at set": may_news(
        status=Status.SCHEDULED, **ARCHIVED
    ),
    "GET_api_campaigns_id: finished": finished,
    "GET_api_campaigns_id: its lists are deleted": together(finished, lists_deleted),
    "GET_api_campaigns_running_stats: while one runs": running,
    "GET_api_config: captcha and redirect URLs on": ALTCHA,
    "GET_api_config: public form off": together(ALTCHA, FORM_OFF),
    "GET_api_dashboard_charts: fresh": fresh,
    "GET_api_dashboard_charts: later": tracked,
    "GET_api_dashboard_counts: fresh": fresh,
    "GET_api_dashboard_counts: later": finished,
    "GET_api_dashboard_counts: user with one readable list": finished,
    "GET_api_import_subscribers: finished": imported("finished", 2),
    "GET_api_import_subscribers: failed": imported("failed", 0),
    "GET_api_import_subscribers_logs: finished": imported("finished", 2),
    "GET_api_lists: fresh": fresh,
    "GET_api_lists: minimal": fresh,
    "GET_api_lists: minimal, nothing found": fresh,
    "GET_api_lists: second page": fresh,
    "GET_api_lists: all": fresh,
    "GET_api_lists: page past the end": fresh,
    "GET_api_lists: nothing found": fresh,
    "GET_api_lists: by name ascending": fresh,
    "GET_api_lists: upper-case order": fresh,
    "GET_api_lists: order_by not in the whitelist": fresh,
    "GET_api_lists: two words": fresh,
    "GET_api_lists: filters": fresh,
    "GET_api_maintenance_analytics_type_export: views": tracked,
    "GET_api_maintenance_analytics_type_export: clicks": tracked,
    "GET_api_maintenance_analytics_type_export: views, individual tracking on": tracked,
    "GET_api_media: empty": fresh,
    "GET_api_profile: with 2FA": second_factor,
    "GET_api_public_archive": ARCHIVE_ON,
    "GET_api_public_archive: switched off": setting(app__enable_public_archive=False),
    "GET_api_public_captcha_altcha: captcha on": ALTCHA,
    "GET_api_public_lists: form switched off": FORM_OFF,
    "GET_api_roles_lists: fresh": fresh,
    "GET_api_roles_users: fresh": fresh,
    "GET_api_subscribers: fresh": fresh,
    "GET_api_subscribers_id: after preferences and one click": tracked,
    "GET_api_subscribers_id: user with one readable list": ann(**PATCHED),
    "GET_api_subscribers_id_activity: after a view and a click": tracked,
    "GET_api_subscribers_id_bounces: one": bounced,
    "GET_api_subscribers_id_export: ok": ann(**PATCHED),
    "GET_api_subscribers_id_export: with views and clicks": tracked,
    "GET_api_templates: fresh": fresh,
    "GET_api_templates: no_body": fresh,
    "GET_api_users: fresh": fresh,
    "GET_api_users_id_twofa_totp: already on": second_factor,
    "GET_archive": ARCHIVE_ON,
    "GET_archive: switched off": setting(app__enable_public_archive=False),
    "GET_archive_id": ARCHIVE_ON,
    "GET_archive_latest": ARCHIVE_ON,
    "GET_archive_xml": ARCHIVE_ON,
    "GET_auth_oidc: OIDC on, no nonce cookie": OIDC,
    "GET_campaign_campUUID_subUUID": finished,
    "GET_campaign_campUUID_subUUID_px_png: individual tracking on": setting(
        privacy__individual_tracking=True
    ),
    "GET_link_linkUUID_campUUID_subUUID: individual tracking on": setting(privacy__individual_tracking=True),
    "GET_subscription_campUUID_subUUID: preferences switched off": NO_PREFERENCES,
    "GET_subscription_form: switched off": FORM_OFF,
    "GET_subscription_optin_subUUID: nothing left": lambda: _confirm(3),
    "GET_uploads_any: ok": stored_files,
    "PATCH_api_subscribers_id: attribs merge": ann(name="Ann P"),
    "PATCH_api_subscribers_id: lists replace": ann(**PATCHED),
    "PATCH_api_subscribers_id: empty object": ann(**PATCHED),
    "PATCH_api_subscribers_id: status blocklisted": ann(**PATCHED),
    "PATCH_api_subscribers_id: status enabled again": ann(**PATCHED, status="blocklisted"),
    "POST_admin_login: 2FA user": second_factor,
    "POST_admin_login_twofa: ok": second_factor,
    "POST_api_campaigns: all fields": lambda: Campaign.objects.filter(pk=2).delete(),  # type: ignore[dict-item,return-value]
    "POST_api_campaigns_id_preview: other body": may_news(subject="News"),
    "POST_api_campaigns_id_test": stored_files,
    "POST_api_public_subscription: captcha is not asked for": ALTCHA,
    "POST_api_public_subscription: switched off": FORM_OFF,
    "POST_api_roles_lists": without_roles("News only", "Empty"),
    "POST_api_roles_users": without_roles("Editors", "Nothing"),
    "POST_api_roles_users: name taken": lambda: Role.objects.create(name="Editor"),  # type: ignore[dict-item,return-value]
    "POST_api_subscribers: all fields": without_people,
    "POST_api_subscribers: e-mail only": without_people,
    "POST_api_subscribers: preconfirmed": without_people,
    "POST_api_subscribers: blocklisted": without_people,
    "POST_api_subscribers: disabled": without_people,
    "POST_api_subscribers: domain on the blocklist": setting(privacy__domain_blocklist=["bad.example"]),
    "POST_api_users: api": without_users("robot"),
    "POST_api_users: user": without_users("carla"),
    "POST_api_users: e-mail taken": carla(email="carla@example.com"),
    "POST_auth_oidc: OIDC on, no nonce": OIDC,
    "POST_subscription_campUUID_subUUID: preferences switched off": NO_PREFERENCES,
    "POST_subscription_export_subUUID: switched off": setting(privacy__allow_export=False),
    "POST_subscription_form: captcha missing": ALTCHA,
    "POST_subscription_form: switched off": FORM_OFF,
    "POST_subscription_wipe_subUUID: switched off": setting(privacy__allow_wipe=False),
    "POST_webhooks_bounce": WEBHOOKS,
    "POST_webhooks_bounce: bounces switched off, webhooks on": setting(
        bounce__enabled=False, bounce__webhooks_enabled=True
    ),
    "POST_webhooks_bounce: webhooks switched off": setting(bounce__webhooks_enabled=False),
    "POST_webhooks_service_service": WEBHOOKS,
    "POST_webhooks_service_service: webhooks switched off": setting(bounce__webhooks_enabled=False),
    "PUT_api_bounces_blocklist: ok": bounced,
    "PUT_api_campaigns_id: send_at null": may_news(archive_slug="big-news-may"),
    "PUT_api_campaigns_id: update of a finished one": finished,
    "PUT_api_campaigns_id_archive: slug taken": may_news(archive_slug="big-news-may"),
    "PUT_api_campaigns_id_status": may_news(**ARCHIVED),
    "PUT_api_campaigns_id_status: scheduled to cancelled": may_news(status=Status.SCHEDULED),
    "PUT_api_campaigns_id_status: scheduled to draft": may_news(status=Status.SCHEDULED),
    "PUT_api_campaigns_id_status: back to draft": may_news(status=Status.SCHEDULED),
    "PUT_api_campaigns_id_status: running": markdown,
    "PUT_api_campaigns_id_status: running, no send_at": may_news(
        subject="News for {{ .Subscriber.Name }}", send_at=None, attribs={"issue": 5}
    ),
    "PUT_api_campaigns_id_status: finished to running": finished,
    "PUT_api_lists_id: name only": lambda: List.objects.filter(pk=3).update(  # type: ignore[dict-item,return-value]
        status="archived", description="d"
    ),
    "PUT_api_profile: ok": carla(email="carla@example.com"),
    "PUT_api_templates_id: name only": lambda: Template.objects.filter(pk=5).update(name="Own 2"),  # type: ignore[dict-item,return-value]
    "PUT_api_templates_id_default: back": lambda: _make_default(5),
    "PUT_api_templates_id_default: back again": lambda: _make_default(5),
    "PUT_api_users_id: ok": carla(email="carla@example.com", loggedin_at=None),
}


def _make_default(pk: int) -> None:
    Template.objects.update(is_default=False)
    Template.objects.filter(pk=pk).update(is_default=True)


def _confirm(subscriber_id: int) -> None:
    Subscription.objects.filter(subscriber_id=subscriber_id).update(status="confirmed")


def code(secret: str) -> str:
    """What an authenticator app shows now (RFC 6238)."""
    return format_hotp_value(hotp_value(secret, list(yield_hotp_counters_from_time())[1]))


def arrange(case: Case, *, client: Client, headers: dict[str, str], sink: SmtpSink) -> Case:
    """Make the state that `case` was recorded in; the case, with what was blanked out filled in."""
    for name in (case.file, case.name):
        if name in ARRANGEMENTS:
            ARRANGEMENTS[name]()
    filled = FILLED.get(case.name) or FILLED.get(case.file)
    return dataclasses.replace(case, request=filled(case, client, headers, sink)) if filled else case


def _pending_sign_in(case: Case, client: Client, headers: dict[str, str], sink: SmtpSink) -> dict[str, Any]:
    form = {"username": "carla", "password": world.CARLA_PASSWORD, "next": "/admin"}
    location = client.post("/admin/login", form)["Location"]
    found = re.search(r"token=([^&]+)", location)
    assert found, location
    return {**case.request, "form": {"token": found[1], "totp_code": code(TOTP_SECRET), "next": "/admin"}}


def _offered_secret(case: Case, client: Client, headers: dict[str, str], sink: SmtpSink) -> dict[str, Any]:
    secret = client.get("/api/users/4/twofa/totp", headers=headers).json()["data"]["secret"]
    given = code(secret) if case.words == "ok" else "000000"
    return {**case.request, "form": {"type": "totp", "secret": secret, "code": given}}


def _signed_out(case: Case, client: Client, headers: dict[str, str], sink: SmtpSink) -> dict[str, Any]:
    client.post("/api/logout", headers=headers)
    client.cookies["session"] = client.cookies["session"].value or "gone"
    return case.request


def _all_settings(case: Case, client: Client, headers: dict[str, str], sink: SmtpSink) -> dict[str, Any]:
    values = orjson.loads(client.get("/api/settings", headers=headers).content)["data"]
    changes = {"smtp": []} if case.words == "no SMTP" else {"app.concurrency": 9, "bounce.enabled": True}
    return {**case.request, "json": {**values, **changes}}


def _mail_server(case: Case, client: Client, headers: dict[str, str], sink: SmtpSink) -> dict[str, Any]:
    nobody = case.words == "nothing listens there"
    place = {"host": "127.0.0.1", "port": 1 if nobody else sink.port}
    return {**case.request, "json": {**case.request["json"], **place}}


def _postmark(case: Case, client: Client, headers: dict[str, str], sink: SmtpSink) -> dict[str, Any]:
    headers["Authorization"] = "Basic " + (
        "cG11c2VyOnBtcGFzcw==" if case.words == "postmark" else "cG11c2VyOndyb25n"
    )  # pmuser:pmpass, pmuser:wrong
    return case.request


FILLED: dict[str, Callable[[Case, Client, dict[str, str], SmtpSink], dict[str, Any]]] = {
    "GET_api_profile: after logout": _signed_out,
    "POST_admin_login_twofa: ok": _pending_sign_in,
    "POST_api_settings_smtp_test": _mail_server,
    "POST_webhooks_service_service: postmark": _postmark,
    "POST_webhooks_service_service: postmark, wrong password": _postmark,
    "PUT_api_settings": _all_settings,
    "PUT_api_users_id_twofa": _offered_secret,
}
