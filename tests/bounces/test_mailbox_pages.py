"""Bounce mailboxes in the admin: what became of each, trying one, and the mails that were not understood."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bounces.mailboxes import aside
from bounces.models import AsideMail, MailboxScan
from listmonk_py.configuration import runtime
from tests.bounces.pop_server import PopServer
from tests.bounces.test_mailboxes import box_of, configure, scan
from tests.factories import call, make_api_client, make_list, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def server() -> Any:
    with PopServer() as one:
        yield one


def client_of(*permissions: str, **fields: Any) -> Client:
    client = Client()
    client.force_login(make_user(*permissions, **fields))
    return client


def settings_page(client: Client) -> str:
    page = reverse("admin:configuration_setting_group", args=["bounces"])
    return client.get(page).content.decode()


def test_the_settings_tell_of_each_mailbox_s_last_scan(server):
    client = client_of(superadmin=True)
    [box] = configure(server)

    assert "Not read yet." in settings_page(client)

    server.fill([b"Subject: hello\n\nx"])
    scan(box)
    assert "1 mail, 0 bounces, 1 not understood" in settings_page(client)

    MailboxScan.objects.update(error="Nothing listens at 127.0.0.1:995.")
    assert "The last scan failed: Nothing listens at 127.0.0.1:995." in settings_page(client)


def test_the_dashboard_tells_of_a_mailbox_that_cannot_be_read(server):
    client = client_of(superadmin=True)
    [box] = configure(server, password="wrong")
    words = "The bounce mailbox at 127.0.0.1 cannot be read"

    assert words not in client.get(reverse("admin:index")).content.decode()
    scan(box)
    assert words in client.get(reverse("admin:index")).content.decode()

    runtime.save({"bounce.enabled": False})
    assert words not in client.get(reverse("admin:index")).content.decode()


def test_only_who_may_change_settings_gets_the_button(server):
    configure(server)

    assert 'data-try="/api/settings/mailbox/test"' in settings_page(client_of(superadmin=True))
    assert "data-try" not in settings_page(client_of("settings:get"))


def test_mails_that_were_not_understood_are_shown(server):
    aside.keep(box_of(server), b"Subject: <b>hello</b>\nFrom: ada@example.com\n\n<script>x</script>", "odd")
    client = client_of("bounces:get", "subscribers:get_all")
    mail = AsideMail.objects.get()

    listing = client.get(reverse("admin:bounces_asidemail_changelist")).content.decode()
    page = client.get(reverse("admin:bounces_asidemail_change", args=[mail.pk])).content.decode()

    assert "&lt;b&gt;hello&lt;/b&gt;" in listing
    assert "&lt;script&gt;x&lt;/script&gt;" in page


def test_who_sees_some_lists_only_does_not_see_them(server):
    """Whom such a mail is about is not known."""
    aside.keep(box_of(server), b"Subject: hello\n\nx", "odd")
    client = client_of("bounces:get", grants={make_list(): ["list:get"]})

    assert "hello" not in client.get(reverse("admin:bounces_asidemail_changelist")).content.decode()


def test_the_window_of_an_action_is_a_setting(server):
    client = make_api_client(superadmin=True)
    rules = {kind: {"count": 2, "action": "blocklist"} for kind in ("soft", "hard", "complaint")}

    status, _ = call(
        client, "PUT", "/api/settings/bounce.actions", {**rules, "soft": {**rules["soft"], "window": "720h"}}
    )
    refused, answer = call(
        client,
        "PUT",
        "/api/settings/bounce.actions",
        {**rules, "soft": {**rules["soft"], "window": "a week"}},
    )

    assert status == 200
    stored = runtime.get("bounce.actions")
    assert (stored["soft"]["window"], stored["hard"]["window"]) == ("720h", "")
    assert (refused, "bounce.actions.soft.window" in answer["message"]) == (400, True)


def test_a_scan_under_way_is_told(server):
    [box] = configure(server)
    scan(box)
    MailboxScan.objects.update(token=box.key, lease_until=timezone.now() + timedelta(minutes=1))

    _, answer = call(make_api_client(superadmin=True), "GET", "/api/bounces/mailboxes")

    assert answer["data"][0]["last_scan"]["is_running"] is True
