"""The language and the clock of staff: chosen in the profile, followed by the admin and by nothing else."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from listmonk_py.accounts.models import User
from listmonk_py.configuration import runtime
from subscribers.models import Subscriber
from tests.factories import make_subscriber, make_user

pytestmark = pytest.mark.django_db

PROFILE = "/admin/account/profile/"
PASSWORD_PAGE = "/admin/account/password/"
PERSON = "/admin/subscribers/subscriber/{}/change/"
FORM = {"name": "Ann Lee", "email": "ann@example.com", "language": "de", "time_zone": "Asia/Tokyo"}


@pytest.fixture
def ann(client):
    user = make_user(superadmin=True, email="ann@example.com")
    client.force_login(user)
    return user


def choose(user, **values):
    User.objects.filter(pk=user.pk).update(**values)


def test_the_profile_stores_language_and_time_zone(client, ann):
    answer = client.post(PROFILE, FORM)

    assert (answer.status_code, answer["Location"]) == (302, PROFILE)
    ann.refresh_from_db()
    assert (ann.name, ann.language, ann.time_zone) == ("Ann Lee", "de", "Asia/Tokyo")
    page = client.get(PROFILE).content.decode()
    assert '<option value="de" lang="de" selected>' in page
    assert "<option selected>Asia/Tokyo</option>" in page


@pytest.mark.parametrize("wrong", [{"language": "klingon"}, {"time_zone": "Mars/Base"}, {"email": "nobody"}])
def test_what_cannot_be_stored_is_refused_in_words_and_nothing_is_written(client, ann, wrong):
    answer = client.post(PROFILE, {**FORM, **wrong})

    assert answer.status_code == 400
    assert next(iter(wrong)) in answer.content.decode()
    before, ann.name = ann.name, ""
    ann.refresh_from_db()
    assert (ann.name, ann.language, ann.time_zone) == (before, "", "")


def test_the_profile_asks_strangers_to_sign_in(client):
    make_user(superadmin=True)

    answer = client.get(PROFILE)

    assert answer.status_code == 302
    assert answer["Location"].startswith("/admin/login")


def test_pages_of_staff_follow_the_language(client, ann):
    choose(ann, language="de")

    page = client.get(PASSWORD_PAGE).content.decode()

    assert '<html lang="de">' in page
    assert "Passwort" in page


def test_without_a_choice_staff_get_the_language_of_the_site(client, ann):
    runtime.save({"app.lang": "fr"})

    assert '<html lang="fr">' in client.get(PASSWORD_PAGE).content.decode()


def test_times_in_the_admin_are_in_the_users_zone(client, ann):
    choose(ann, time_zone="Asia/Tokyo")
    person = make_subscriber()
    late = datetime(2024, 3, 4, 20, 30, tzinfo=UTC)
    Subscriber.objects.filter(pk=person.pk).update(created_at=late)

    page = client.get(PERSON.format(person.pk)).content.decode()

    local = late.astimezone(ZoneInfo("Asia/Tokyo"))
    assert local.day == 5
    assert "5 Mar 2024" in page


def test_a_zone_that_the_machine_knows_no_more_does_no_harm(client, ann):
    choose(ann, time_zone="Atlantis/Capital", language="xx")

    assert client.get(PASSWORD_PAGE).status_code == 200


def test_the_api_keeps_its_own_clock_and_language(client, ann):
    person = make_subscriber()
    before = client.get(f"/api/subscribers/{person.pk}").json()
    choose(ann, time_zone="Asia/Tokyo", language="de")

    assert client.get(f"/api/subscribers/{person.pk}").json() == before


def test_nothing_of_it_stays_behind_for_the_next_request(client, ann):
    choose(ann, time_zone="Asia/Tokyo", language="de")

    client.get(PASSWORD_PAGE)

    assert timezone.get_current_timezone() == timezone.get_default_timezone()
    assert timezone.localtime().utcoffset() == timedelta(0)


def test_the_api_tells_and_changes_them_too(client, ann):
    put = {"name": "Ann", "email": "ann@example.com", "language": "pl", "time_zone": "Europe/Warsaw"}

    answer = client.put(
        "/api/profile", put, content_type="application/json", HTTP_SEC_FETCH_SITE="same-origin"
    )

    data = answer.json()["data"]
    assert (data["language"], data["time_zone"]) == ("pl", "Europe/Warsaw")
    wrong = {**put, "time_zone": 7}
    refused = client.put(
        "/api/profile", wrong, content_type="application/json", HTTP_SEC_FETCH_SITE="same-origin"
    )
    assert (refused.status_code, "time_zone" in refused.json()["message"]) == (400, True)


def test_a_put_without_them_keeps_them(client, ann):
    choose(ann, time_zone="Asia/Tokyo", language="de")

    client.put(
        "/api/profile",
        {"name": "Ann", "email": "ann@example.com"},
        content_type="application/json",
        HTTP_SEC_FETCH_SITE="same-origin",
    )

    ann.refresh_from_db()
    assert (ann.language, ann.time_zone) == ("de", "Asia/Tokyo")
