"""Pages by keyset: every row on exactly one page, however few of the rows looked at fit."""

from typing import Any

import pytest
from django.test import Client

from bounces.models import Bounce
from campaigns.engine.models import Batch
from campaigns.media.models import Media
from campaigns.models import Campaign, CampaignList, Template
from listmonk_py.accounts import admin_paging
from listmonk_py.accounts.admin_paging import below_in, newest, walk_down
from subscribers import admin_walk
from subscribers.models import Subscriber
from tests.factories import make_list, make_subscriber, make_user

pytestmark = pytest.mark.django_db

PEOPLE = "/admin/subscribers/subscriber/"


def owner() -> Client:
    client = Client()
    client.force_login(make_user(superadmin=True))
    return client


def shown(answer: Any) -> list[Any]:
    return list(answer.context_data["cl"].result_list)


def pages(rows: Any, walk: Any, *, most: int) -> list[list[int]]:
    """The ids on each page, until there is no next one."""
    found, below = [], None
    while True:
        page = newest(rows, walk, below=below, most=most)
        found.append([one.pk for one in page.rows])
        if page.next_below is None:
            return found
        below = page.next_below


def test_pages_hold_every_row_once_newest_first() -> None:
    ids = [make_subscriber().pk for _ in range(7)]

    found = pages(Subscriber.objects.all(), walk_down(Subscriber.objects.all()), most=3)

    assert found == [ids[:3:-1], ids[3:0:-1], ids[:1]]


def test_a_full_last_page_has_no_page_after_it() -> None:
    for _ in range(6):
        make_subscriber()

    found = pages(Subscriber.objects.all(), walk_down(Subscriber.objects.all()), most=3)

    assert [len(page) for page in found] == [3, 3]


def test_rare_rows_are_looked_for_a_bounded_way_and_then_further(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin_paging, "LOOKS", (4, 8))
    rare = [make_subscriber(name="rare").pk for _ in range(2)]
    for _ in range(40):
        make_subscriber()
    rows, everybody = Subscriber.objects.filter(name="rare"), walk_down(Subscriber.objects.all())

    first = newest(rows, everybody, below=None, most=3)
    found = pages(rows, everybody, most=3)

    assert (first.rows, first.looked_at) == ([], 4 + 4 + 8)
    assert [pk for page in found for pk in page] == rare[::-1]
    assert len(found) == 3


def test_the_page_says_how_far_it_has_looked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin_paging, "LOOKS", (1, 1))
    old = make_list()
    Campaign.objects.create(name="Needle", subject="x")
    for _ in range(60):
        campaign = Campaign.objects.create(name="Hay", subject="x")
        CampaignList.objects.create(campaign=campaign, list=old, list_name="x")
    client = owner()

    page = client.get("/admin/campaigns/campaign/?q=needle")
    further = client.get(f"/admin/campaigns/campaign/{page.context_data['cl'].next_query}")

    assert b"0 found among 53 looked at" in page.content
    assert b"Look further" in page.content
    assert [one.name for one in shown(further)] == ["Needle"]


@pytest.mark.parametrize("text", ["x", "-1", "1.5", "²", "9" * 30])
def test_what_is_no_id_is_no_place_in_a_listing(text: str) -> None:
    with pytest.raises(ValueError, match="below"):
        below_in(text)
    assert owner().get(f"{PEOPLE}?below={text}").status_code == 302
    assert owner().get(f"/admin/media/media/?below={text}").status_code == 302


@pytest.mark.parametrize(
    "page",
    [
        "/admin/subscribers/subscriber/?status__exact=%00",
        "/admin/subscribers/subscriber/?list=%C2%B2",
        "/admin/subscribers/subscriber/?list=999999999999999999",
        "/admin/subscribers/subscriber/?q=999999999999999999",
        "/admin/campaigns/campaign/?list=%00",
        "/admin/campaigns/campaign/?list=999999999999999999",
        "/admin/bounces/bounce/?source__exact=%00",
        "/admin/bounces/bounce/?type__exact=x",
        "/admin/engine/batch/?q=999999999999999999",
        "/admin/engine/batch/?state__exact=x",
        "/admin/transactional/txmessage/?status__exact=%00",
        "/admin/media/media/?q=%00",
        "/admin/autocomplete/?app_label=campaigns&model_name=campaign&field_name=media&term=%00",
        "/admin/autocomplete/?app_label=bounces&model_name=bounce&field_name=subscriber&term=%00",
    ],
)
def test_a_filter_with_nonsense_is_no_fault_of_the_server(page: str) -> None:
    assert owner().get(page).status_code in (200, 302)


def test_members_of_several_lists_are_walked_once_each() -> None:
    news, shop, other = make_list(), make_list(), make_list()
    both = make_subscriber(lists={news: "confirmed", shop: "unsubscribed"})
    one = make_subscriber(lists={shop: "confirmed"})
    make_subscriber(lists={other: "confirmed"})
    walk = admin_walk.on_lists([news.pk, shop.pk])

    assert walk(None, 10) == [one.pk, both.pk]
    assert walk(None, 1) == [one.pk]
    assert walk(one.pk, 10) == [both.pk]
    assert admin_walk.on_lists([shop.pk], left=True)(None, 10) == [both.pk]


def test_the_rarer_of_two_conditions_is_walked() -> None:
    news = make_list()
    on_it = make_subscriber(lists={news: "confirmed"})
    off_it = make_subscriber()
    blocked = make_subscriber(status="blocklisted", lists={news: "unsubscribed"})
    user = make_user(superadmin=True)

    def walked(**conditions: Any) -> list[int]:
        return admin_walk.people(user, **conditions)(None, 10)

    assert walked() == [blocked.pk, off_it.pk, on_it.pk]
    assert walked(list_id=news.pk, status="blocklisted") == [blocked.pk]
    assert walked(list_id=news.pk, status="enabled") == [blocked.pk, on_it.pk]
    assert walked(list_id=news.pk, subscription="unconfirmed") == []


def test_a_list_that_one_may_not_read_is_not_walked() -> None:
    mine, theirs = make_list(), make_list()
    make_subscriber(lists={theirs: "confirmed"})
    user = make_user("subscribers:get", grants={mine: ["list:get"]})

    assert admin_walk.people(user, list_id=theirs.pk)(None, 10) == []


def test_people_are_filtered_by_list_subscription_and_status_together() -> None:
    news = make_list()
    wanted = make_subscriber(lists={news: "unconfirmed"}, status="disabled")
    make_subscriber(lists={news: "unconfirmed"})
    make_subscriber(lists={news: "confirmed"}, status="disabled")
    make_subscriber(status="disabled")

    query = f"?list={news.pk}&subscription_status=unconfirmed&status__exact=disabled"

    assert shown(owner().get(PEOPLE + query)) == [wanted]


def test_campaigns_are_filtered_by_the_list_they_go_to() -> None:
    news = make_list()
    wanted, _ = (Campaign.objects.create(name=name, subject="x") for name in ("a", "b"))
    CampaignList.objects.create(campaign=wanted, list=news, list_name=news.name)

    assert shown(owner().get(f"/admin/campaigns/campaign/?list={news.pk}")) == [wanted]


def test_bounces_are_filtered_by_where_they_came_from() -> None:
    person = make_subscriber()
    wanted = Bounce.objects.create(subscriber=person, source="ses", event_id="1")
    Bounce.objects.create(subscriber=person, source="api", event_id="2")

    answer = owner().get("/admin/bounces/bounce/?source__exact=ses")

    assert shown(answer) == [wanted]
    assert b'<option value="api"' in answer.content


def test_the_batches_of_a_campaign_are_in_order_whatever_their_state() -> None:
    campaign, other = (Campaign.objects.create(name=name, subject="x") for name in ("a", "b"))
    fields = {"size": 1, "first_id": 1, "last_id": 1}
    made = [Batch.objects.create(campaign=campaign, state=state, **fields) for state in (0, 1, 0, 1)]
    Batch.objects.create(campaign=other, **fields)
    client = owner()

    assert shown(client.get(f"/admin/engine/batch/?q={campaign.pk}")) == made[::-1]
    assert shown(client.get("/admin/engine/batch/?q=x")) == []


def test_a_template_tells_in_how_many_campaigns_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("campaigns.admin.MOST_COUNTED", 2)
    Template.objects.all().delete()
    template = Template.objects.create(name="Frame", body='{{ template "content" . }}')
    client = owner()

    def used() -> str:
        [row] = shown(client.get("/admin/campaigns/template/"))
        admin: Any = client.get("/admin/campaigns/template/").context_data["cl"].model_admin
        return str(admin.used(row))

    assert used() == "0"
    for _ in range(3):
        Campaign.objects.create(name="x", subject="x", template=template)
    assert used() == "more than 2"


def test_the_media_grid_goes_on_below_the_last_file() -> None:
    for number in range(50):
        Media.objects.create(filename=f"file{number}.png")
    client = owner()

    first = client.get("/admin/media/media/")
    rest = client.get(f"/admin/media/media/?below={first.context_data['next_below']}")

    assert [len(page.context_data["files"]) for page in (first, rest)] == [48, 2]
    assert rest.context_data["next_below"] is None
    assert b"Newest" in rest.content
