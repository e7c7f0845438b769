"""`/api/public/lists` and `/api/public/subscription` (contract 3.14)."""

import uuid

import pytest

from listmonk_py.configuration import runtime
from listmonk_py.mail.models import SystemMail
from subscribers import sign_up_guard
from subscribers.models import Subscriber, Subscription
from tests.factories import make_list, make_subscriber

pytestmark = pytest.mark.django_db

URL = "/api/public/subscription"


@pytest.fixture(autouse=True)
def empty_redis(redis):
    """The limits of other tests are not ours."""


@pytest.fixture
def double():
    return make_list(name="News", type="public", optin="double")


@pytest.fixture
def single():
    return make_list(name="Offers", type="public")


def sign_up(client, **body):
    return client.post(URL, body, content_type="application/json")


def test_the_feed_names_public_active_lists_alone(client, double, single):
    make_list(name="Secret")
    make_list(name="Old", type="public", status="archived")
    runtime.save({"app.enable_public_subscription_page": False})

    assert client.get("/api/public/lists").json() == [
        {"uuid": str(double.uuid), "name": "News"},
        {"uuid": str(single.uuid), "name": "Offers"},
    ]


def test_a_double_list_asks_for_a_confirmation(client, double):
    answer = sign_up(client, email="pa1@example.com", name="Pa", list_uuids=[str(double.uuid)])

    assert (answer.status_code, answer.json()) == (200, {"data": {"has_optin": True}})
    assert Subscription.objects.get().status == "unconfirmed"
    assert SystemMail.objects.get().to == "pa1@example.com"


def test_a_single_list_does_not_and_twice_is_once(client, single):
    for _ in range(2):
        answer = sign_up(client, email="pa2@example.com", list_uuids=[str(single.uuid)])
        assert (answer.status_code, answer.json()) == (200, {"data": {"has_optin": False}})
    assert Subscriber.objects.get().name == "Pa2"
    assert not SystemMail.objects.exists()


def test_a_form_works_too(client, single):
    form = {"email": "pa3@example.com", "l": [str(single.uuid)], "nonce": "x"}
    answer = client.post(URL, form)
    assert (answer.status_code, answer.json()) == (200, {"data": {"has_optin": False}})
    encoded = f"email=pa4%40example.com&l={single.uuid}"
    assert client.post(URL, encoded, content_type="application/x-www-form-urlencoded").status_code == 200
    assert Subscriber.objects.count() == 2


@pytest.mark.parametrize(
    "body",
    [{"list_uuids": []}, {"email": "x"}, {"list_uuids": ["x"]}, {"list_uuids": "x"}, {"email": 5}, {"name": 5},
     {"email": None}, {"list_uuids": None}, {"name": "x" * 2001}],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_a_message(client, single, body):
    answer = sign_up(client, **{"email": "a@example.com", "list_uuids": [str(single.uuid)], **body})
    assert answer.status_code == 400, answer.content
    assert answer.json()["message"]
    assert not Subscriber.objects.exists()


def test_private_lists_are_not_for_strangers(client, single):
    secret = make_list()
    answer = sign_up(client, email="a@example.com", list_uuids=[str(single.uuid), str(secret.uuid)])
    assert answer.status_code == 400
    assert not Subscriber.objects.exists()


def test_a_blocklisted_person_learns_nothing_and_stays_out(client, double):
    make_subscriber(email="out@example.com", status="blocklisted")
    answer = sign_up(client, email="out@example.com", list_uuids=[str(double.uuid)])
    assert answer.status_code == 200
    assert Subscription.objects.get().status == "unsubscribed"
    assert not SystemMail.objects.exists()


def test_it_can_be_switched_off(client, single):
    runtime.save({"app.enable_public_subscription_page": False})
    assert sign_up(client, email="a@example.com", list_uuids=[str(single.uuid)]).status_code == 400


def test_the_captcha_of_the_form_is_asked_for_here_too(client, single):
    runtime.save(
        {"security.captcha": {"altcha": {"enabled": True, "complexity": 100}, "hcaptcha": {"enabled": False}}}
    )
    assert sign_up(client, email="a@example.com", list_uuids=[str(single.uuid)]).status_code == 400
    assert not Subscriber.objects.exists()


def test_one_network_address_cannot_flood(client, single, monkeypatch):
    monkeypatch.setattr(sign_up_guard, "TRIES", 2)
    codes = [
        sign_up(client, email=f"{uuid.uuid4().hex}@example.com", list_uuids=[str(single.uuid)]).status_code
        for _ in range(3)
    ]
    assert codes == [200, 200, 429]
