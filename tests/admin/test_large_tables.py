"""The admin's listings on large tables: what their statements read, by EXPLAIN, not how long they take.

Twenty thousand rows in each table are enough to tell: what reads a table in search of a few rows reads all
of them, what walks an index reads about a page. What is looked for is always among the oldest rows, which a
walk from the newest meets last.
"""

import json
import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.contrib import admin
from django.db import connection
from django.db.models import Max
from django.test import Client
from django.urls import reverse

from bounces.models import Bounce
from campaigns.engine.models import Batch
from campaigns.media.models import Media
from campaigns.models import Campaign
from campaigns.transactional.models import TxMessage
from listmonk_py.accounts.admin_base import BigTableAdmin
from listmonk_py.accounts.admin_paging import LOOKS
from subscribers.models import List, Subscriber
from tests.factories import make_list, make_subscriber, make_user
from tracking.models import Link

ROWS = 20_000
FEW = 30  # rows, the oldest ones, that the sparse filters find
# A page of 51 with what its rows refer to; searches look at up to 500 by address and 500 by name.
MOST_READ = 1_100
# Where no index helps (two conditions, words in a name): what a page looks at, each at most once by key.
MOST_LOOKED_AT = 2 * (51 + sum(LOOKS))

BIG = (
    "subscribers_subscriber",
    "subscribers_subscription",
    "campaigns_campaign",
    "campaigns_campaignlist",
    "bounces_bounce",
    "transactional_txmessage",
    "engine_batch",
    "tracking_link",
    "media_media",
)
PEOPLE = "/admin/subscribers/subscriber/"


def multiply(first: Any, **values: str) -> None:
    """Copy a row until there are ROWS of them; `values` are SQL in `n`, the number of the copy."""
    columns = [field.column for field in first._meta.concrete_fields if not field.primary_key]
    copied = [values.get(column, f'"{column}"') for column in columns]
    names, table = ", ".join(f'"{column}"' for column in columns), first._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({names}) SELECT {', '.join(copied)} "
            f"FROM {table}, generate_series(2, {ROWS}) n WHERE id = {first.pk} ORDER BY n"
        )


def one_of_few(few: str, others: str) -> str:
    return f"CASE WHEN n <= {FEW} THEN '{few}' ELSE '{others}' END"


def fill(everybody: List, oldest: List) -> None:
    uuid = "gen_random_uuid()"
    person = make_subscriber(email="p000001@example.com", name="Person 1", status="disabled")
    multiply(
        person,
        uuid=uuid,
        email="'p' || lpad(n::text, 6, '0') || '@example.com'",
        name="'Person ' || n % 100",
        status=one_of_few("disabled", "enabled"),
    )
    campaign = Campaign.objects.create(name="Campaign 1", subject="Hello", status="draft")
    multiply(campaign, uuid=uuid, name="'Campaign ' || n", status=one_of_few("draft", "finished"))
    message = TxMessage.objects.create(email="p1@example.com", status="failed", request=UUID(int=1))
    multiply(
        message,
        uuid=uuid,
        email="'p' || n % 1000 || '@example.com'",
        status=one_of_few("failed", "sent"),
    )
    bounce = Bounce.objects.create(subscriber=person, type="complaint", source="ses", event_id="1")
    multiply(
        bounce,
        subscriber_id=f"{person.pk} + n - 1",
        type=one_of_few("complaint", "hard"),
        source=one_of_few("ses", "api"),
        event_id="n::text",
    )
    batch = Batch.objects.create(campaign=campaign, size=1, first_id=1, last_id=1)
    multiply(batch, campaign_id=f"{campaign.pk} + n - 1", state=f"CASE WHEN n <= {FEW} THEN 0 ELSE 1 END")
    multiply(Link.objects.create(url="https://example.com/1"), uuid=uuid, url="'https://example.com/' || n")
    multiply(Media.objects.create(filename="file1.png"), uuid=uuid, filename="'file' || n || '.png'")
    with connection.cursor() as cursor:
        cursor.execute(
            f"""INSERT INTO subscribers_subscription (list_id, subscriber_id, status, meta, updated_at)
                SELECT l, {person.pk} + n - 1, {one_of_few("unsubscribed", "confirmed")}, '{{}}', now()
                  FROM generate_series(1, {ROWS}) n, unnest(ARRAY[{everybody.pk}, {oldest.pk}]) l
                 WHERE l = {everybody.pk} OR n <= {FEW}"""
        )
        cursor.execute(
            f"""INSERT INTO campaigns_campaignlist (campaign_id, list_id, list_name)
                SELECT {campaign.pk} + n - 1,
                       CASE WHEN n <= {FEW} THEN {oldest.pk} ELSE {everybody.pk} END, 'name'
                  FROM generate_series(1, {ROWS}) n"""
        )
        cursor.execute(f"ANALYZE {', '.join(BIG)}, subscribers_tally")


@pytest.fixture(scope="module")
def lists(django_db_setup: None, django_db_blocker: Any) -> Iterator[tuple[List, List]]:
    """Twenty thousand rows in each table; everybody is on the first list, the oldest are on the second."""
    with django_db_blocker.unblock():
        everybody, oldest = make_list(name="Everybody"), make_list(name="Oldest")
        try:
            fill(everybody, oldest)
            yield everybody, oldest
        finally:
            with connection.cursor() as cursor:
                cursor.execute(f"TRUNCATE {', '.join(BIG)}, subscribers_tally, subscribers_list CASCADE")
                cursor.execute(f"ANALYZE {', '.join(BIG)}, subscribers_tally")


pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("lists")]


def client_of(*permissions: str, **fields: Any) -> Client:
    client = Client()
    client.force_login(make_user(*permissions, **fields))
    return client


class Read:
    """The statements of a request, and how many rows of the large tables their scans went through."""

    def __init__(self, client: Client, path: str) -> None:
        self.statements: list[tuple[str, Any]] = []
        with connection.execute_wrapper(self._note):
            self.answer = client.get(path)
        assert self.answer.status_code == 200, path

    def _note(self, execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        self.statements.append((sql, parameters))
        return execute(sql, parameters, many, context)

    def scans(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for sql, parameters in self.statements:
            if not any(name in sql for name in BIG):
                continue
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", parameters)
                found = cursor.fetchone()[0]
            plan = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
            yield from ((sql, node) for node in nodes(plan) if node.get("Relation Name") in BIG)

    @property
    def rows(self) -> int:
        """The most rows that one scan of a large table went through, those it threw away included."""
        return max((rows_of(node) for _, node in self.scans()), default=0)

    def assert_no_table_is_read(self) -> None:
        for sql, node in self.scans():
            assert node["Node Type"] != "Seq Scan", sql
        for sql, _ in self.statements:
            assert not re.search(r"\bOFFSET [1-9]", sql), sql
            if re.search(r"\bCOUNT\(", sql, re.IGNORECASE):
                assert not any(f'FROM "{name}"' in sql for name in BIG), sql


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


def rows_of(node: dict[str, Any]) -> int:
    thrown_away = sum(value for name, value in node.items() if name.startswith("Rows Removed by"))
    return int((node["Actual Rows"] + thrown_away) * node["Actual Loops"])


def shown(answer: Any) -> list[Any]:
    return list(answer.context_data["cl"].result_list)


# Page of a listing -> how many rows it shows. {all}, {old}: the lists; {first}: the id of the first row.
PAGES = {
    PEOPLE: 50,
    f"{PEOPLE}?below={{first:people+40}}": 40,
    f"{PEOPLE}?status__exact=disabled": FEW,
    f"{PEOPLE}?status__exact=enabled": 50,
    f"{PEOPLE}?list={{all}}": 50,
    f"{PEOPLE}?list={{old}}": FEW,
    f"{PEOPLE}?list={{all}}&below={{first:people+40}}": 40,
    f"{PEOPLE}?list={{all}}&subscription_status=unsubscribed": FEW,
    f"{PEOPLE}?list={{old}}&status__exact=enabled": 0,
    f"{PEOPLE}?list={{all}}&status__exact=disabled": FEW,
    f"{PEOPLE}?q=p0000": 50,
    f"{PEOPLE}?q=p000007@example.com": 1,
    f"{PEOPLE}?q=Person 7": 50,
    f"{PEOPLE}?q=nobody": 0,
    f"{PEOPLE}?q=p&list={{old}}": FEW,
    "/admin/bounces/bounce/": 50,
    "/admin/bounces/bounce/?below={first:bounces+40}": 40,
    "/admin/bounces/bounce/?type__exact=complaint": FEW,
    "/admin/bounces/bounce/?source__exact=ses": FEW,
    "/admin/bounces/bounce/?source__exact=nowhere": 0,
    "/admin/bounces/bounce/?q=p000007@example.com": 1,
    "/admin/bounces/bounce/?q=nobody@example.com": 0,
    "/admin/transactional/txmessage/": 50,
    "/admin/transactional/txmessage/?below={first:messages+40}": 40,
    "/admin/transactional/txmessage/?status__exact=failed": FEW,
    "/admin/transactional/txmessage/?q=p7@example.com": 20,
    "/admin/transactional/txmessage/?q=nobody@example.com": 0,
    "/admin/engine/batch/": 50,
    "/admin/engine/batch/?below={first:batches+40}": 40,
    "/admin/engine/batch/?q={first:campaigns}": 1,
    "/admin/engine/batch/?q=none": 0,
    "/admin/tracking/link/": 50,
    "/admin/tracking/link/?below={first:links+40}": 40,
    "/admin/tracking/link/?q=https://example.com/7": 1,
    "/admin/tracking/link/?q=https://example.com/": 0,
    "/admin/campaigns/campaign/": 50,
    "/admin/campaigns/campaign/?below={first:campaigns+40}": 40,
    "/admin/campaigns/campaign/?status__exact=draft": FEW,
    "/admin/campaigns/campaign/?list={old}": FEW,
    "/admin/campaigns/campaign/?list={all}": 50,
    "/admin/campaigns/campaign/?q=campaign 19": 50,
}
MODELS = {
    "people": Subscriber,
    "bounces": Bounce,
    "messages": TxMessage,
    "batches": Batch,
    "links": Link,
    "campaigns": Campaign,
}


def filled(page: str, lists: tuple[List, List]) -> str:
    def first_id(found: re.Match[str]) -> str:
        first = MODELS[found[1]].objects.order_by("pk").values_list("pk", flat=True)[0]  # type: ignore[attr-defined]
        return str(first + int(found[2] or 0))

    page = page.replace("{all}", str(lists[0].pk)).replace("{old}", str(lists[1].pk))
    return re.sub(r"\{first:(\w+)(?:\+(\d+))?\}", first_id, page)


@pytest.mark.parametrize(("page", "number"), PAGES.items(), ids=str)
def test_a_listing_reads_about_a_page_of_rows(page: str, number: int, lists: tuple[List, List]) -> None:
    client = client_of(superadmin=True)

    read = Read(client, filled(page, lists))

    assert len(shown(read.answer)) == number
    assert read.rows <= MOST_READ
    read.assert_no_table_is_read()


@pytest.mark.parametrize(
    "page",
    [
        "/admin/engine/batch/?state__exact=0",
        "/admin/engine/batch/?kind__exact=1",
        "/admin/transactional/txmessage/?status__exact=queued",
        "/admin/campaigns/campaign/?q=nothing",
        "/admin/bounces/bounce/?type__exact=hard&source__exact=nowhere",
        "/admin/media/media/?q=nothing",
    ],
)
def test_what_no_index_finds_is_looked_for_in_steps(page: str) -> None:
    read = Read(client_of(superadmin=True), page)

    assert read.rows <= MOST_LOOKED_AT
    read.assert_no_table_is_read()


@pytest.mark.parametrize("page", ["", "?below={first:people+20}", "?q=p0000", "?status__exact=disabled"])
def test_who_sees_the_oldest_people_alone_gets_their_page_at_once(
    page: str, lists: tuple[List, List]
) -> None:
    grants = {lists[1]: ["list:get"]}
    client = client_of("subscribers:get", grants=grants)

    read = Read(client, PEOPLE + filled(page, lists))

    assert 19 <= len(shown(read.answer)) <= FEW
    assert read.rows <= MOST_READ
    read.assert_no_table_is_read()


def test_the_last_page_reads_what_the_first_does(lists: tuple[List, List]) -> None:
    client = client_of(superadmin=True)

    for page in (PEOPLE, f"{PEOPLE}?list={lists[0].pk}", f"{PEOPLE}?status__exact=enabled"):
        deep = page + ("&" if "?" in page else "?") + filled("below={first:people+200}", lists)
        assert Read(client, deep).rows <= 2 * Read(client, page).rows


def big_admins() -> list[Any]:
    found = [one for one in admin.site._registry.values() if isinstance(one, BigTableAdmin)]
    return sorted(found, key=lambda one: one.opts.label)


@pytest.mark.parametrize("listing", big_admins(), ids=lambda one: one.opts.label)
def test_no_listing_of_a_large_table_counts_or_skips_rows(listing: Any) -> None:
    page = reverse(f"admin:{listing.opts.app_label}_{listing.opts.model_name}_changelist")
    client = client_of(superadmin=True)
    middle = (listing.model._base_manager.aggregate(n=Max("pk"))["n"] or 100) // 2

    for query in ("", f"?below={middle}", "?q=something", "?o=1", "?o=-2.1"):
        Read(client, page + query).assert_no_table_is_read()


@pytest.mark.parametrize("term", ["", "p0000", "nobody"])
def test_an_autocomplete_offers_a_few_without_counting(term: str) -> None:
    source = "app_label=bounces&model_name=bounce&field_name=subscriber"

    read = Read(client_of(superadmin=True), f"/admin/autocomplete/?{source}&term={term}")

    answer = read.answer.json()
    assert len(answer["results"]) == (0 if term == "nobody" else 20)
    assert answer["pagination"] == {"more": False}
    read.assert_no_table_is_read()


def test_the_campaign_form_holds_the_files_that_are_chosen_alone() -> None:
    campaign = Campaign.objects.order_by("pk")[0]
    chosen = Media.objects.order_by("pk")[7]
    campaign.media.through.objects.create(campaign=campaign, media=chosen, filename=chosen.filename)

    read = Read(client_of(superadmin=True), f"/admin/campaigns/campaign/{campaign.pk}/change/")

    page = read.answer.content.decode()
    assert re.findall(r"file\d+\.png", page) == [chosen.filename]
    assert read.rows <= MOST_READ
