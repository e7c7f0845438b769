"""Single sign-on against a provider over real HTTP (contract 10.2)."""

import re
import socket

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from allauth.socialaccount.models import SocialAccount
from django.test import Client

from listmonk_py.accounts.models import User
from listmonk_py.configuration import runtime
from listmonk_py.mail import outbound_session
from tests.accounts.oidc_provider import Provider
from tests.factories import call, make_list, make_list_role, make_role, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]

ANN = {
    "sub": "subject-1",
    "email": "Ann@example.com",
    "email_verified": True,
    "name": "Ann Lee",
    "picture": "https://id.example/ann.png",
}


@pytest.fixture(scope="module")
def running():
    with Provider() as provider:
        yield provider


@pytest.fixture
def provider(running, settings):
    settings.OUTBOUND_ALLOW = ["127.0.0.1"]
    make_user(superadmin=True)
    running.claims, running.refuse, running.asked = dict(ANN), False, []
    running.redirect = running.token_url = ""
    switch_on(running)
    return running


def switch_on(provider, **changes):
    oidc = {
        **runtime.get("security.oidc"),
        "enabled": True,
        "provider_url": provider.url,
        "provider_name": "Example ID",
        "client_id": provider.client_id,
        "client_secret": provider.client_secret,
        **changes,
    }
    runtime.save({"security.oidc": oidc, "app.root_url": "http://testserver"})


@pytest.fixture
def browser():
    return Client()


def start(browser, next_url="/admin/lists?x=1"):
    """Press the button on the sign-in page."""
    page = browser.get("/admin/login").content.decode()
    nonce = re.search(r'action="/auth/oidc".*?name="nonce" value="([^"]+)"', page, re.DOTALL)[1]
    return browser.post("/auth/oidc", {"nonce": nonce, "next": next_url})


def sign_in(browser, provider):
    response = start(browser)
    assert response.status_code == 302
    assert response["Location"].startswith(f"{provider.url}/authorize?")
    back = provider.sign_in(response["Location"])
    assert back.startswith("http://testserver/auth/oidc?")
    return browser.get(back.removeprefix("http://testserver"))


def is_signed_in(browser):
    return call(browser, "GET", "/api/profile")[0] == 200


def test_somebody_known_by_the_verified_address_gets_in(browser, provider):
    user = make_user(email="ann@example.com", password_login=False)

    response = sign_in(browser, provider)

    assert (response.status_code, response["Location"]) == (302, "/admin/lists?x=1")
    profile = call(browser, "GET", "/api/profile")[1]["data"]
    assert profile["id"] == user.pk
    assert profile["avatar"] == ANN["picture"]
    assert profile["loggedin_at"] is not None


def test_the_second_time_the_identity_counts_not_the_address(browser, provider):
    user = make_user(email="ann@example.com")
    sign_in(browser, provider)
    provider.claims = {**ANN, "email": "ann.new@example.com", "email_verified": False}

    again = Client()
    sign_in(again, provider)

    assert call(again, "GET", "/api/profile")[1]["data"]["id"] == user.pk
    assert SocialAccount.objects.count() == 1


@pytest.mark.parametrize(
    "claim", [{"email_verified": False}, {"email_verified": None}, {"email_verified": "false"}]
)
def test_an_address_that_is_not_verified_opens_nothing(browser, provider, claim):
    make_user(email="ann@example.com")
    provider.claims.update(claim)

    response = sign_in(browser, provider)

    assert response.status_code == 200
    assert "verified" in response.content.decode()
    assert not is_signed_in(browser)
    assert not SocialAccount.objects.exists()


def test_staff_can_trust_a_provider_that_never_says_so(browser, provider):
    make_user(email="ann@example.com")
    switch_on(provider, trust_unverified_email=True)
    del provider.claims["email_verified"]

    sign_in(browser, provider)

    assert is_signed_in(browser)


def test_strangers_stay_outside_unless_they_are_made_automatically(browser, provider):
    response = sign_in(browser, provider)
    assert "no account" in response.content.decode()
    assert not is_signed_in(browser)
    assert not User.objects.filter(email="ann@example.com").exists()

    role, lists = make_role("lists:get_all"), make_list_role({make_list(): ["list:get"]})
    switch_on(provider, auto_create_users=True, default_user_role_id=role.pk, default_list_role_id=lists.pk)
    sign_in(browser, provider)

    assert is_signed_in(browser)
    made = User.objects.get(email="ann@example.com")
    assert (made.username, made.name, made.user_role, made.list_role) == (
        "ann@example.com",
        "Ann Lee",
        role,
        lists,
    )
    assert not made.password_login
    assert not made.has_usable_password()


@pytest.mark.parametrize("fields", [{"status": "disabled"}, {"type": "api", "email": "ann@example.com"}])
def test_disabled_people_and_programs_do_not_get_in(browser, provider, fields):
    make_user(**{"email": "ann@example.com", **fields})

    response = sign_in(browser, provider)

    assert "disabled" in response.content.decode()
    assert not is_signed_in(browser)


def test_disabling_somebody_later_keeps_them_out(browser, provider):
    user = make_user(email="ann@example.com")
    sign_in(browser, provider)
    User.objects.filter(pk=user.pk).update(status="disabled")

    again = Client()

    assert "disabled" in sign_in(again, provider).content.decode()
    assert not is_signed_in(again)
    assert not is_signed_in(browser)


def test_a_second_factor_is_asked_for_here_too(browser, provider):
    TOTP.activate(make_user(email="ann@example.com"), "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")

    response = sign_in(browser, provider)

    assert response["Location"] == "/admin/account/2fa/authenticate/"
    assert not is_signed_in(browser)


def test_the_nonce_of_the_page_is_needed_to_start(browser, provider):
    browser.get("/admin/login")

    for nonce in ("", "wrong"):
        response = browser.post("/auth/oidc", {"nonce": nonce})
        assert (response.status_code, response.json()) == (401, {"message": "Invalid auth request"})


def test_coming_back_without_having_started_is_the_sign_in_page(browser, provider):
    response = browser.get("/auth/oidc")
    assert response.status_code == 200
    assert "nonce" in response.cookies

    response = browser.get("/auth/oidc?code=x&state=forged")
    assert response.status_code == 200
    assert not is_signed_in(browser)


def test_somebody_elses_state_does_not_sign_me_in(browser, provider):
    make_user(email="ann@example.com")
    back = provider.sign_in(start(Client())["Location"]).removeprefix("http://testserver")

    browser.get(back)

    assert not is_signed_in(browser)


@pytest.mark.parametrize("claims", [{"sub": "s"}, {"sub": "s", "email": 5}, {"sub": "s", "email": "nobody"}])
def test_a_provider_that_tells_no_address_is_explained(browser, provider, claims):
    provider.claims = claims

    assert 'role="alert"' in sign_in(browser, provider).content.decode()
    assert not is_signed_in(browser)


def test_a_provider_that_refuses_or_is_away_is_explained(browser, provider):
    make_user(email="ann@example.com")
    provider.refuse = True
    assert "could not be reached or refused" in sign_in(browser, provider).content.decode()

    switch_on(provider, provider_url="http://127.0.0.1:9")
    assert "could not be reached or refused" in start(browser).content.decode()
    assert not is_signed_in(browser)


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest",
        "http://10.0.0.1",
        "https://10.0.0.1/realms/x",
        "http://[::ffff:10.0.0.1]",
        "http://127.0.0.1:9",
    ],
)
def test_a_private_address_is_asked_only_when_the_operator_allows_it(browser, provider, settings, url):
    settings.OUTBOUND_ALLOW = []
    switch_on(provider, provider_url=url)

    page = start(browser).content.decode()

    assert "not a public address" in page
    assert not is_signed_in(browser)


@pytest.mark.parametrize("host", ["169.254.169.254", "10.0.0.1"])
def test_the_provider_cannot_name_a_private_address_for_its_tokens(browser, provider, host):
    provider.token_url = f"http://{host}/token"

    page = browser.get(provider.sign_in(start(browser)["Location"]).removeprefix("http://testserver"))

    assert f"{host}, which is not a public address" in page.content.decode()
    assert not is_signed_in(browser)


def test_a_redirect_is_not_followed(browser, provider):
    provider.redirect = f"{provider.url}/elsewhere"

    page = start(browser).content.decode()

    assert "redirects are not followed" in page
    assert provider.asked == ["/.well-known/openid-configuration"]


def test_the_connection_goes_to_the_address_that_was_checked(browser, provider, settings, monkeypatch):
    """A name that leads elsewhere when it is looked up again (DNS rebinding) is looked up once per request."""
    make_user(email="ann@example.com")
    real, answers = socket.getaddrinfo, []

    def rebinding(host, *args, **kwargs):
        if host != "id.example.com":
            return real(host, *args, **kwargs)
        answers.append("127.0.0.1")
        return real(answers[-1], *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    monkeypatch.setattr(provider, "url", provider.url.replace("127.0.0.1", "id.example.com"))
    switch_on(provider)

    sign_in(browser, provider)

    assert is_signed_in(browser)
    assert len(answers) == len(provider.asked)


def test_an_answer_without_an_end_is_cut_off(browser, provider, monkeypatch):
    monkeypatch.setattr(outbound_session, "LONGEST_ANSWER_BYTES", 100)

    assert "more than 100 bytes" in start(browser).content.decode()


def test_next_does_not_lead_away(browser, provider):
    make_user(email="ann@example.com")
    response = start(browser, "https://evil.example/")
    back = provider.sign_in(response["Location"]).removeprefix("http://testserver")

    assert browser.get(back)["Location"] == "/admin"


def test_switched_off_there_is_no_such_page(browser):
    make_user()

    assert browser.get("/auth/oidc").status_code == 404
    assert browser.post("/auth/oidc").status_code == 404
    assert b"/auth/oidc" not in browser.get("/admin/login").content


def test_the_page_may_send_its_form_to_the_provider(browser, provider):
    policy = browser.get("/admin/login")["Content-Security-Policy"]

    assert "form-action 'self' http:" in policy
