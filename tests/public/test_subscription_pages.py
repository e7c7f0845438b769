"""The pages behind the unsubscribe link (contract 4.2): what they show, what they change, and who may."""

from uuid import uuid4

import pytest

from campaigns.models import Campaign, CampaignList
from listmonk_py.configuration import runtime
from listmonk_py.mail.models import SystemMail
from subscribers import consent
from subscribers.models import Subscriber, Subscription
from tests.factories import make_list, make_subscriber

pytestmark = pytest.mark.django_db

NO_CAMPAIGN = consent.NO_CAMPAIGN


def campaign_to(*lists):
    campaign = Campaign.objects.create(name="May", subject="May news", body="<p>Hi</p>", content_type="html")
    for one in lists:
        CampaignList.objects.create(campaign=campaign, list=one, list_name=one.name)
    return campaign


def statuses(person):
    return dict(Subscription.objects.filter(subscriber_id=person.pk).values_list("list_id", "status"))


def url(campaign, person, query=""):
    return f"/subscription/{getattr(campaign, 'uuid', campaign)}/{person.uuid}{query}"


@pytest.fixture
def news():
    return make_list(name="Weekly news", type="public")


@pytest.fixture
def person(news):
    other = make_list(name="Other", type="public")
    return make_subscriber(email="ann.lee@example.com", lists={news: "confirmed", other: "confirmed"})


def test_the_page_says_who_and_which_list_and_changes_nothing(client, news, person):
    before = statuses(person)

    answer = client.get(url(campaign_to(news), person))

    page = answer.content.decode()
    assert answer.status_code == 200
    assert "Weekly news" in page
    assert "an…@example.com" in page
    assert "ann.lee@example.com" not in page
    assert answer["X-Robots-Tag"] == "noindex"
    assert "no-store" in answer["Cache-Control"]
    assert not answer.cookies
    assert statuses(person) == before


def test_unsubscribing_leaves_the_campaigns_lists_only(client, news, person):
    client.post(url(campaign_to(news), person))

    now = statuses(person)
    assert now.pop(news.pk) == "unsubscribed"
    assert set(now.values()) == {"confirmed"}


def test_one_click_needs_neither_cookie_nor_token(news, person):
    from django.test import Client

    strict = Client(enforce_csrf_checks=True)
    body = {"List-Unsubscribe": "One-Click"}

    answer = strict.post(url(campaign_to(news), person), body, HTTP_ORIGIN="https://mail.example")

    assert answer.status_code == 200
    assert statuses(person)[news.pk] == "unsubscribed"


def test_one_click_twice_is_the_same_as_once(client, news, person):
    campaign = campaign_to(news)
    client.post(url(campaign, person), {"List-Unsubscribe": "One-Click"})

    answer = client.post(url(campaign, person), {"List-Unsubscribe": "One-Click"})

    assert answer.status_code == 200
    assert statuses(person)[news.pk] == "unsubscribed"


def test_an_unsubscription_can_be_undone(client, news, person):
    page = url(campaign_to(news), person)
    answer = client.post(page)
    assert str(news.uuid) in answer.content.decode()

    client.post(page, {"undo": "true", "l": [str(news.uuid)]})

    assert set(statuses(person).values()) == {"confirmed"}


def test_undo_brings_nobody_onto_a_list_they_were_never_on(client, news, person):
    foreign = make_list(type="public")

    client.post(url(campaign_to(news), person), {"undo": "true", "l": [str(foreign.uuid)]})

    assert foreign.pk not in statuses(person)


def test_the_optin_mails_link_leaves_just_the_lists_it_names(client, news):
    pending = make_list(name="Pending", type="public", optin="double")
    person = make_subscriber(lists={news: "confirmed", pending: "unconfirmed"})

    client.post(url(NO_CAMPAIGN, person, f"?l={pending.uuid}"), {"List-Unsubscribe": "One-Click"})

    assert statuses(person) == {news.pk: "confirmed", pending.pk: "unsubscribed"}


def test_an_old_optin_mail_without_lists_leaves_those_that_wait(client, news):
    pending = make_list(type="public", optin="double")
    person = make_subscriber(lists={news: "confirmed", pending: "unconfirmed"})

    client.post(url(NO_CAMPAIGN, person), {"List-Unsubscribe": "One-Click"})

    assert statuses(person) == {news.pk: "confirmed", pending.pk: "unsubscribed"}


def test_when_the_campaign_is_gone_leaving_means_every_list(client, person):
    client.post(url(uuid4(), person))

    assert set(statuses(person).values()) == {"unsubscribed"}


def test_leaving_everything_blocklists(client, news, person):
    answer = client.post(url(campaign_to(news), person), {"blocklist": "true"})

    person.refresh_from_db()
    assert person.status == "blocklisted"
    assert set(statuses(person).values()) == {"unsubscribed"}
    assert "not write to you again" in answer.content.decode()


def test_blocklisting_by_oneself_can_be_switched_off(client, news, person):
    runtime.save({"privacy.allow_blocklist": False})

    client.post(url(campaign_to(news), person), {"blocklist": "true"})

    person.refresh_from_db()
    assert person.status == "enabled"
    assert statuses(person)[news.pk] == "unsubscribed"


def test_a_blocklisted_person_sees_a_notice_and_no_form(client, news, person):
    consent.blocklist([person.pk])

    page = client.get(url(campaign_to(news), person)).content.decode()

    assert "<form" not in page
    client.post(url(campaign_to(news), person), {"undo": "true", "l": [str(news.uuid)]})
    assert set(statuses(person).values()) == {"unsubscribed"}


def test_private_lists_keep_their_names_to_themselves(client):
    secret = make_list(name="Board members", type="private")
    person = make_subscriber(lists={secret: "confirmed"})

    page = client.get(url(campaign_to(secret), person)).content.decode()

    assert "Board members" not in page
    assert "A private list" in page


def test_preferences_save_the_name_and_the_lists(client, news, person):
    page = client.get(url(campaign_to(news), person, "?manage=true")).content.decode()
    assert page.count("checked") == 2

    client.post(url(campaign_to(news), person), {"manage": "true", "name": "Ann N.", "l": [str(news.uuid)]})

    person.refresh_from_db()
    assert person.name == "Ann N."
    assert sorted(statuses(person).values()) == ["confirmed", "unsubscribed"]


def test_preferences_bring_back_a_list_that_was_left(client, news, person):
    consent.unsubscribe([person.pk], [news.pk])

    client.post(url(NO_CAMPAIGN, person), {"manage": "true", "name": "Ann", "l": [str(news.uuid)]})

    assert statuses(person)[news.pk] == "confirmed"


def test_preferences_without_a_name_are_shown_again(client, news, person):
    answer = client.post(url(campaign_to(news), person), {"manage": "true", "name": " ", "l": []})

    assert answer.status_code == 400
    assert set(statuses(person).values()) == {"confirmed"}


def test_preferences_can_be_switched_off(client, news, person):
    runtime.save({"privacy.allow_preferences": False})

    page = client.get(url(campaign_to(news), person, "?manage=true"))
    saved = client.post(url(campaign_to(news), person), {"manage": "true", "name": "x"})

    assert page.status_code == 200
    assert 'name="name"' not in page.content.decode()
    assert saved.status_code == 400
    assert set(statuses(person).values()) == {"confirmed"}


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/subscription/{campaign}/11111111-2222-4333-8444-555555555555", 404),
        ("/subscription/{campaign}/nope", 400),
        ("/subscription/nope/{person}", 400),
        ("/subscription/optin/11111111-2222-4333-8444-555555555555", 404),
        ("/subscription/optin/{person}?l=nope", 400),
    ],
)
def test_wrong_links_get_a_page_that_says_so(client, news, person, method, path, status):
    campaign = campaign_to(news)

    answer = getattr(client, method)(path.format(campaign=campaign.uuid, person=person.uuid))

    assert answer.status_code == status
    assert answer["Content-Type"].startswith("text/html")
    assert answer["X-Robots-Tag"] == "noindex"


def test_the_export_goes_to_the_mailbox_and_holds_the_persons_data(client, news, person):
    answer = client.post(f"/subscription/export/{person.uuid}")

    mail = SystemMail.objects.get()
    assert answer.status_code == 200
    assert (mail.to, mail.template, mail.attachments[0][0]) == (person.email, "subscriber_data", "data.json")


def test_a_mailbox_is_not_flooded_with_exports(client, redis, person):
    answers = [client.post(f"/subscription/export/{person.uuid}").status_code for _ in range(7)]

    assert answers == [200] * 5 + [400] * 2
    assert SystemMail.objects.count() == 5


def test_wiping_deletes_the_person(client, person):
    assert client.post(f"/subscription/wipe/{person.uuid}").status_code == 200

    assert not Subscriber.objects.exists()


@pytest.mark.parametrize(("name", "setting"), [("wipe", "allow_wipe"), ("export", "allow_export")])
def test_rights_that_are_switched_off_are_refused(client, person, name, setting):
    runtime.save({f"privacy.{setting}": False})

    answer = client.post(f"/subscription/{name}/{person.uuid}")

    assert answer.status_code == 400
    assert Subscriber.objects.exists()
    assert not SystemMail.objects.exists()


@pytest.mark.parametrize("name", ["wipe", "export"])
def test_get_deletes_and_sends_nothing(client, person, name):
    assert client.get(f"/subscription/{name}/{person.uuid}").status_code in (400, 404)

    assert Subscriber.objects.exists()
    assert not SystemMail.objects.exists()


def test_the_hosted_message_is_the_persons_copy(client, news):
    campaign = campaign_to(news)
    campaign.body = "<p>Hello {{ .Subscriber.Name }}</p>"
    campaign.save()
    person = make_subscriber(name="Ann <b>", lists={news: "confirmed"})

    answer = client.get(f"/campaign/{campaign.uuid}/{person.uuid}")

    assert answer.status_code == 200
    assert "Hello Ann &lt;b&gt;" in answer.content.decode()
    assert answer["Content-Security-Policy"].startswith("sandbox")
    assert answer["X-Robots-Tag"] == "noindex"


def test_a_hosted_message_of_nobody_or_nothing_is_404(client, news, person):
    campaign = campaign_to(news)

    assert client.get(f"/campaign/{campaign.uuid}/{uuid4()}").status_code == 404
    assert client.get(f"/campaign/{uuid4()}/{person.uuid}").status_code == 404
    assert client.get(f"/campaign/nope/{person.uuid}").status_code == 400
