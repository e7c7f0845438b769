"""The public pages in Chromium: on a phone and a desk, in light and dark, with their scripts.

With SHOTS=<folder> every page is also kept as a picture.
"""

import os

import pytest

from campaigns.models import Campaign, CampaignList
from listmonk_py.configuration import runtime
from subscribers.models import Subscriber, Subscription
from tests import web
from tests.factories import make_list, make_subscriber

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]

SIZES = {"desk": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}
SHOTS = os.environ.get("SHOTS")
# Texts of elements that are wider than the box they stand in.
CUT_OFF = """() => [...document.querySelectorAll("h1, h2, p, label, button, .button, summary, li, footer")]
  .filter((one) => one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).display !== "inline")
  .filter((one) => !one.closest(".trap"))
  .map((one) => one.textContent)"""


@pytest.fixture(scope="module")
def server(django_db_setup, django_db_blocker):
    with web.running() as one:
        yield one


@pytest.fixture
def page(chromium, server, redis):
    context = chromium.new_context(base_url=server.url, viewport=SIZES["desk"])
    one = context.new_page()
    one.problems = []
    one.on("console", lambda m: one.problems.append(m.text) if m.type in ("error", "warning") else None)
    one.on("pageerror", lambda error: one.problems.append(str(error)))
    yield one
    context.close()


@pytest.fixture
def people():
    runtime.save({"app.site_name": "Harbour Letters"})
    news = make_list(
        name="Weekly news", type="public", optin="double", description="What happened, every Friday."
    )
    offers = make_list(name="Offers and invitations", type="public", description="Now and then, never more.")
    board = make_list(name="Board", type="private")
    person = make_subscriber(
        email="ann.lee@example.com",
        name="Ann Lee",
        lists={news: "unconfirmed", offers: "confirmed", board: "confirmed"},
    )
    campaign = Campaign.objects.create(
        name="May",
        subject="The harbour in May, and what {{ .Subscriber.Name }} may like",
        status="finished",
        body="<h1>Hello {{ .Subscriber.FirstName }}</h1><p>A letter.</p>",
        content_type="html",
        archive=True,
        archive_meta={"name": "everybody"},
    )
    for one in (news, offers, board):
        CampaignList.objects.create(campaign=campaign, list=one, list_name=one.name)
    return person, campaign


def pages(person, campaign):
    subscription = f"/subscription/{campaign.uuid}/{person.uuid}"
    return {
        "home": "/",
        "form": "/subscription/form",
        "unsubscribe": subscription,
        "preferences": f"{subscription}?manage=true",
        "optin": f"/subscription/optin/{person.uuid}",
        "archive": "/archive",
        "message": f"/campaign/{campaign.uuid}/{person.uuid}",
        "not-found": "/nosuch",
        "damaged": "/link/x/y/z",
    }


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", list(SIZES))
def test_every_page_fits_and_loads_without_complaint(page, people, size, scheme):
    page.set_viewport_size(SIZES[size])
    page.emulate_media(color_scheme=scheme)
    for name, path in pages(*people).items():
        page.problems.clear()
        page.goto(path)

        if SHOTS:
            page.screenshot(path=f"{SHOTS}/{name}-{size}-{scheme}.png", full_page=True)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= SIZES[size]["width"], f"{name} scrolls sideways"
        unexpected = [text for text in page.problems if "status of 40" not in text]
        assert unexpected == [], name


# Long words, long sentences.
@pytest.mark.parametrize("language", ["de", "fr", "pl"])
@pytest.mark.parametrize("size", list(SIZES))
def test_pages_in_other_languages_fit_too(chromium, server, redis, people, size, language):
    person, _ = people
    Subscriber.objects.filter(pk=person.pk).update(attribs={"lang": language})
    context = chromium.new_context(base_url=server.url, viewport=SIZES[size], locale=language)
    page = context.new_page()
    for name, path in pages(*people).items():
        if name == "message":
            continue  # a campaign's text is in the language it was written in
        page.goto(path)

        if SHOTS:
            page.screenshot(path=f"{SHOTS}/{name}-{size}-{language}.png", full_page=True)
        assert page.evaluate("document.documentElement.lang") == language, name
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= SIZES[size]["width"], f"{name} scrolls sideways"
        cut = page.evaluate(CUT_OFF)
        assert cut == [], f"{name} cuts words off"
    context.close()


def test_choosing_a_language_on_the_preferences_page(page, people):
    person, campaign = people
    page.goto(pages(person, campaign)["preferences"])
    page.get_by_label("Language").select_option("de")
    page.get_by_role("button", name="Save").click()

    page.get_by_role("heading", name="Gespeichert").wait_for()
    page.goto(pages(person, campaign)["preferences"])
    page.get_by_role("heading", name="Was möchten Sie erhalten?").wait_for()
    assert page.get_by_label("Sprache").input_value() == "de"


def test_signing_up_with_the_captcha_solved_by_the_page(page, people):
    runtime.save(
        {
            "security.captcha": {
                "altcha": {"enabled": True, "complexity": 5000},
                "hcaptcha": {"enabled": False},
            }
        }
    )
    eventually_shows(page, "/subscription/form", "[data-captcha]")
    page.fill("#email", "new@example.com")
    page.get_by_label("Offers and invitations").check()
    page.get_by_text("Checked: you are not a robot.").wait_for()
    shoot(page, "form-captcha")

    page.get_by_role("button", name="Subscribe").click()

    page.get_by_role("heading", name="You are subscribed").wait_for()
    shoot(page, "subscribed")
    assert Subscriber.objects.filter(email="new@example.com").exists()
    assert page.problems == []


def test_leaving_and_coming_back(page, people):
    person, campaign = people
    page.goto(pages(person, campaign)["unsubscribe"])
    page.get_by_role("button", name="Unsubscribe").click()
    page.get_by_role("heading", name="You are unsubscribed").wait_for()
    shoot(page, "unsubscribed")
    assert not Subscription.objects.active().filter(subscriber=person).exists()

    page.get_by_role("button", name="Subscribe me again").click()

    page.get_by_role("heading", name="You are subscribed again").wait_for()
    assert Subscription.objects.active().filter(subscriber=person).count() == 3


def test_deleting_ones_data_asks_first(page, people):
    person, campaign = people
    page.goto(pages(person, campaign)["unsubscribe"])
    page.get_by_text("Delete everything about me").click()
    shoot(page, "wipe")
    page.get_by_role("button", name="Delete my data").click()
    assert Subscriber.objects.filter(pk=person.pk).exists()  # the box is not ticked

    page.get_by_label("Yes, delete it for good").check()
    page.get_by_role("button", name="Delete my data").click()

    page.get_by_role("heading", name="Your data is deleted").wait_for()
    assert not Subscriber.objects.filter(pk=person.pk).exists()


def test_without_the_optin_page_the_browser_confirms_by_itself(page, people):
    person, _ = people
    runtime.save({"app.show_optin_page": False})
    confirmed = page.get_by_role("heading", name="Confirmed")

    for _ in range(40):  # the server looks for changed settings once a second
        page.goto(f"/subscription/optin/{person.uuid}")
        page.wait_for_timeout(250)
        if confirmed.count():
            break

    assert not Subscription.objects.filter(subscriber=person, status="unconfirmed").exists()


def eventually_shows(page, path, selector):
    """Load the page until a changed setting shows; the server looks for changes once a second."""
    for _ in range(40):
        page.goto(path)
        if page.locator(selector).count():
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"{path} never shows {selector}")


def shoot(page, name):
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)
