"""Security keys and passkeys with Chromium's virtual authenticator: the whole way, scripts and policy included."""

import pytest
from allauth.mfa.models import Authenticator

from tests import web
from tests.factories import PASSWORD, make_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis")]

KEY = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture(scope="module")
def url(django_db_setup, django_db_blocker):
    """Of the running product. By name: browsers know no security keys for bare addresses."""
    with web.running() as server:
        yield f"http://localhost:{server.port}"


@pytest.fixture
def page(page):
    """A page whose browser has a security key."""
    page.set_default_timeout(45_000)
    page.refused = []  # what the content security policy has stopped
    page.on(
        "console",
        lambda message: page.refused.append(message.text) if "Content Security" in message.text else None,
    )
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": KEY})
    return page


def away_from(part):
    return lambda address: part not in address


def sign_in(page, url, user):
    page.goto(f"{url}/admin/login")
    page.fill("#username", user.username)
    page.fill("#password", PASSWORD)
    page.click("button.primary")


def add_key(page, url, *, passkey):
    page.goto(f"{url}/admin/account/2fa/webauthn/add/")
    page.fill('input[type="password"]', PASSWORD)
    page.click('button[type="submit"]')
    page.wait_for_url("**/webauthn/add/")
    page.fill('input[name="name"]', "My key")
    if passkey:
        page.check('input[name="passwordless"]')
    page.click("#mfa_webauthn_add")
    page.wait_for_url("**/recovery-codes/**")


def test_a_passkey_is_added_and_signs_in_without_a_password(page, url):
    user = make_user()
    sign_in(page, url, user)
    page.wait_for_url(away_from("/login"))
    add_key(page, url, passkey=True)
    assert Authenticator.objects.filter(user=user, type="webauthn").exists()
    page.context.clear_cookies()

    page.goto(f"{url}/admin/login")
    page.click("#passkey_login")
    page.wait_for_url(away_from("/login"))

    assert page.request.get(f"{url}/api/profile").json()["data"]["id"] == user.pk
    assert page.refused == []


def test_a_security_key_is_the_second_step(page, url):
    user = make_user()
    sign_in(page, url, user)
    page.wait_for_url(away_from("/login"))
    add_key(page, url, passkey=False)
    page.context.clear_cookies()

    sign_in(page, url, user)
    page.wait_for_url("**/admin/login/twofa?**")
    assert page.request.get(f"{url}/api/profile").status == 403
    page.click("text=Use a security key")
    page.wait_for_url("**/2fa/authenticate/")
    page.click("#mfa_webauthn_authenticate")
    page.wait_for_url(away_from("/authenticate"))

    assert page.request.get(f"{url}/api/profile").json()["data"]["id"] == user.pk
    assert page.refused == []
