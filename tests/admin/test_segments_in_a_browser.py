"""The editor of segments, in Chromium: built by clicks, by keyboard, read back, and what is wrong shown where."""

import os
import re
from pathlib import Path
from typing import Any

import pytest

from campaigns.models import Campaign
from subscribers.models import Segment
from subscribers.segments import saved
from tests.factories import make_list, make_subscriber, make_user

from .test_browser import Watched, watched  # noqa: F401 - a fixture

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

ADD = "/admin/subscribers/segment/add/"
SHOTS = os.environ.get("SHOTS_FOLDER", "")


def shot(page: Any, name: str) -> None:
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)


@pytest.fixture
def owner(transactional_db: None) -> Any:
    return make_user(superadmin=True, username="owner")


@pytest.fixture
def people(owner: Any) -> Any:
    news = make_list(name="News")
    make_list(name="Offers")
    make_subscriber(email="ann@x.io", attribs={"city": "London", "age": 30}, lists={news: "confirmed"})
    make_subscriber(email="bob@x.io", attribs={"city": "Paris", "age": 17}, lists={news: "confirmed"})
    make_subscriber(email="cid@x.io", attribs={"city": "Oslo", "age": 50})
    return news


def row(page: Any, number: int) -> Any:
    return page.locator(".lm-rule").nth(number)


def test_a_segment_is_built_by_clicks_counted_and_saved(watched: Watched, people: Any) -> None:  # noqa: F811
    page = watched.page
    watched.sign_in("owner")
    watched.open(ADD)
    page.fill("#id_name", "Grown-ups of London or on the list")

    page.get_by_role("button", name="Add a rule to this group").click()
    row(page, 0).get_by_label("Name of the attribute").fill("age")
    row(page, 0).get_by_label("Comparison").select_option("GTE")
    row(page, 0).get_by_label("Value").fill("18")
    page.get_by_role("button", name="Add a group to this group").click()
    row(page, 1).get_by_label("Name of the attribute").fill("city")
    row(page, 1).get_by_label("Value").fill("London")
    page.locator(".lm-group .lm-group").get_by_role("button", name="Add a rule to this group").click()
    row(page, 2).get_by_label("Field").select_option("lists")
    row(page, 2).get_by_label("List", exact=True).select_option(label="News")
    page.get_by_role("button", name="How many people").click()
    page.get_by_text("1 person").wait_for()
    assert page.get_by_role("link", name="ann@x.io").is_visible()
    shot(page, "segment-built")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url("**/segment/")

    assert Segment.objects.get().rule == {
        "op": "AND",
        "rules": [
            {"op": "GTE", "field": "attribs.age", "value": 18},
            {
                "op": "OR",
                "rules": [
                    {"op": "EQ", "field": "attribs.city", "value": "London"},
                    {"op": "EQ", "field": "lists", "value": people.pk},
                ],
            },
        ],
    }
    shot(page, "segments")


def test_it_works_without_a_mouse(watched: Watched, people: Any) -> None:  # noqa: F811
    page = watched.page
    watched.sign_in("owner")
    watched.open(ADD)
    page.fill("#id_name", "Typed")
    page.get_by_role("button", name="Add a rule to this group").focus()

    press = page.keyboard.press
    press("Enter")  # a row, with its first choice in focus
    page.keyboard.type("E-mail")
    press("Tab")
    page.keyboard.type("ends")
    press("Tab")
    page.keyboard.type("@x.io")
    press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Remove this rule"
    press("Tab")
    press("Enter")  # another row
    press("Shift+Tab")
    press("Enter")  # away with the first one: its neighbour has the focus
    assert page.locator(".lm-rule").count() == 1
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Field"


ODD = {
    "op": "NOT",
    "rules": [
        {"op": "OR", "rules": [
            {"op": "IN", "field": "attribs.city", "value": ["Rome", "7", 7, True]},
            {"op": "EQ", "field": "attribs.code", "value": 7},
            {"op": "EQ", "field": "attribs.vip", "value": True},
            {"op": "EXISTS", "field": "name", "value": False},
            {"op": "EXISTS", "field": "lists.confirmed"},
            {"op": "IN", "field": "lists", "value": [999, 1000]},
            {"op": "GT", "field": "created_at", "value": "2026-01-01T10:00:00Z"},
            {"op": "LT", "field": "updated_at", "value": "2026-01-01"},
            {"op": "GT", "field": "name", "value": "m"},
            {"op": "EQ", "field": "uuid", "value": "x"},
            {"op": "IN", "field": "status", "value": ["enabled"]},
            {"op": "AND", "rules": [{"op": "NE", "field": "status", "value": "disabled"}]},
            {"op": "NOT", "rules": [
                {"op": "LTE", "field": "attribs.a.b", "value": "x"}, {"op": "EQ", "field": "email", "value": ""},
            ]},
        ]},
    ],
}  # fmt: skip


def test_what_was_written_by_hand_is_the_same_after_the_editor_had_it(
    watched: Watched,  # noqa: F811
    owner: Any,
) -> None:
    segment = saved.create({"name": "Odd", "rule": ODD}, owner)
    watched.sign_in("owner")
    watched.open(f"/admin/subscribers/segment/{segment.pk}/change/")
    watched.page.locator(".lm-rule").first.wait_for()

    assert watched.page.evaluate("JSON.parse(document.querySelector('[name=rule]').value)") == ODD


def test_what_is_wrong_is_shown_at_the_rule(watched: Watched, people: Any) -> None:  # noqa: F811
    page = watched.page
    watched.sign_in("owner")
    watched.open(ADD)
    page.fill("#id_name", "Wrong")
    save = page.get_by_role("button", name="Save", exact=True)

    save.click()
    page.get_by_text("Add a rule to this group, or remove it.").wait_for()
    page.get_by_role("button", name="Add a rule to this group").click()
    row(page, 0).get_by_label("Name of the attribute").fill("city")
    save.click()
    assert "Fill in a value" in row(page, 0).locator(".lm-error").inner_text()
    row(page, 0).get_by_label("Value").fill("London")
    assert row(page, 0).locator(".lm-error").count() == 0

    # What only the server knows to be wrong: a date that is none, in the second rule of a group.
    page.locator("summary").click()
    page.locator("[name=rule]").fill(
        '{"op": "AND", "rules": [{"op": "NOT", "rules": [{"op": "EXISTS", "field": "name"},'
        ' {"op": "GT", "field": "created_at", "value": "soon"}]}]}'
    )
    page.locator("[name=rule]").blur()
    save.click()
    page.wait_for_load_state()
    marked = page.locator(".lm-rule", has=page.locator(".lm-error"))
    marked.wait_for()
    assert marked.count() == 1
    assert marked.get_by_label("Value").input_value() == "soon"
    assert "Expected a time" in marked.locator(".lm-error").inner_text()
    assert not page.get_by_text("rules[0].rules[1]").is_visible()
    shot(page, "segment-wrong")
    assert not Segment.objects.exists()
    marked.get_by_label("Value").fill("2026-01-01")
    save.click()
    page.wait_for_url("**/segment/")
    assert Segment.objects.get().rule["rules"][0]["rules"][1]["value"] == "2026-01-01"


def test_a_phone_shows_all_of_it(watched: Watched, people: Any) -> None:  # noqa: F811
    nested = {"op": "AND", "rules": [
        {"op": "EQ", "field": "attribs.city", "value": "London"},
        {"op": "OR", "rules": [
            {"op": "IN", "field": "lists", "value": [people.pk]},
            {"op": "AND", "rules": [{"op": "GTE", "field": "created_at", "value": "2026-01-01"}]},
        ]},
    ]}  # fmt: skip
    segment = saved.create({"name": "Nested", "rule": nested}, make_user(superadmin=True))
    page = watched.page
    watched.sign_in("owner")
    watched.open("/admin/subscribers/segment/")
    shot(page, "segments-listing")
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        watched.open(f"/admin/subscribers/segment/{segment.pk}/change/")
        page.locator(".lm-rule").first.wait_for()
        page.get_by_role("button", name="How many people").click()
        page.get_by_text(re.compile("1 person|people")).first.wait_for()
        shot(page, f"segment-{width}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_campaign_chooses_its_segment_by_typing(watched: Watched, people: Any, owner: Any) -> None:  # noqa: F811
    segment = saved.create({"name": "Londoners", "rule": {"op": "EXISTS", "field": "attribs.city"}}, owner)
    campaign = Campaign.objects.create(name="May", subject="Hi", body="<p>Hi</p>", content_type="html")
    campaign.campaign_lists.create(list=people, list_name=people.name)  # type: ignore[attr-defined]
    page = watched.page
    watched.sign_in("owner")
    watched.open(f"/admin/campaigns/campaign/{campaign.pk}/change/")

    page.locator(".field-segment .select2-selection, #id_segment + .select2 .select2-selection").first.click()
    page.locator(".select2-search__field").last.fill("lond")
    page.get_by_role("option", name="Londoners").click()
    shot(page, "campaign-with-segment")
    page.click("[name=_save]")
    page.get_by_text("is saved").first.wait_for()

    campaign.refresh_from_db()
    assert campaign.segment == segment
