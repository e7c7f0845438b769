"""The admin as staff use it, in Chromium: from the first visit to a campaign that is sent."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.urls import reverse
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from campaigns.models import Campaign, Template
from listmonk_py.configuration import runtime
from listmonk_py.configuration.setting_pages import PAGES
from subscribers.models import List, Segment, Subscriber
from tests.engine.conftest import add_people, engine, send_all, sink  # noqa: F401 - fixtures
from tests.factories import PASSWORD, make_list, make_role, make_subscriber, make_user
from tests.sinks import SmtpSink

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

WIDTHS = (1280, 390)


class Watched:
    """A page, and everything that it complains about."""

    def __init__(self, page: Any, base: str) -> None:
        self.page, self.base = page, base
        self.complaints: list[str] = []
        page.on("console", self._console)
        page.on("request", self._request)
        page.on("requestfailed", self._failed)

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{self.page.url}: {message.text}")

    def _request(self, request: Any) -> None:
        if not request.url.startswith((self.base, "data:", "blob:", "about:")):
            self.complaints.append(f"{self.page.url} asks {request.url}")

    def _failed(self, request: Any) -> None:
        if "ERR_ABORTED" not in (request.failure or ""):  # polls that a new page overtakes
            self.complaints.append(f"{request.url}: {request.failure}")

    def open(self, path: str) -> Any:
        return self.page.goto(self.base + path)

    def sign_in(self, username: str) -> None:
        self.open("/admin/login")
        self.page.fill("#username", username)
        self.page.fill("#password", PASSWORD)
        self.page.click("button.primary")
        self.page.wait_for_url("**/admin/")


@pytest.fixture
def watched(page: Any, live_server: Any, settings: Any) -> Iterator[Watched]:
    # By address: for a name Chromium tries IPv6 first, where nobody listens, and a request that the next page
    # overtakes then counts as refused instead of aborted.
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "127.0.0.1"]
    seen = Watched(page, live_server.url.replace("localhost", "127.0.0.1"))
    yield seen
    assert not seen.complaints, "\n".join(seen.complaints)


def choose(page: Any, field: str, *labels: str) -> None:
    """Choose in a list that select2 covers."""
    page.locator(f"#id_{field}").select_option(label=list(labels), force=True)


def test_a_fresh_installation_leads_to_its_first_campaign(
    engine: SmtpSink,  # noqa: F811
    watched: Watched,
) -> None:
    runtime.save({"smtp": []})
    page = watched.page

    # The first visitor becomes the owner.
    watched.open("/admin/")
    page.fill("[name=email]", "owner@example.com")
    page.fill("[name=username]", "owner")
    page.fill("[name=password]", PASSWORD)
    page.fill("[name=password2]", PASSWORD)
    page.click("button.primary")
    page.wait_for_url("**/admin/")
    assert page.get_by_role("heading", name="First steps").is_visible()

    # An SMTP server, tried before it is saved.
    page.get_by_role("link", name="Add it").click()
    page.get_by_role("button", name="Add SMTP server").click()
    page.fill("[name=smtp-0-host]", engine.host)
    page.fill("[name=smtp-0-port]", str(engine.port))
    page.select_option("[name=smtp-0-tls_type]", "none")
    page.select_option("[name=smtp-0-auth_protocol]", "none")
    page.get_by_role("button", name="Send test").first.click()
    page.get_by_text("Sent a test mail from").wait_for()
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Saved, and in force already.").wait_for()
    assert [one["host"] for one in runtime.get("smtp")] == [engine.host]

    # A list with people, made here, and a campaign, made there.
    news = make_list(name="News")
    add_people(25, news)
    watched.open("/admin/campaigns/new")
    page.fill("#id_name", "First")
    page.fill("#id_subject", "Hello {{ .Subscriber.FirstName }}")
    choose(page, "lists", "News")
    page.fill("#id_body", "<p>Dear {{ .Subscriber.Name }}</p>")
    frame = page.frame_locator(".lm-frame iframe")
    frame.get_by_text("Dear Demo Subscriber").wait_for()
    page.click("[name=_save]")
    page.get_by_text("is saved as a draft").wait_for()

    # A test to oneself, who is no subscriber.
    page.fill("#test-address", "owner@example.com")
    page.get_by_role("button", name="Send test").click()
    page.get_by_text("The test is on its way to owner@example.com.").wait_for()
    assert not Subscriber.objects.filter(email="owner@example.com").exists()

    # The pre-flight sheet, then Start, then the equation.
    page.get_by_role("button", name=re.compile("Save and start")).click()
    page.get_by_role("button", name="Start sending to 25").click()
    page.wait_for_url("**/overview/")
    assert Campaign.objects.get().status == "running"
    send_all()
    page.locator(".lm-head [data-status=finished]").wait_for()
    assert page.locator("[data-figure=audience]").inner_text() == "25"
    assert page.locator("[data-figure=accepted]").inner_text() == "25"
    bodies = {one.recipients[0]: one.parsed.get_body().get_content() for one in engine.messages}  # type: ignore[union-attr]
    assert {f"p{n}@example.com" for n in range(1, 26)} <= set(bodies)
    assert "Dear Person 7" in bodies["p7@example.com"]


def test_a_running_campaign_is_paused_resumed_and_shows_who_failed(
    engine: SmtpSink,  # noqa: F811
    watched: Watched,
) -> None:
    make_user(superadmin=True, username="owner")
    news = make_list(name="News")
    add_people(10, news)
    engine.script("rcpt", "550 5.1.1 No such user", address="p3@example.com", times=1)
    campaign = Campaign.objects.create(
        name="Weekly", subject="Hi", body="<p>Hi</p>", content_type="html", from_email="a@example.org"
    )
    campaign.campaign_lists.create(list=news, list_name=news.name)
    watched.sign_in("owner")
    page = watched.page

    watched.open(f"/admin/campaigns/campaign/{campaign.pk}/start/")
    page.get_by_role("button", name="Start sending to 10").click()
    page.locator(".lm-head [data-status=running]").wait_for()
    page.get_by_role("button", name="Pause").click()
    page.locator(".lm-head [data-status=paused]").wait_for()
    page.get_by_role("link", name="Resume…").click()
    page.get_by_role("button", name="Resume sending").click()
    page.locator(".lm-head [data-status=running]").wait_for()
    send_all()
    page.locator(".lm-head [data-status=finished]").wait_for()
    assert page.locator("[data-figure=failed]").inner_text() == "1"

    page.get_by_role("link", name="Deliveries").click()
    row = page.get_by_role("row", name=re.compile("p3@example.com"))
    assert "550" in row.inner_text()

    page.get_by_role("link", name="Overview").click()
    page.get_by_role("button", name="Retry the failed").click()
    page.locator(".lm-head [data-status=running]").wait_for()
    send_all()
    page.locator(".lm-head [data-status=finished]").wait_for()
    assert page.locator("[data-figure=accepted]").inner_text() == "10"


def test_a_mistake_in_the_text_is_shown_in_words_and_nothing_is_lost(watched: Watched) -> None:
    make_user(superadmin=True, username="owner")
    make_list(name="News")
    watched.sign_in("owner")
    page = watched.page

    watched.open("/admin/campaigns/campaign/add/")
    page.fill("#id_name", "Broken")
    page.fill("#id_subject", "Hi")
    choose(page, "lists", "News")
    page.fill("#id_body", "<p>{{ .Subscriber.FirstName </p>")
    page.locator("[data-shown=error]:visible").wait_for()
    page.click("[name=_save]")

    assert "Error compiling campaign body" in page.locator(".field-body, #content-main").first.inner_text()
    assert page.input_value("#id_body") == "<p>{{ .Subscriber.FirstName </p>"
    assert not Campaign.objects.exists()


@pytest.fixture
def furnished(transactional_db: None) -> list[str]:
    """A little of everything, and the address of every page about it."""
    make_user(superadmin=True, username="owner")
    news = make_list(name="News", tags=["weekly"])
    person = make_subscriber(lists={news: "confirmed"})
    segment = Segment.objects.create(name="Named", rule={"op": "EXISTS", "field": "name"})
    role = make_role("lists:get_all")
    template = Template.objects.create(
        name="Frame", body='<body>{{ template "content" . }}</body>', is_default=True
    )
    draft = Campaign.objects.create(name="Draft", subject="Hi", body="<p>Hi</p>", content_type="html")
    sent = Campaign.objects.create(
        name="Sent", subject="Hi", status="finished", to_send=10, sent=8, failed=1, unknown=1, segment=segment
    )
    Campaign.objects.filter(pk=sent.pk).update(
        started_at="2026-01-01T10:00:00Z", finished_at="2026-01-01T10:05:00Z"
    )
    for one in (draft, sent):
        one.campaign_lists.create(list=news, list_name=news.name)  # type: ignore[attr-defined]
    pages = ["/admin/", "/admin/maintenance/", "/admin/logs/", *_listings(), *_forms()]
    pages += [f"/admin/configuration/setting/group/{one}/" for one in _groups()]
    for model, pk in (
        ("subscribers_list", news.pk),
        ("subscribers_subscriber", person.pk),
        ("subscribers_segment", segment.pk),
        ("campaigns_template", template.pk),
        ("campaigns_campaign", draft.pk),
        ("accounts_role", role.pk),
        ("accounts_user", 1),
        ("django_celery_beat_periodictask", _first_task()),
    ):
        pages.append(reverse(f"admin:{model}_change", args=[pk]))
    pages += [f"/admin/campaigns/campaign/{draft.pk}/start/"]
    pages += [f"/admin/campaigns/campaign/{sent.pk}/{page}/" for page in ("overview", "deliveries")]
    return pages


def _listings() -> list[str]:
    names = [f"admin:{m._meta.app_label}_{m._meta.model_name}_changelist" for m in admin.site._registry]
    return [reverse(name) for name in names]


def _forms() -> list[str]:
    names = (
        "campaigns_campaign",
        "campaigns_template",
        "subscribers_list",
        "subscribers_segment",
        "subscribers_subscriber",
        "accounts_user",
        "accounts_role",
        "accounts_apitoken",
        "mail_domaingroup",
    )
    return [reverse(f"admin:{name}_add") for name in names]


def _groups() -> list[str]:
    return list(PAGES)


def _first_task() -> int:
    every, _ = IntervalSchedule.objects.get_or_create(every=1, period="seconds")
    task, _ = PeriodicTask.objects.get_or_create(
        name="Every second", defaults={"task": "x", "interval": every}
    )
    return task.pk


@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_opens_without_complaint_and_fits(
    watched: Watched, furnished: list[str], width: int
) -> None:
    watched.page.set_viewport_size({"width": width, "height": 900})
    watched.sign_in("owner")
    faults = []

    for path in furnished:
        answer = watched.open(path)
        if answer.status != 200:
            faults.append(f"{path}: {answer.status}")
        wide = watched.page.evaluate("document.documentElement.scrollWidth")
        if wide > width:
            faults.append(f"{path} is {wide} pixels wide")
        if not watched.page.title():
            faults.append(f"{path} has no title")

    assert not faults, "\n".join(faults)


def test_people_are_found_ticked_and_blocklisted(watched: Watched) -> None:
    make_user(superadmin=True, username="owner")
    news = make_list(name="News")
    anna = make_subscriber(email="anna@example.com", lists={news: "confirmed"})
    make_subscriber(email="bert@example.com", lists={news: "confirmed"})
    watched.sign_in("owner")
    page = watched.page

    watched.open("/admin/subscribers/subscriber/?q=anna")
    assert page.get_by_text("bert@example.com").count() == 0
    page.locator("tbody .action-select").first.check()
    page.locator("select[name=action]").select_option("blocklist")
    page.get_by_role("button", name="Run").click()
    page.get_by_text("1 are blocklisted now").wait_for()

    anna.refresh_from_db()
    assert anna.status == "blocklisted"
    assert List.objects.get().subscriptions.get(subscriber=anna).status == "unsubscribed"  # type: ignore[attr-defined]
