"""A bounce mailbox in Chromium: added, tried before it is saved, and what became of it afterwards."""

import math
import os
from pathlib import Path

import pytest

from bounces.mailboxes import scanning
from listmonk_py.configuration import runtime
from tests.bounces.imap_server import ImapServer
from tests.bounces.mail_server import PASSWORD, USER
from tests.factories import make_user

from .test_browser import Watched, watched  # noqa: F401 - a fixture

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_mailbox_is_added_tried_and_read(watched: Watched) -> None:  # noqa: F811
    make_user(superadmin=True, username="owner")
    page = watched.page
    watched.sign_in("owner")
    with ImapServer() as server:
        server.fill([b"Subject: hello\n\nx"])
        watched.open("/admin/configuration/setting/group/bounces/")
        page.get_by_role("button", name="Add mailbox").click()
        prefix = "[name=bounce_mailboxes-0-"
        page.select_option(f"{prefix}type]", "imap")
        for name, text in (
            ("host", "127.0.0.1"),
            ("port", str(server.port)),
            ("username", USER),
            ("password", PASSWORD),
        ):
            page.fill(f"{prefix}{name}]", text)
        page.locator(f"{prefix}tls_enabled]").uncheck(force=True)

        page.get_by_role("button", name="Try it").click()
        page.get_by_text("1 mail in INBOX waits to be read.").wait_for()
        assert len(server.mails) == 1

        page.get_by_role("button", name="Save").click()
        page.get_by_text("Saved, and in force already.").wait_for()
        page.get_by_text("Not read yet.").wait_for()
        assert [one["password"] for one in runtime.get("bounce.mailboxes")] == [PASSWORD]

        runtime.save({"bounce.enabled": True})
        [box] = scanning.boxes()
        scanning.scan(box, stop_at=math.inf)
        page.reload()
        page.get_by_text("1 mail, 0 bounces, 1 not understood").wait_for()

        # The stored password is used, and what the server says is shown.
        page.get_by_role("button", name="Try it").click()
        page.get_by_text("0 mails in INBOX wait to be read.").wait_for()
        if os.environ.get("SHOTS_FOLDER"):
            page.screenshot(path=Path(os.environ["SHOTS_FOLDER"]) / "mailbox.png", full_page=True)
