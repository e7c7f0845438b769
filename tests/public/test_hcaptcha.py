"""hCaptcha on the sign-up form and its API, against a server over real HTTP that stands for `siteverify`."""

import json
import socket
from urllib.parse import parse_qs

import pytest

from listmonk_py.configuration import runtime
from subscribers.models import Subscriber
from tests.factories import make_list
from tests.mail.http_sink import HttpSink

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]

FORM, API = "/subscription/form", "/api/public/subscription"
ANSWERS = {
    "right": {"success": True, "hostname": "lists.example.com"},
    "wrong": {"success": False, "error-codes": ["invalid-input-response"]},
}


@pytest.fixture
def single():
    return make_list(name="Offers", type="public")


@pytest.fixture
def hcaptcha(settings):
    def answer(request):
        token = parse_qs(request.body.decode())["response"][0]
        return 200, json.dumps(ANSWERS[token]).encode()

    hcaptcha = {"enabled": True, "key": "site-key", "secret": "site-secret"}
    runtime.save({"security.captcha": {"altcha": {"enabled": False}, "hcaptcha": hcaptcha}})
    with HttpSink(answer) as sink:
        settings.HCAPTCHA_URL = f"{sink.url}/siteverify"
        yield sink


def sign_up(client, door, one, token):
    fields = {"email": "ann@example.com", "name": "Ann", "h-captcha-response": token}
    if door == FORM:
        return client.post(FORM, {**fields, "l": [str(one.uuid)]})
    return client.post(API, {**fields, "list_uuids": [str(one.uuid)]}, content_type="application/json")


@pytest.mark.parametrize("door", [FORM, API])
def test_what_hcaptcha_passes_is_signed_up(client, single, hcaptcha, door):
    answer = sign_up(client, door, single, "right")

    assert answer.status_code == 200
    assert Subscriber.objects.get().email == "ann@example.com"
    (asked,) = hcaptcha.requests
    assert parse_qs(asked.body.decode()) == {
        "secret": ["site-secret"],
        "response": ["right"],
        "remoteip": ["127.0.0.1"],
    }


@pytest.mark.parametrize("door", [FORM, API])
@pytest.mark.parametrize("token", ["wrong", ""])
def test_what_hcaptcha_does_not_pass_is_refused(client, single, hcaptcha, door, token):
    answer = sign_up(client, door, single, token)

    assert answer.status_code == 400
    assert "The check for robots failed" in answer.content.decode()
    assert not Subscriber.objects.exists()
    assert len(hcaptcha.requests) == bool(token)


@pytest.mark.parametrize("door", [FORM, API])
def test_hcaptcha_that_is_away_is_told_and_nobody_passes(client, single, hcaptcha, settings, door):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: whoever connects is refused
        settings.HCAPTCHA_URL = f"http://127.0.0.1:{taken.getsockname()[1]}/siteverify"
        answer = sign_up(client, door, single, "right")

    assert answer.status_code == 503
    assert "does not answer at the moment" in answer.content.decode()
    assert not Subscriber.objects.exists()


@pytest.mark.parametrize(
    "told",
    [
        (500, b"<h1>Oops</h1>"),
        (200, b"[]"),
        (200, b"{}"),
        (200, b'{"success": false, "error-codes": ["invalid-input-secret"]}'),
        None,
    ],
)
def test_an_answer_that_blames_nobody_here_is_as_good_as_none(client, single, hcaptcha, told):
    hcaptcha.answer = lambda request: told

    assert sign_up(client, API, single, "right").status_code == 503
    assert not Subscriber.objects.exists()


def test_the_form_keeps_what_was_typed_and_speaks_the_visitors_language(client, single, hcaptcha):
    hcaptcha.answer = lambda request: None

    page = client.post(
        FORM,
        {"email": "ann@example.com", "l": [str(single.uuid)], "h-captcha-response": "right"},
        headers={"accept-language": "de"},
    )

    assert page.status_code == 503
    assert "in ein paar Minuten" in page.content.decode()
    assert "ann@example.com" in page.content.decode()


def test_the_form_shows_hcaptchas_box_and_its_policy_lets_it_run(client, single, hcaptcha):
    page = client.get(FORM)

    assert 'data-sitekey="site-key"' in page.content.decode()
    assert "site-secret" not in page.content.decode()
    assert "https://js.hcaptcha.com" in page.content.decode()
    assert "https://*.hcaptcha.com" in page["Content-Security-Policy"]


def test_no_setting_of_a_user_leads_elsewhere(client, single, hcaptcha, settings):
    entry = {
        "enabled": True,
        "key": "k",
        "secret": "s",
        "url": "http://127.0.0.1:1/",
        "verify_url": "http://x",
    }
    runtime.save({"security.captcha": {"altcha": {"enabled": False}, "hcaptcha": entry}})

    sign_up(client, API, single, "right")

    assert len(hcaptcha.requests) == 1
