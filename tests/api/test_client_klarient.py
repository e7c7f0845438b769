"""The client `klarient-listmonk` from PyPI, unmodified: every method of its resources against the running
product.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from functools import wraps
from typing import Any

import listmonk
import pytest
from klarient import MultipartValue, SyncResource
from listmonk.bounces.requests import BounceDeleteQuery, BounceQuery
from listmonk.campaigns import requests as campaigns
from listmonk.client import ListMonkClient
from listmonk.imports.requests import ImportMode, SubscriberImport, SubscriberImportParams
from listmonk.lists import requests as lists
from listmonk.media.requests import MediaUpload
from listmonk.public.requests import PublicSubscription, PublicSubscriptionForm
from listmonk.subscribers import requests as subscribers
from listmonk.templates import requests as templates
from listmonk.transactional.requests import TransactionalContentType, TransactionalMessage

from listmonk_py.local.children import wait_until
from tests.api import world
from tests.api.product import Product
from tests.api.replay import file_content

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(300)]

NEWS, OFFERS = 4, 5
used: set[str] = set()


def methods() -> Iterator[tuple[type, str]]:
    """Every class and method of the client that sends a request."""
    for found in pkgutil.walk_packages(listmonk.__path__, "listmonk."):
        if not found.name.endswith(".resources"):
            continue
        module = importlib.import_module(found.name)
        for _, one in inspect.getmembers(module, inspect.isclass):
            if issubclass(one, SyncResource) and one.__module__ == module.__name__:
                for name, member in vars(one).items():
                    if inspect.isfunction(member) and not name.startswith("_"):
                        yield one, name


def noting(one: type, name: str) -> Any:
    member = getattr(one, name)

    @wraps(member)
    def call(*arguments: Any, **more: Any) -> Any:
        used.add(f"{one.__name__}.{name}")
        return member(*arguments, **more)

    return call


@pytest.fixture
def monk(product: Product, monkeypatch: pytest.MonkeyPatch) -> ListMonkClient:
    for one, name in methods():
        monkeypatch.setattr(one, name, noting(one, name))
    return ListMonkClient(base_url=product.url, username="api", access_token=product.tokens["api"])


def rows(pages: Any) -> list[Any]:
    """The rows of all pages: the client follows the page numbers."""
    return [row for page in pages for row in page]


def test_lists(monk):
    made = monk.lists.create(lists.ListCreate(name="Kl", type=lists.ListType.PUBLIC, tags=["a b"])).data
    other = monk.lists.create(lists.ListCreate(name="Kl two")).data

    assert (made["name"], made["type"], made["tags"]) == ("Kl", "public", ["a-b"])
    assert monk.lists[made["id"]].retrieve().data["name"] == "Kl"
    assert monk.lists[made["id"]].update(lists.ListUpdate(name="Kl 2")).data["name"] == "Kl 2"
    page = monk.lists.retrieve(lists.ListQuery(query="Kl", order_by=lists.ListOrderBy.NAME, per_page=1))
    assert {one["name"] for one in rows(page)} == {"Kl 2", "Kl two"}
    assert monk.lists[made["id"]].delete().data
    assert monk.lists.delete(lists.ListDeleteQuery(ids=[other["id"]])).data


def test_subscribers(monk):
    create = subscribers.SubscriberCreate
    made = monk.subscribers.create(
        create(
            email="kl@example.com", name="Kl", lists=[NEWS], attribs={"a": 1}, preconfirm_subscriptions=True
        )
    ).data
    one = monk.subscribers[made["id"]]

    assert made["lists"][0]["subscription_status"] == "confirmed"
    assert one.retrieve().data["email"] == "kl@example.com"
    update = subscribers.SubscriberUpdate(
        email="kl@example.com", name="Kl 2", lists=[OFFERS], attribs={"b": 2}
    )
    assert one.update(update).data["attribs"] == {"b": 2}
    assert one.update_partial(subscribers.SubscriberUpdate(name="Kl 3")).data["name"] == "Kl 3"
    assert one.export.retrieve()["profile"][0]["email"] == "kl@example.com"
    assert list(one.bounces.retrieve().data) == []
    assert one.bounces.delete().data
    assert one.optin.send().data
    everyone = monk.subscribers.retrieve(subscribers.SubscriberQuery(per_page=5))
    found = [one["id"] for one in rows(everyone)]
    assert len(found) == len(set(found)) >= 10  # more than one page, nobody twice
    asked = subscribers.SubscriberSQLQuery(query="subscribers.email = 'kl@example.com'")
    assert [found["id"] for found in rows(monk.subscribers.sql_query.retrieve(asked))] == [made["id"]]
    assert one.blocklist.blocklist().data
    assert one.retrieve().data["status"] == "blocklisted"
    assert one.delete().data


def test_many_subscribers_at_once(monk):
    ids = [
        monk.subscribers.create(subscribers.SubscriberCreate(email=f"many{n}@example.com")).data["id"]
        for n in range(4)
    ]
    add = subscribers.ListMembershipAction.ADD

    def status(pk):
        return monk.subscribers[pk].retrieve().data["status"]

    change = subscribers.SubscriberListMembershipUpdate(ids=ids, action=add, target_list_ids=[OFFERS])
    assert monk.subscribers.lists.update(change).data
    by_query = subscribers.QueryListMembershipUpdate(
        query="subscribers.email LIKE 'many%'", action=add, target_list_ids=[1]
    )
    assert monk.subscribers.query.lists.update(by_query).data
    on = {entry["id"] for entry in monk.subscribers[ids[0]].retrieve().data["lists"]}
    assert on == {1, OFFERS}
    assert monk.subscribers.blocklist.blocklist(subscribers.SubscriberIds(ids=ids[:1])).data
    blocked = subscribers.SubscriberQueryBlocklist(query="subscribers.email = 'many1@example.com'")
    assert monk.subscribers.query.blocklist.blocklist(blocked).data
    assert [status(pk) for pk in ids[:3]] == ["blocklisted", "blocklisted", "enabled"]
    assert monk.subscribers.delete(subscribers.SubscriberDeleteQuery(ids=ids[:1])).data
    gone = subscribers.SubscriberQueryDelete(query="subscribers.email LIKE 'many%'")
    assert monk.subscribers.query.delete.delete(gone).data
    left = subscribers.SubscriberSQLQuery(query="subscribers.email LIKE 'many%'")
    assert rows(monk.subscribers.sql_query.retrieve(left)) == []


def test_an_import(monk):
    params = SubscriberImportParams(mode=ImportMode.SUBSCRIBE, delim=",", lists=[OFFERS], overwrite=True)
    rows = b"email,name,attributes\nimp1@example.com,Imp One,\nimp2@example.com,,\n"
    importing = monk.imports.subscribers

    importing.upload(SubscriberImport(params=params, file=rows, filename="in.csv"))

    def is_over():
        return importing.retrieve().data["status"] in ("finished", "failed")

    assert wait_until(is_over, timeout_s=120)
    done = importing.retrieve().data
    assert (done["status"], done["imported"]) == ("finished", 2)
    assert "in.csv" in importing.logs.retrieve().data or importing.logs.retrieve().data
    assert importing.delete().data["status"] == "none"


def test_templates(monk):
    kind = templates.TemplateType
    made = monk.templates.create(
        templates.TemplateCreate(name="Kl", type=kind.CAMPAIGN, body=world.FRAME)
    ).data
    one = monk.templates[made["id"]]

    assert one.retrieve().data["body"] == world.FRAME
    assert one.update(templates.TemplateUpdate(name="Kl 2", body=world.FRAME)).data["name"] == "Kl 2"
    assert "<h1>" in str(one.preview.retrieve())
    assert "Kl 2" in {found["name"] for found in monk.templates.retrieve().data}
    one.default.update()
    assert one.retrieve().data["is_default"]
    monk.templates[1].default.update()
    assert one.delete().data
    unsaved = templates.TemplatePreviewRender(type=kind.CAMPAIGN, body=world.FRAME)
    assert "<h1>" in str(monk.templates.preview.render(unsaved))


def test_media(monk):
    uploaded = monk.media.upload(MediaUpload(file=file_content("my pic.png"), filename="kl.png")).data

    assert (uploaded["filename"], uploaded["content_type"]) == ("kl.png", "image/png")
    assert monk.media[uploaded["id"]].retrieve().data["filename"] == "kl.png"
    monk.media.retrieve()
    assert monk.media[uploaded["id"]].delete().data


def test_a_campaign(product, monk):
    readers = monk.lists.create(lists.ListCreate(name="Kl readers")).data["id"]
    person = subscribers.SubscriberCreate(
        email="klreader@example.com", lists=[readers], preconfirm_subscriptions=True
    )
    monk.subscribers.create(person)
    fields = {"name": "Kl", "subject": "S", "lists": [readers], "body": "<p>x</p>", "messenger": "email"}
    made = monk.campaigns.create(campaigns.CampaignCreate(**fields)).data
    one = monk.campaigns[made["id"]]

    assert made["status"] == "draft"
    assert one.retrieve(campaigns.CampaignRetrieveQuery(no_body=True)).data["body"] == ""
    assert one.update(campaigns.CampaignUpdate(**{**fields, "name": "Kl 2"})).data["name"] == "Kl 2"
    assert ">x</p>" in str(one.preview.retrieve())
    assert one.archive.update(campaigns.CampaignArchiveUpdate(archive=True, archive_slug="kl")).data[
        "archive"
    ]
    assert one.test.send(campaigns.CampaignTest(subscribers=["klreader@example.com"], **fields)).data
    running = campaigns.CampaignStatusUpdate(status=campaigns.CampaignStatus.RUNNING)
    assert one.status.update(running).data["status"] in ("running", "finished")
    monk.campaigns.running.stats.retrieve(campaigns.CampaignRunningStatsQuery(campaign_ids=[made["id"]]))
    assert wait_until(lambda: one.retrieve().data["status"] == "finished", timeout_s=120)
    assert product.sink.recipients.count("klreader@example.com") == 2  # the test, then the campaign
    asked = campaigns.CampaignAnalyticsQuery(ids=[made["id"]], from_="2020-01-01", to="2035-01-01")
    assert monk.campaigns.analytics[campaigns.CampaignAnalyticsType.VIEWS].retrieve(asked).data == []
    found = rows(monk.campaigns.retrieve(campaigns.CampaignQuery(query="Kl 2", per_page=5)))
    assert [row["id"] for row in found] == [made["id"]]
    assert one.delete().data
    other = monk.campaigns.create(campaigns.CampaignCreate(**fields)).data
    assert monk.campaigns.delete(campaigns.CampaignDeleteQuery(ids=[other["id"]])).data


def test_bounces(product, monk):
    for source in ("one", "two"):
        told = {"email": "cid@example.com", "source": source, "type": "soft"}
        settings = {**product.ask("GET", "/api/settings").json()["data"], "bounce.enabled": True}
        product.ask("PUT", "/api/settings", json={**settings, "bounce.webhooks_enabled": True})
        assert wait_until(
            lambda told=told: product.ask("POST", "/webhooks/bounce", json=told).status_code == 200,
            timeout_s=20,
        )

    assert wait_until(lambda: len(rows(monk.bounces.retrieve())) >= 2, timeout_s=30)
    found = rows(monk.bounces.retrieve(BounceQuery(source="one")))
    assert found[0]["email"] == "cid@example.com"
    assert monk.bounces[found[0]["id"]].delete().data
    assert monk.bounces.delete(BounceDeleteQuery(all=True)).data
    assert rows(monk.bounces.retrieve()) == []


def test_the_public_routes(monk):
    assert {"News", "Offers"} <= {one["name"] for one in monk.public.lists.retrieve()}
    json = PublicSubscription(email="klpub@example.com", name="P", list_uuids=[str(world.OFFERS)])
    assert monk.public.subscription.create(json)["data"] == {"has_optin": False}
    form = PublicSubscriptionForm(email="klpub2@example.com", list_uuids=[str(world.NEWS)])
    assert monk.public.subscription.create_form(form)["data"] == {"has_optin": True}


def test_a_transactional_mail(product, monk):
    message = TransactionalMessage(
        subscriber_email="cid@example.com", template_id=6, data={"order": 9},
        content_type=TransactionalContentType.HTML,
        attachments=[MultipartValue(b"12 EUR", filename="bill.txt", content_type="text/plain")],
    )  # fmt: skip

    assert monk.tx.send(message).data

    assert wait_until(lambda: "cid@example.com" in product.sink.recipients, timeout_s=60)


def test_every_method_of_the_client_was_used(monk):
    """Last in the file: what a new version of the client adds is missing here until it is tried."""
    assert {f"{one.__name__}.{name}" for one, name in methods()} - used == set()
