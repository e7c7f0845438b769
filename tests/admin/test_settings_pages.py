"""Settings saved from the admin's pages: the API's checks, its secrets, and words at the right input."""

from typing import Any

import pytest
from django.test import Client

from listmonk_py.configuration import runtime
from listmonk_py.configuration.registry import FIELDS, smtp_server
from listmonk_py.configuration.setting_pages import PAGES, fields_of
from tests.factories import make_user

pytestmark = pytest.mark.django_db

UUID = "11111111-1111-4111-8111-111111111111"


@pytest.fixture
def client() -> Client:
    client = Client()
    client.force_login(make_user(superadmin=True))
    return client


def page(name: str) -> str:
    return f"/admin/configuration/setting/group/{name}/"


def sent_by(client: Client, name: str, **changes: Any) -> dict[str, Any]:
    """What a browser would send if somebody changed only `changes` on the page."""
    shown = client.get(page(name)).context["page"]
    data: dict[str, Any] = {}
    for form, management in (
        (shown.plain, None),
        *((set_, set_.management_form) for set_ in shown.formsets.values()),
    ):
        forms = [form] if management is None else [management, *form.forms]
        for one in forms:
            for bound in one:
                value = (
                    bound.field.prepare_value(bound.value())
                    if hasattr(bound.field, "prepare_value")
                    else bound.value()
                )
                if value is not None and value is not False:
                    data[bound.html_name] = "on" if value is True else value
    return {**data, **changes}


def test_every_setting_is_on_exactly_one_page() -> None:
    on_pages = [field.key for name in PAGES for field in fields_of(name)]

    assert sorted(on_pages) == sorted(FIELDS)


@pytest.mark.parametrize("name", PAGES)
def test_saving_a_page_as_it_is_changes_nothing(client: Client, name: str) -> None:
    runtime.save({"smtp": [smtp_server(uuid=UUID, host="mail.example.com", password="secret")]})
    before = runtime.all_values()

    answer = client.post(page(name), sent_by(client, name))

    assert answer.status_code == 302, answer.context["page"].error
    assert runtime.all_values() == before


def test_a_change_is_in_force_at_once(client: Client) -> None:
    client.post(page("general"), sent_by(client, "general", **{"s-app.site_name": "The News"}))

    assert runtime.get("app.site_name") == "The News"


def test_a_password_is_never_shown_and_stays_when_it_is_left_empty(client: Client) -> None:
    runtime.save({"smtp": [smtp_server(uuid=UUID, host="mail.example.com", username="u", password="s3cret")]})

    shown = client.get(page("smtp")).content.decode()
    client.post(page("smtp"), sent_by(client, "smtp", **{"smtp-0-host": "other.example.com"}))

    assert "s3cret" not in shown
    [server] = runtime.get("smtp")
    assert (server["host"], server["password"]) == ("other.example.com", "s3cret")


def test_a_new_password_replaces_the_old_one(client: Client) -> None:
    runtime.save({"smtp": [smtp_server(uuid=UUID, host="mail.example.com", username="u", password="old")]})

    client.post(page("smtp"), sent_by(client, "smtp", **{"smtp-0-password": "new"}))

    assert runtime.get("smtp")[0]["password"] == "new"


def test_a_server_is_added_and_another_removed(client: Client) -> None:
    runtime.save({"smtp": [smtp_server(uuid=UUID, host="old.example.com")]})
    new = {
        "smtp-TOTAL_FORMS": "2",
        "smtp-0-DELETE": "on",
        "smtp-1-enabled": "on",
        "smtp-1-host": "new.example.com",
        "smtp-1-port": "465",
        "smtp-1-tls_type": "TLS",
        "smtp-1-auth_protocol": "none",
        "smtp-1-max_conns": "5",
        "smtp-1-weight": "1",
        "smtp-1-max_msg_retries": "2",
        "smtp-1-msg_retry_delay": "10ms",
        "smtp-1-idle_timeout": "15s",
        "smtp-1-wait_timeout": "5s",
        "smtp-1-email_headers": "X-Stream: news",
        "smtp-1-message_rate": "14",
        "smtp-1-sliding_window_rate": "0",
        "smtp-1-sliding_window_duration": "24h",
    }

    answer = client.post(page("smtp"), sent_by(client, "smtp", **new))

    assert answer.status_code == 302, answer.context["page"].error
    [server] = runtime.get("smtp")
    assert (server["host"], server["port"], server["email_headers"]) == (
        "new.example.com",
        465,
        [{"X-Stream": "news"}],
    )
    assert server["message_rate"] == 14


def test_what_is_refused_stands_at_its_input_and_nothing_is_stored(client: Client) -> None:
    before = runtime.get("app.root_url")

    answer = client.post(
        page("general"),
        sent_by(client, "general", **{"s-app.root_url": "not a url", "s-app.site_name": "New"}),
    )

    assert answer.status_code == 200
    shown = answer.context["page"]
    assert shown.plain.errors["app.root_url"]
    assert runtime.get("app.root_url") == before
    assert runtime.get("app.site_name") != "New"


def test_an_entry_that_is_refused_is_marked_in_the_entry(client: Client) -> None:
    runtime.save({"smtp": [smtp_server(uuid=UUID, host="mail.example.com")]})

    answer = client.post(page("smtp"), sent_by(client, "smtp", **{"smtp-0-idle_timeout": "soon"}))

    assert answer.context["page"].formsets["smtp"].forms[0].errors["idle_timeout"]


def test_somebody_who_may_only_look_cannot_save() -> None:
    client = Client()
    client.force_login(make_user("settings:get"))

    assert client.get(page("general")).status_code == 200
    assert client.post(page("general"), {"s-app.site_name": "Mine"}).status_code == 403
    assert runtime.get("app.site_name") != "Mine"
