"""The client `listmonk` from PyPI, unmodified: each of its functions against the running product.

It shares its package's name with `klarient-listmonk`, so it is imported as the module it consists of.
"""

import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import httpx2
import listmonk.impl as client
import pytest
from listmonk import models

from listmonk_py.local.children import wait_until
from tests.api import world
from tests.api.product import Product
from tests.api.replay import file_content

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(300)]

NEWS, OFFERS = 4, 5
used: set[str] = set()


class Noting:
    """The module, with a note of every function that is taken from it."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module

    def __getattr__(self, name: str):
        used.add(name)
        return getattr(self._module, name)


@pytest.fixture
def monk(product: Product) -> Iterator[Noting]:
    client.set_url_base(product.url)
    assert client.login("api", product.tokens["api"])
    yield Noting(client)
    client.url_base, client.username, client.password, client.has_logged_in = None, None, None, False


def test_signing_in(product, monk):
    monk.set_url_base(product.url + "/")

    assert monk.get_base_url() == product.url
    assert monk.is_healthy()
    assert monk.verify_login()
    assert monk.test_user_pw_on_server()
    assert not monk.login("api", "wrong")
    monk.validate_login("api", product.tokens["api"])
    assert monk.login("api", product.tokens["api"])
    monk.validate_state(url=True)


def test_lists(monk):
    made = monk.create_list("Readers", list_type="private", optin="double", tags=["a b"], description="d")
    changed = monk.update_list(made.id, list_name="Readers 2", status="archived")

    assert (made.type, made.optin, made.tags, made.description) == ("private", "double", ["a-b"], "d")
    assert (changed.name, changed.type) == ("Readers 2", "private")
    assert monk.list_by_id(made.id).name == "Readers 2"
    assert {"News", "Offers", "Readers 2"} <= {one.name for one in monk.lists()}
    assert monk.delete_list(made.id)
    assert made.id not in {one.id for one in monk.lists()}


def test_subscribers(monk):
    made = monk.create_subscriber(
        "Moni@Example.com", "Moni", {OFFERS}, pre_confirm=True, attribs={"city": "Ulm", "rating": 0.99}
    )

    assert made.email == "moni@example.com"
    assert [(one["id"], one["subscription_status"]) for one in made.lists] == [(OFFERS, "confirmed")]
    assert monk.subscriber_by_id(made.id).attribs == {"city": "Ulm", "rating": 0.99}
    assert monk.subscriber_by_email("moni@example.com").id == made.id
    assert monk.subscriber_by_uuid(made.uuid).id == made.id
    assert monk.subscriber_by_email("nobody@example.com") is None
    found = monk.subscribers("subscribers.attribs->>'city' = 'Ulm'")
    assert [one.email for one in found] == ["moni@example.com"]
    assert made.id in {one.id for one in monk.subscribers(list_id=OFFERS)}
    assert monk.add_subscribers_to_lists([made.id], [NEWS])
    made.name = "Moni M"
    changed = monk.update_subscriber(made, add_to_lists={1}, remove_from_lists={OFFERS})
    assert changed.name == "Moni M"
    assert 1 in {one["id"] for one in changed.lists}
    assert OFFERS not in {one["id"] for one in changed.lists}
    assert monk.disable_subscriber(changed).status == "disabled"
    assert monk.block_subscriber(changed).status == "blocklisted"
    assert monk.enable_subscriber(changed).status == "enabled"
    assert monk.delete_subscriber("moni@example.com")
    assert monk.subscriber_by_id(made.id) is None
    other = monk.create_subscriber("moni2@example.com")
    assert monk.delete_subscriber(overriding_subscriber_id=other.id)


def test_confirming_an_opt_in(product, monk):
    made = monk.create_subscriber("confirm@example.com", "Con", {NEWS})
    assert [one["subscription_status"] for one in made.lists] == ["unconfirmed"]

    assert monk.confirm_optin(made.uuid, str(world.NEWS))

    lists = monk.subscriber_by_id(made.id).lists
    assert [one["subscription_status"] for one in lists] == ["confirmed"]
    assert wait_until(lambda: "confirm@example.com" in product.sink.recipients, timeout_s=60)


def test_templates(monk):
    made = monk.create_template("Frame", world.FRAME, type="campaign")

    assert made.name == "Frame"
    assert monk.template_by_id(made.id).body == world.FRAME
    assert "<h1>" in monk.template_preview_by_id(made.id).preview
    made.name = "Frame 2"
    assert monk.update_template(made).name == "Frame 2"
    assert "Frame 2" in {one.name for one in monk.templates()}
    assert monk.set_default_template(made.id)
    assert monk.template_by_id(made.id).is_default
    assert monk.set_default_template(1)
    assert monk.delete_template(made.id)
    assert made.id not in {one.id for one in monk.templates()}


def test_a_campaign_is_written_tried_and_sent(product, monk, tmp_path: Path):
    product.ask("DELETE", "/api/campaigns/9")  # a visual one has no template, which the client cannot read
    readers = monk.create_list("Readers of one campaign")
    monk.create_subscriber("reader@example.com", "Rea Der", {readers.id}, pre_confirm=True)
    picture = tmp_path / "pic.png"
    picture.write_bytes(file_content("my pic.png"))
    note = monk.upload_media(b"a note", filename="attached.txt")
    assert monk.upload_media(picture).content_type == "image/png"

    made = monk.create_campaign(
        "Spring", "Hello {{ .Subscriber.FirstName }}", {readers.id}, content_type="html", body=world.BODY,
        alt_body="In short", tags=["x"], headers=[{"X-One": "1"}], media_ids=[note.id], template_id=1,
    )  # fmt: skip
    assert (made.status, made.tags, [one["id"] for one in made.media]) == ("draft", ["x"], [note.id])
    assert "Hello" in monk.campaign_preview_by_id(made.id).preview
    assert monk.test_campaign(made.id, ["reader@example.com"])
    made.name = "Spring 2"
    assert monk.update_campaign(made).name == "Spring 2"
    assert "Spring 2" in {one.name for one in monk.campaigns()}
    assert monk.start_campaign(made.id).status in ("running", "finished")

    assert wait_until(lambda: monk.campaign_by_id(made.id).status == "finished", timeout_s=120)
    sent = monk.campaign_by_id(made.id)
    assert (sent.to_send, sent.sent) == (1, 1)
    assert product.sink.recipients.count("reader@example.com") == 2  # the test, then the campaign


def test_a_campaign_is_paused_and_cancelled(product, monk):
    slow = monk.create_campaign("Slow", "s", {OFFERS}, body="<p>x</p>")
    product.ask("PUT", f"/api/campaigns/{slow.id}", json={"lists": [OFFERS], "rate": 0.01})

    assert monk.set_campaign_status(slow.id, models.CampaignStatuses.running).status == "running"
    if monk.campaign_by_id(slow.id).status == "running":
        assert monk.pause_campaign(slow.id).status == "paused"
        assert monk.cancel_campaign(slow.id).status == "cancelled"
    assert monk.delete_campaign(slow.id)


def test_a_transactional_mail_arrives(product, monk, tmp_path: Path):
    attached = tmp_path / "bill.txt"
    attached.write_text("12 EUR")

    assert monk.send_transactional_email(
        "cid@example.com", 6, template_data={"order": 7}, content_type="html"
    )
    assert monk.send_transactional_email(
        ["ext@example.com"], 6, from_email="Shop <shop@example.com>", template_data={"order": 8},
        altbody="Order 8", attachments=[attached], email_headers=[{"X-A": "1"}], subscriber_mode="external",
    )  # fmt: skip

    expected = {"cid@example.com", "ext@example.com"}
    assert wait_until(lambda: expected <= set(product.sink.recipients), timeout_s=60)
    last = next(one for one in product.sink.messages if "ext@example.com" in one.recipients)
    assert b"bill.txt" in last.data
    assert b"Order 8" in last.data


def test_what_is_refused_is_an_error_of_the_client(monk):
    with pytest.raises(httpx2.HTTPStatusError) as refused:
        monk.create_list("x" * 2001)
    assert refused.value.response.status_code == 400
    with pytest.raises(httpx2.HTTPStatusError) as refused:
        monk.create_subscriber("ann.lee@example.com")
    assert refused.value.response.status_code == 409


def test_every_function_of_the_client_was_used(monk):
    """Last in the file: what a new version of the client adds is missing here until it is tried."""
    functions = inspect.getmembers(client, inspect.isfunction)
    public = {
        name for name, one in functions if one.__module__ == client.__name__ and not name.startswith("_")
    }
    assert public - used == set()
