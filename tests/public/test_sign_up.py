"""The sign-up form, the opt-in page and what keeps robots off them (contract 4.1, 4.3)."""

import base64
import hashlib
import json
from uuid import uuid4

import pytest

from listmonk_py.configuration import runtime
from listmonk_py.mail.models import SystemMail
from subscribers import sign_up_guard
from subscribers.models import Subscriber, Subscription
from tests.factories import make_list, make_subscriber

pytestmark = pytest.mark.django_db

FORM = "/subscription/form"


@pytest.fixture(autouse=True)
def no_limits_left_over(redis):
    """Each test starts with empty counters."""


@pytest.fixture
def single():
    return make_list(name="Offers", description="Now and then", type="public")


@pytest.fixture
def double():
    return make_list(name="News", type="public", optin="double")


def status_of(email, one):
    return Subscription.objects.get(subscriber__email=email, list=one).status


def test_the_form_offers_public_lists_and_ticks_none(client, single, double):
    make_list(name="Hidden", type="private")
    make_list(name="Old", type="public", status="archived")

    page = client.get(FORM).content.decode()

    assert "Offers" in page
    assert "Now and then" in page
    assert "News" in page
    assert "Hidden" not in page
    assert "Old" not in page
    assert "checked" not in page


def test_a_single_optin_sign_up_is_done_at_once(client, single):
    answer = client.post(FORM, {"email": "Pub1@example.com", "name": "", "l": [str(single.uuid)]})

    assert answer.status_code == 200
    assert "You are subscribed" in answer.content.decode()
    assert status_of("pub1@example.com", single) == "unconfirmed"
    assert not SystemMail.objects.exists()


def test_a_double_optin_sign_up_sends_a_mail_whose_links_work(client, double, settings):
    answer = client.post(FORM, {"email": "pub2@example.com", "l": [str(double.uuid)]})

    mail = SystemMail.objects.get()
    person = Subscriber.objects.get()
    headers = dict(mail.headers)
    assert "Check your mail" in answer.content.decode()
    assert mail.to == "pub2@example.com"
    assert f"/subscription/optin/{person.uuid}?l={double.uuid}" in mail.html
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert f"l={double.uuid}" in headers["List-Unsubscribe"]
    client.post(f"/subscription/optin/{person.uuid}", {"l": [str(double.uuid)], "confirm": "true"})
    assert status_of("pub2@example.com", double) == "confirmed"


def test_no_mail_goes_out_when_confirmations_are_off(client, double):
    runtime.save({"app.send_optin_confirmation": False})

    client.post(FORM, {"email": "pub2@example.com", "l": [str(double.uuid)]})

    assert not SystemMail.objects.exists()


def test_a_mailbox_is_not_flooded_with_optin_mails(client, double):
    for _ in range(8):
        answer = client.post(FORM, {"email": "victim@example.com", "l": [str(double.uuid)]})
        assert answer.status_code == 200

    assert SystemMail.objects.count() == sign_up_guard.OPTIN_MAILS


@pytest.mark.parametrize(
    "fields",
    [{"email": "x@example.com"}, {"email": "nope"}, {"email": ""}, {"email": "x@example.com", "l": "nope"}],
)
def test_a_wrong_form_comes_back_with_what_was_entered(client, single, fields):
    if fields["email"] != "x@example.com":
        fields = {**fields, "l": [str(single.uuid)]}

    answer = client.post(FORM, {**fields, "name": "Somebody"})

    page = answer.content.decode()
    assert answer.status_code == 400
    assert 'role="alert"' in page
    assert 'value="Somebody"' in page
    assert not Subscriber.objects.exists()


def test_a_private_list_is_refused(client, single):
    secret = make_list(type="private")

    answer = client.post(FORM, {"email": "x@example.com", "l": [str(single.uuid), str(secret.uuid)]})

    assert answer.status_code == 400
    assert not Subscriber.objects.exists()


def test_a_filled_honeypot_ends_it(client, single):
    answer = client.post(FORM, {"email": "x@example.com", "l": [str(single.uuid)], "nonce": "x"})

    assert answer.status_code == 502
    assert answer["Content-Type"] == "application/json"
    assert not Subscriber.objects.exists()


def test_unknown_lists_are_passed_over(client, single):
    assert client.post(FORM, {"email": "x@example.com", "l": [str(uuid4())]}).status_code == 200


def test_next_leads_only_to_trusted_urls(client, single):
    runtime.save({"security.trusted_urls": ["https://good.example/thanks", "*"]})
    fields = {"email": "x@example.com", "l": [str(single.uuid)]}

    good = client.post(FORM, {**fields, "next": "https://good.example/thanks"})
    evil = client.post(FORM, {**fields, "next": "https://evil.example/"})
    star = client.post(FORM, {**fields, "next": "*"})

    assert (good.status_code, good["Location"]) == (303, "https://good.example/thanks")
    assert (evil.status_code, star.status_code) == (200, 200)


def test_a_form_that_is_switched_off_is_not_there(client, single):
    runtime.save({"app.enable_public_subscription_page": False})

    assert client.get(FORM).status_code == 404
    answer = client.post(FORM, {"email": "x@example.com", "l": [str(single.uuid)]})
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/json")
    assert "Subscribe" not in client.get("/").content.decode()


# -- captcha ----------------------------------------------------------------------------------------


def switch_on_altcha():
    captcha = {"altcha": {"enabled": True, "complexity": 1000}, "hcaptcha": {"enabled": False}}
    runtime.save({"security.captcha": captcha})


def solve(challenge):
    """Find the number, as the page's script does."""
    for number in range(challenge["maxNumber"] + 1):
        if hashlib.sha256(f"{challenge['salt']}{number}".encode()).hexdigest() == challenge["challenge"]:
            break
    solution = {key: challenge[key] for key in ("algorithm", "challenge", "salt", "signature")}
    return base64.b64encode(json.dumps({**solution, "number": number}).encode()).decode()


def test_there_is_no_challenge_while_the_captcha_is_off(client):
    answer = client.get("/api/public/captcha/altcha")

    assert (answer.status_code, answer.json()) == (404, {"message": "captcha not enabled"})


def test_a_solved_captcha_passes_once(client, single):
    switch_on_altcha()
    fields = {"email": "cap@example.com", "l": [str(single.uuid)]}
    challenge = client.get("/api/public/captcha/altcha").json()
    assert set(challenge) == {"algorithm", "challenge", "maxNumber", "salt", "signature"}
    solution = solve(challenge)

    missing = client.post(FORM, fields)
    wrong = client.post(FORM, {**fields, "altcha": solve({**challenge, "signature": "0" * 64})})
    first = client.post(FORM, {**fields, "altcha": solution})
    again = client.post(FORM, {**fields, "email": "other@example.com", "altcha": solution})

    assert [answer.status_code for answer in (missing, wrong, first, again)] == [400, 400, 200, 400]
    assert Subscriber.objects.count() == 1


def test_an_old_solution_is_refused(client, single, time_machine):
    switch_on_altcha()
    solution = solve(client.get("/api/public/captcha/altcha").json())
    import datetime

    time_machine.move_to(datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=6))
    answer = client.post(FORM, {"email": "x@example.com", "l": [str(single.uuid)], "altcha": solution})

    assert answer.status_code == 400


@pytest.mark.parametrize("rubbish", ["x", "e30=", base64.b64encode(b"[]").decode(), "a" * 5000, "é"])
def test_rubbish_is_no_solution(client, single, rubbish):
    switch_on_altcha()

    answer = client.post(FORM, {"email": "x@example.com", "l": [str(single.uuid)], "altcha": rubbish})

    assert answer.status_code == 400


# -- the opt-in page --------------------------------------------------------------------------------


def test_the_optin_page_lists_what_waits_and_confirms_nothing_by_itself(client, single, double):
    secret = make_list(name="Board", type="private", optin="double")
    person = make_subscriber(lists={single: "unconfirmed", double: "unconfirmed", secret: "unconfirmed"})

    page = client.get(f"/subscription/optin/{person.uuid}").content.decode()

    assert "News" in page
    assert "Offers" in page
    assert "Board" not in page
    assert "data-submit-at-once" not in page
    assert not Subscription.objects.filter(status="confirmed").exists()


def test_without_the_optin_page_a_browser_confirms_and_a_scanner_does_not(client, double):
    runtime.save({"app.show_optin_page": False})
    person = make_subscriber(lists={double: "unconfirmed"})

    page = client.get(f"/subscription/optin/{person.uuid}").content.decode()

    assert "data-submit-at-once" in page
    assert not Subscription.objects.filter(status="confirmed").exists()


def test_confirming_touches_only_what_was_asked(client, single, double):
    person = make_subscriber(lists={single: "unconfirmed", double: "unconfirmed"})

    client.post(f"/subscription/optin/{person.uuid}", {"l": [str(double.uuid)], "confirm": "true"})

    assert status_of(person.email, double) == "confirmed"
    assert status_of(person.email, single) == "unconfirmed"


def test_with_nothing_left_to_confirm_there_is_a_notice(client, double):
    person = make_subscriber(lists={double: "confirmed"})

    answer = client.get(f"/subscription/optin/{person.uuid}")

    assert answer.status_code == 200
    assert "Nothing to confirm" in answer.content.decode()


# -- the small pages --------------------------------------------------------------------------------


def test_robots_keep_out_of_personal_pages(client):
    answer = client.get("/robots.txt")

    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.content.decode().splitlines() == [
        "User-agent: *",
        "Allow: /subscription/form",
        "Disallow: /subscription/",
        "Disallow: /campaign/",
        "Disallow: /link/",
    ]


def test_the_sites_own_styles_and_name_are_on_every_page(client):
    runtime.save({"app.site_name": "Harbour <News>", "appearance.public.custom_css": "h1{color:red}"})

    page = client.get("/").content.decode()

    assert "Harbour &lt;News&gt;" in page
    assert "/public/custom.css" in page
    css, script = client.get("/public/custom.css"), client.get("/public/custom.js")
    assert (css["Content-Type"], css.content) == ("text/css; charset=utf-8", b"h1{color:red}")
    assert script["Content-Type"] == "application/javascript; charset=utf-8"
    assert client.get("/public/static/style.css").status_code == 200


def test_unknown_pages_are_html_and_unknown_routes_of_the_api_are_json(client):
    assert client.get("/nosuch")["Content-Type"].startswith("text/html")
    assert client.get("/api/nosuch")["Content-Type"] == "application/json"
    assert client.delete("/subscription/form").status_code == 404
