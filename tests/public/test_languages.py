"""In which language a page or a mail reaches its reader."""

import pytest

from listmonk_py.configuration import runtime
from listmonk_py.mail.models import SystemMail
from subscribers import consent
from subscribers.models import Subscriber
from tests.factories import make_list, make_subscriber

pytestmark = pytest.mark.django_db

NO_CAMPAIGN = consent.NO_CAMPAIGN
GERMAN = {"HTTP_ACCEPT_LANGUAGE": "de-AT,de;q=0.9,en;q=0.5"}


@pytest.fixture
def news():
    return make_list(name="Weekly news", type="public", optin="double")


def preferences_of(person):
    return f"/subscription/{NO_CAMPAIGN}/{person.uuid}?manage=true"


def test_without_any_hint_pages_are_in_the_languages_of_the_site(client, news):
    answer = client.get("/subscription/form")

    assert answer["Content-Language"] == "en"
    assert '<html lang="en">' in answer.content.decode()
    assert "Which mails" in answer.content.decode() or "Yes, I want mail from" in answer.content.decode()


def test_the_languages_of_the_site_is_a_setting(client, news):
    runtime.save({"app.lang": "fr"})

    answer = client.get("/subscription/form")

    assert answer["Content-Language"] == "fr"
    assert "Adresse e-mail" in answer.content.decode()


def test_a_language_without_texts_is_english(client, news):
    runtime.save({"app.lang": "sv"})

    assert client.get("/subscription/form")["Content-Language"] == "en"


def test_strangers_are_answered_in_the_language_of_their_browser(client, news):
    answer = client.get("/subscription/form", **GERMAN)

    page = answer.content.decode()
    assert answer["Content-Language"] == "de"
    assert '<html lang="de">' in page
    assert "E-Mail-Adresse" in page
    assert "Accept-Language" in answer["Vary"]


def test_the_browser_is_not_asked_when_the_settings_say_so(client, news):
    runtime.save({"app.public_lang_auto": False})

    answer = client.get("/subscription/form", **GERMAN)

    assert answer["Content-Language"] == "en"
    assert "Accept-Language" not in answer.get("Vary", "")


@pytest.mark.parametrize("header", ["*", "xx", "de;q=0", "de;q=x", "," * 400, "x" * 9000, "\x00"])
def test_no_browser_can_ask_for_something_odd(client, news, header):
    answer = client.get("/subscription/form", HTTP_ACCEPT_LANGUAGE=header)

    assert (answer.status_code, answer["Content-Language"]) == (200, "en")


def test_a_page_that_is_not_there_says_so_in_the_readers_language(client, news):
    answer = client.get("/nosuch", **GERMAN)

    assert answer.status_code == 404
    assert "Unter dieser Adresse gibt es nichts." in answer.content.decode()


def test_an_error_of_the_api_stays_english(client, news):
    answer = client.get("/api/nosuch", **GERMAN)

    assert "Unter" not in answer.content.decode()


@pytest.mark.parametrize("attribs", [{"lang": "de"}, {"locale": "de_DE"}, {"lang": "xx", "locale": "de"}])
def test_a_persons_own_language_comes_before_the_browsers(client, news, attribs):
    person = make_subscriber(attribs=attribs, lists={news: "confirmed"})

    answer = client.get(preferences_of(person), HTTP_ACCEPT_LANGUAGE="fr")

    assert answer["Content-Language"] == "de"
    assert "Was möchten Sie erhalten?" in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize("attribs", [{"lang": 7}, {"lang": ["de"]}, {"lang": None}, {}, {"lang": "x" * 5000}])
def test_attributes_that_name_no_language_do_no_harm(client, news, attribs):
    person = make_subscriber(attribs=attribs, lists={news: "confirmed"})

    assert client.get(preferences_of(person))["Content-Language"] == "en"


def test_the_preferences_page_lets_people_choose_their_language(client, news):
    person = make_subscriber(name="Ann", attribs={"city": "Bern", "locale": "en"}, lists={news: "confirmed"})
    form = {"manage": "true", "name": "Ann", "l": [str(news.uuid)], "lang": "de"}

    answer = client.post(preferences_of(person), form)

    person.refresh_from_db()
    assert person.attribs == {"city": "Bern", "lang": "de"}
    assert "Ihre Einstellungen sind gespeichert." in answer.content.decode()
    assert '<option value="de" lang="de" selected>' in client.get(preferences_of(person)).content.decode()


def test_automatic_forgets_the_language_and_a_form_without_it_keeps_it(client, news):
    person = make_subscriber(name="Ann", attribs={"city": "Bern", "lang": "de"}, lists={news: "confirmed"})
    form = {"manage": "true", "name": "Ann"}

    client.post(preferences_of(person), form)
    person.refresh_from_db()
    assert person.attribs == {"city": "Bern", "lang": "de"}

    client.post(preferences_of(person), {**form, "lang": "klingon"})
    person.refresh_from_db()
    assert person.attribs == {"city": "Bern", "lang": "de"}

    client.post(preferences_of(person), {**form, "lang": ""})
    person.refresh_from_db()
    assert person.attribs == {"city": "Bern"}


def test_the_optin_mail_is_in_the_persons_language_with_its_subject(news):
    person = make_subscriber(name="Ann", attribs={"lang": "pl"}, lists={news: "unconfirmed"})

    consent.send_optin(person)

    mail = SystemMail.objects.get()
    assert mail.subject == "Potwierdź swój zapis"
    assert "Witaj, Ann!" in mail.html
    assert '<html lang="pl">' in mail.html


def test_mails_to_people_without_a_language_are_in_the_sites(news):
    runtime.save({"app.lang": "nl"})

    consent.send_optin(make_subscriber(lists={news: "unconfirmed"}))

    assert SystemMail.objects.get().subject == "Bevestig uw aanmelding"


def test_whoever_signs_up_on_a_german_page_gets_german_mail(client, news):
    page = client.get("/subscription/form", **GERMAN).content.decode()
    assert '<input type="hidden" name="lang" value="de">' in page

    answer = client.post(
        "/subscription/form", {"email": "neu@example.com", "l": [str(news.uuid)], "lang": "de"}
    )

    assert "Bitte sehen Sie in Ihr Postfach" in answer.content.decode()
    assert Subscriber.objects.get(email="neu@example.com").attribs == {"lang": "de"}
    assert SystemMail.objects.get().subject == "Bitte bestätigen Sie Ihre Anmeldung"


def test_a_sign_up_changes_no_attribute_of_a_known_person(client, news):
    make_subscriber(email="ann@example.com", attribs={"lang": "fr"})

    client.post("/subscription/form", {"email": "ann@example.com", "l": [str(news.uuid)], "lang": "de"})

    assert Subscriber.objects.get(email="ann@example.com").attribs == {"lang": "fr"}
    assert SystemMail.objects.get().subject == "Veuillez confirmer votre inscription"


def test_a_refused_sign_up_says_why_in_the_language_of_the_page(client, news):
    answer = client.post("/subscription/form", {"email": "nobody", "l": [str(news.uuid)], "lang": "de"})

    assert answer.status_code == 400
    assert "Das ist keine gültige E-Mail-Adresse." in answer.content.decode()


def test_dates_in_the_archive_are_written_as_the_language_does(client):
    from datetime import UTC, datetime

    from campaigns.models import Campaign

    Campaign.objects.create(
        name="May",
        subject="May",
        status="finished",
        body="x",
        content_type="html",
        archive=True,
        send_at=datetime(2024, 5, 3, 12, tzinfo=UTC),
    )

    assert "3. Mai 2024" in client.get("/archive", HTTP_ACCEPT_LANGUAGE="de").content.decode()
    assert "3 maja 2024" in client.get("/archive", HTTP_ACCEPT_LANGUAGE="pl").content.decode()
    assert "3 de mayo de 2024" in client.get("/archive", HTTP_ACCEPT_LANGUAGE="es").content.decode()
    assert "3 May 2024" in client.get("/archive").content.decode()


def test_templates_read_the_texts_of_the_site(client, news):
    from campaigns.models import Campaign

    runtime.save({"app.lang": "de"})
    body = (
        '<p>{{ L.T "email.unsub" }}|{{ L.Ts "page.home.neither" "site" "Hafen" }}|'
        '{{ L.Tc "mail.optinCampaign.private" 2 }}|{{ L.T "no.such.key" }}|{{ L.Ts "mail.hello" }}</p>'
    )
    campaign = Campaign.objects.create(name="May", subject="May", body=body, content_type="html")
    person = make_subscriber(lists={news: "confirmed"})

    page = client.get(f"/campaign/{campaign.uuid}/{person.uuid}").content.decode()

    shown = "Abmelden|Von hier kommen die E-Mails von Hafen.|2 private Listen|no.such.key|Hallo {name},"
    assert shown in page
