"""The sign-in pages: listmonk's addresses and statuses, and what listmonk lacks (contract 3.15, 10.1)."""

import html
import re
import threading
from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.db import connection
from django.test import Client

from listmonk_py.accounts import first_run, password_reset, signing_in
from listmonk_py.accounts.models import User
from listmonk_py.configuration import runtime
from listmonk_py.mail.models import SystemMail
from tests.factories import PASSWORD, api_client, call, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
SET_UP = {"email": "ann@example.com", "username": "ann", "password": PASSWORD, "password2": PASSWORD}


@pytest.fixture
def browser():
    return Client()


def sign_in(browser, user, **fields):
    return browser.post("/admin/login", {"username": user.username, "password": PASSWORD, **fields})


def codes():
    """The codes that an app would show now and one step later."""
    return [format_hotp_value(hotp_value(SECRET, counter)) for counter in yield_hotp_counters_from_time()][1:]


def is_signed_in(browser):
    return call(browser, "GET", "/api/profile")[0] == 200


# --- First run -------------------------------------------------------------------------------------


def test_a_fresh_installation_offers_to_make_the_super_admin(browser):
    page = browser.get("/admin/login")

    assert page.status_code == 200
    assert b'name="password2"' in page.content
    assert b"autofocus" in page.content


def test_setting_up_makes_the_super_admin_and_signs_in(browser):
    response = browser.post("/admin/login", SET_UP)

    assert (response.status_code, response["Location"]) == (302, "/admin")
    assert User.objects.get(username="ann").is_superuser
    assert is_signed_in(browser)
    assert b'name="password2"' not in Client().get("/admin/login").content


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"password2": "another"}, "differ"),
        ({"password": "short", "password2": "short"}, "password"),
        ({"username": "x"}, "username"),
        ({"email": "ann"}, "email"),
    ],
)
def test_set_up_says_what_is_wrong_and_keeps_what_was_typed(browser, changes, words):
    page = browser.post("/admin/login", {**SET_UP, **changes})

    assert page.status_code == 200
    assert words in page.content.decode()
    assert {**SET_UP, **changes}["email"] in page.content.decode()
    assert PASSWORD not in page.content.decode()
    assert not User.objects.exists()


def test_an_api_user_does_not_close_the_set_up(browser):
    make_user(superadmin=True, type="api")

    assert b'name="password2"' in browser.get("/admin/login").content


@pytest.mark.django_db(transaction=True)
def test_two_visitors_at_once_make_one_super_admin():
    barrier, outcomes = threading.Barrier(2), []

    def visit(name):
        barrier.wait()
        try:
            first_run.set_up({**SET_UP, "username": name, "email": f"{name}@example.com"})
            outcomes.append("made")
        except first_run.Conflict:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=visit, args=(name,)) for name in ("ann", "bob")]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert sorted(outcomes) == ["made", "refused"]
    assert User.objects.count() == 1


def test_the_environment_makes_the_first_users_once():
    environ = {
        "LISTMONK_ADMIN_USER": "ann",
        "LISTMONK_ADMIN_PASSWORD": PASSWORD,
        "LISTMONK_ADMIN_API_USER": "robot",
    }

    token = first_run.from_environment(environ)

    assert User.objects.get(username="ann").check_password(PASSWORD)
    robot = Client(headers={"Authorization": f"token robot:{token}"})
    assert call(robot, "GET", "/api/health")[0] == 200
    assert first_run.from_environment(environ) is None
    assert User.objects.count() == 2


# --- Password --------------------------------------------------------------------------------------


def test_the_right_password_leads_to_where_one_was_going(browser):
    user = make_user()

    response = sign_in(browser, user, next="/admin/lists?x=1")

    assert (response.status_code, response["Location"]) == (302, "/admin/lists?x=1")
    cookie = response.cookies["session"]
    assert (cookie["max-age"], cookie["httponly"], cookie["samesite"], cookie["path"]) == (
        604800,
        True,
        "Lax",
        "/",
    )
    assert is_signed_in(browser)
    user.refresh_from_db()
    assert user.loggedin_at is not None


def test_a_wrong_password_shows_the_page_again_with_status_200(browser):
    user = make_user()

    response = sign_in(browser, user, password="wrongpass")

    assert response.status_code == 200
    assert "nonce" in response.cookies
    assert 'role="alert"' in response.content.decode()
    assert user.username in response.content.decode()
    assert not is_signed_in(browser)


@pytest.mark.parametrize(
    "fields",
    [{"status": "disabled"}, {"type": "api"}, {"password_login": False}],
    ids=["disabled", "api user", "single sign-on only"],
)
def test_who_may_not_use_a_password_does_not_get_in(browser, fields):
    make_user()
    user = make_user(**fields)

    assert sign_in(browser, user).status_code == 200
    assert not is_signed_in(browser)


@pytest.mark.parametrize(
    "url",
    [
        "//evil.example",
        "https://evil.example/x",
        "/\\evil.example",
        "/\t/evil.example",
        "/a/../../x",
        "javascript:alert(1)",
        "evil.example",
        "http://[",
    ],
)
def test_next_never_leads_away(url):
    there = signing_in.safe_next(url)

    assert there.startswith("/")
    assert not there.startswith("//")
    assert "evil" not in there or there == "/x"


def test_guessing_is_slowed_down(browser):
    user = make_user()
    runtime.save({"auth.login_attempts": 3})
    for _ in range(3):
        sign_in(browser, user, password="wrong")

    response = sign_in(browser, user)

    assert "Too many attempts" in response.content.decode()
    assert not is_signed_in(browser)


def test_a_form_from_another_site_is_refused(browser):
    user = make_user()
    fields = {"username": user.username, "password": PASSWORD}

    assert browser.post("/admin/login", fields, headers={"Origin": "https://evil.example"}).status_code == 403
    assert browser.post("/admin/login", fields, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert browser.post("/admin/login", fields, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 302


def test_disabling_somebody_ends_their_sessions_at_once(browser):
    user = make_user()
    sign_in(browser, user)
    assert is_signed_in(browser)

    User.objects.filter(pk=user.pk).update(status="disabled")

    assert not is_signed_in(browser)


def test_a_new_password_ends_the_other_sessions_and_keeps_this_one(browser):
    user, elsewhere = make_user(), Client()
    sign_in(browser, user)
    sign_in(elsewhere, user)
    body = {"name": "Ann", "email": user.email, "password": "a new one 4711"}

    status, _ = call(browser, "PUT", "/api/profile", body)

    assert status in (200, 403)
    if status == 403:  # a browser's own request names its origin
        status = browser.put(
            "/api/profile", body, content_type="application/json", headers={"Sec-Fetch-Site": "same-origin"}
        ).status_code
    assert status == 200
    assert is_signed_in(browser)
    assert not is_signed_in(elsewhere)


def test_sessions_are_listed_and_ended_one_by_one(browser):
    user, elsewhere = make_user(), Client()
    sign_in(browser, user)
    sign_in(elsewhere, user)
    listed = call(browser, "GET", "/api/profile/sessions")[1]["data"]
    assert sorted(one["is_current"] for one in listed) == [False, True]
    other = next(one["id"] for one in listed if not one["is_current"])

    response = browser.delete(f"/api/profile/sessions/{other}", headers={"Sec-Fetch-Site": "same-origin"})

    assert response.status_code == 200
    assert not is_signed_in(elsewhere)
    assert is_signed_in(browser)


def test_signing_out_over_the_api_ends_the_session(browser):
    sign_in(browser, make_user())

    response = browser.post(
        "/api/logout", "{}", content_type="application/json", headers={"Sec-Fetch-Site": "same-origin"}
    )

    assert (response.status_code, response.json()) == (200, {"data": True})
    assert not is_signed_in(browser)


def test_a_token_has_nothing_to_sign_out_of():
    client = api_client(make_user(type="api"))

    assert call(client, "POST", "/api/logout", {})[0] == 400


def test_signing_out_in_the_browser_asks_first(browser):
    sign_in(browser, make_user())

    assert browser.get("/admin/logout").status_code == 200
    assert is_signed_in(browser)
    response = browser.post("/admin/logout", headers={"Sec-Fetch-Site": "same-origin"})
    assert response["Location"] == "/admin/login"
    assert not is_signed_in(browser)


def test_admin_without_a_session_leads_to_signing_in(browser):
    make_user()

    response = browser.get("/admin?x=1")

    assert (response.status_code, response["Location"]) == (307, "/admin/login?next=%2Fadmin%3Fx%3D1")


# --- Second factor ---------------------------------------------------------------------------------


@pytest.fixture
def careful():
    """Somebody with an authenticator app and recovery codes."""
    user = make_user()
    TOTP.activate(user, SECRET)
    RecoveryCodes.activate(user)
    return user


def pending(browser, user):
    """The token and next of the second page."""
    response = sign_in(browser, user, next="/admin/lists")
    assert response.status_code == 302
    assert re.fullmatch(r"/admin/login/twofa\?token=([^&]+)&next=%2Fadmin%2Flists", response["Location"])
    return parse_qs(urlsplit(response["Location"]).query)["token"][0]


def test_with_a_second_factor_the_password_alone_opens_nothing(browser, careful):
    token = pending(browser, careful)

    assert not is_signed_in(browser)
    assert browser.get(f"/admin/login/twofa?token={token}").status_code == 200


def test_the_right_code_signs_in_once(browser, careful):
    token, code = pending(browser, careful), codes()[0]

    response = Client().post("/admin/login/twofa", {"token": token, "totp_code": code, "next": "/admin"})

    assert (response.status_code, response["Location"]) == (302, "/admin")
    assert "session" in response.cookies
    again = Client().post("/admin/login/twofa", {"token": token, "totp_code": code, "next": "/admin"})
    assert again.status_code == 200
    assert b"used before" in again.content


def test_a_recovery_code_signs_in_and_is_used_up(browser, careful):
    code = Authenticator.objects.get(user=careful, type="recovery_codes").wrap().get_unused_codes()[0]
    token = pending(browser, careful)

    assert browser.post("/admin/login/twofa", {"token": token, "totp_code": code}).status_code == 302
    assert is_signed_in(browser)
    assert (
        code not in Authenticator.objects.get(user=careful, type="recovery_codes").wrap().get_unused_codes()
    )


def test_codes_cannot_be_guessed_for_ever(browser, careful):
    token = pending(browser, careful)
    for _ in range(15):
        browser.post("/admin/login/twofa", {"token": token, "totp_code": "000000"})

    response = browser.post("/admin/login/twofa", {"token": token, "totp_code": codes()[0]})

    assert b"Too many attempts" in response.content
    assert not is_signed_in(browser)


def test_a_bad_pending_token_leads_home(browser):
    make_user()

    response = browser.get("/admin/login/twofa?token=nope")

    assert (response.status_code, response["Location"]) == (302, "/admin")


def test_the_secret_is_encrypted_at_rest(careful):
    stored = Authenticator.objects.get(user=careful, type="totp").data["secret"]

    assert SECRET not in stored


def test_the_app_is_set_up_over_the_api(browser):
    user = make_user()
    sign_in(browser, user)
    headers = {"Sec-Fetch-Site": "same-origin"}
    url = f"/api/users/{user.pk}/twofa"
    offered = call(browser, "GET", f"{url}/totp")[1]["data"]
    assert offered["qr"].startswith("iVBOR")  # PNG in base64
    code = format_hotp_value(hotp_value(offered["secret"], list(yield_hotp_counters_from_time())[1]))
    form = {"type": "totp", "secret": offered["secret"], "code": "000000"}
    encoded = "application/x-www-form-urlencoded"

    def put(**changes):
        body = "&".join(f"{name}={value}" for name, value in {**form, **changes}.items())
        return browser.put(url, body, content_type=encoded, headers=headers)

    assert put(type="weird", code=code).status_code == 400
    assert put(code="12x").status_code == 400
    assert put(code=code).json() == {"data": True}
    assert call(browser, "GET", "/api/profile")[1]["data"]["twofa_type"] == "totp"
    assert call(browser, "GET", f"{url}/totp")[0] == 400

    assert browser.delete(url, "password=nope", content_type=encoded, headers=headers).status_code == 403
    boundary = f'--b\r\nContent-Disposition: form-data; name="password"\r\n\r\n{PASSWORD}\r\n--b--\r\n'
    deleted = browser.delete(url, boundary, content_type="multipart/form-data; boundary=b", headers=headers)
    assert deleted.json() == {"data": True}
    assert not Authenticator.objects.exists()


# --- Forgotten passwords ---------------------------------------------------------------------------


def links():
    """The links in the mails that wait to be sent."""
    bodies = SystemMail.objects.filter(template="forgot_password").values_list("html", flat=True)
    return [html.unescape(re.search(r'href="([^"]*/admin/reset[^"]*)"', body)[1]) for body in bodies]


def test_the_answer_to_forgot_does_not_tell_who_has_an_account(browser):
    user = make_user()

    known = browser.post("/admin/forgot", {"email": user.email})
    unknown = browser.post("/admin/forgot", {"email": "nobody@example.com"})

    assert known.status_code == unknown.status_code == 200
    assert known.content == unknown.content
    assert [mail.to for mail in SystemMail.objects.all()] == [user.email]


def test_a_reset_link_sets_a_password_once_and_ends_all_sessions(browser):
    user, elsewhere = make_user(), Client()
    sign_in(elsewhere, user)
    browser.post("/admin/forgot", {"email": user.email.upper()})
    (url,) = links()
    path = url.removeprefix(runtime.get("app.root_url"))
    assert browser.get(path).status_code == 200
    token = parse_qs(urlsplit(path).query)["token"][0]
    fields = {
        "token": token,
        "email": user.email,
        "password": "a new one 4711",
        "password2": "a new one 4711",
    }

    assert b"differ" in browser.post("/admin/reset", {**fields, "password2": "other"}).content
    assert browser.post("/admin/reset", fields).status_code == 302

    assert is_signed_in(browser)
    assert not is_signed_in(elsewhere)
    assert browser.post("/admin/reset", fields).status_code == 400


def test_a_reset_does_not_bypass_the_second_factor(browser, careful):
    fields = {"token": password_reset.token(careful), "email": careful.email}

    response = browser.post(
        "/admin/reset", {**fields, "password": "a new one 4711", "password2": "a new one 4711"}
    )

    assert response["Location"].startswith("/admin/login/twofa?token=")
    assert not is_signed_in(browser)


@pytest.mark.parametrize("changes", [{"token": "x"}, {"email": "other@example.com"}, {"token": ""}])
def test_a_bad_reset_link_is_a_page_with_status_400(browser, changes):
    user = make_user()
    fields = {"token": password_reset.token(user), "email": user.email, **changes}

    assert browser.get("/admin/reset", fields).status_code == 400
    assert (
        browser.post("/admin/reset", {**fields, "password": "abcdefgh", "password2": "abcdefgh"}).status_code
        == 400
    )
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


def test_reset_mails_are_limited():
    user = make_user()

    assert [password_reset.ask(user.email, ip="10.0.0.1") for _ in range(4)] == [True, True, True, False]


@pytest.mark.parametrize("fields", [{"status": "disabled"}, {"password_login": False}])
def test_who_cannot_use_a_password_gets_no_reset_mail(fields):
    assert password_reset.ask(make_user(**fields).email, ip="10.0.0.1") is False
    assert links() == []


# --- allauth's pages -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "2fa/",
        "2fa/webauthn/",
        "sessions/",
        "password/",
        "reauthenticate/",
    ],
)
def test_account_pages_open_for_who_is_signed_in(browser, path):
    sign_in(browser, make_user())

    page = browser.get(f"/admin/account/{path}")

    assert page.status_code == 200
    assert b"sign-in.css" in page.content


@pytest.mark.parametrize("path", ["2fa/totp/activate/", "2fa/webauthn/add/"])
def test_adding_a_factor_asks_for_the_password_once_more(browser, path):
    sign_in(browser, make_user())
    page = f"/admin/account/{path}"
    asked = browser.get(page)
    assert asked["Location"].startswith("/admin/account/reauthenticate/")

    response = browser.post(asked["Location"], {"password": PASSWORD, "next": page})

    assert response["Location"] == page
    assert b"sign-in.css" in browser.get(page).content


def test_account_pages_are_closed_to_strangers(browser):
    make_user()

    response = browser.get("/admin/account/2fa/")

    assert response.status_code == 302
    assert response["Location"].startswith("/admin/login")


def test_nobody_signs_up_by_themselves(browser):
    make_user()

    assert browser.get("/admin/account/sign-up/")["Location"] == "/admin/login"
    assert browser.post("/admin/account/sign-up/", {})["Location"] == "/admin/login"


def test_a_security_key_is_offered_in_the_second_step(browser):
    user = make_user()
    Authenticator.objects.create(user=user, type="webauthn", data={"name": "Key", "credential": {}})
    token = pending(browser, user)

    page = browser.get(f"/admin/login/twofa?token={token}")

    assert b"/admin/account/2fa/authenticate/" in page.content
    assert not is_signed_in(browser)
