"""People, lists, imports, users, roles and tokens in the admin: every change goes through the domain's rules."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from bounces.models import Bounce
from campaigns.engine.models import LedgerEntry, LedgerStatus
from campaigns.models import Campaign
from listmonk_py.accounts.models import ApiToken, Role, User
from subscribers import admin_search, timeline
from subscribers.models import ImportJob, List, Subscriber, Subscription
from tests.factories import PASSWORD, call, make_list, make_role, make_subscriber, make_user

pytestmark = pytest.mark.django_db

PEOPLE = "/admin/subscribers/subscriber/"


def client_of(*permissions: str, **fields: Any) -> Client:
    client = Client()
    client.force_login(make_user(*permissions, **fields))
    return client


def ticked(*people: Any, action: str, **more: Any) -> dict[str, Any]:
    return {"_selected_action": [one.pk for one in people], "action": action, "index": "0", **more}


def test_people_are_found_by_the_beginning_of_address_or_name() -> None:
    anna = make_subscriber(email="anna@example.com", name="Berg, Anna")
    bert = make_subscriber(email="bert@example.com", name="Bert")

    def found(text: str) -> set[Subscriber]:
        ids, _ = admin_search.found_by(text)
        assert ids is not None
        return set(Subscriber.objects.filter(pk__in=ids))

    assert found("ANNA@") == {anna}
    assert found("ber") == {anna, bert}
    assert found(str(bert.uuid)) == {bert}
    assert found(str(anna.pk)) == {anna}
    assert found("100%") == set()


def test_a_page_of_people_costs_the_same_however_many_there_are(django_assert_max_num_queries: Any) -> None:
    news = make_list()
    for _ in range(60):
        make_subscriber(lists={news: "confirmed"})
    client = client_of(superadmin=True)

    with django_assert_max_num_queries(16) as queries:
        first = client.get(PEOPLE)
    below = first.context["cl"].next_below
    second = client.get(f"{PEOPLE}?below={below}")

    assert not [one for one in queries if "COUNT(" in one["sql"] and "subscribers_subscriber" in one["sql"]]
    assert (len(first.context["cl"].result_list), len(second.context["cl"].result_list)) == (50, 10)


def test_one_sees_and_changes_the_people_of_ones_lists_only() -> None:
    mine, theirs = make_list(), make_list()
    my_person = make_subscriber(lists={mine: "confirmed", theirs: "confirmed"})
    their_person = make_subscriber(lists={theirs: "confirmed"})
    client = client_of("subscribers:get", "subscribers:manage", grants={mine: ["list:get", "list:manage"]})

    shown = client.get(PEOPLE)
    assert list(shown.context["cl"].result_list) == [my_person]
    assert theirs.name not in shown.content.decode()
    assert client.get(f"{PEOPLE}{their_person.pk}/change/").status_code == 302
    client.post(PEOPLE, ticked(their_person, action="blocklist"))
    their_person.refresh_from_db()
    assert their_person.status == "enabled"


def test_ticked_people_are_put_on_lists() -> None:
    news = make_list()
    anna, bert = make_subscriber(), make_subscriber(status="blocklisted")
    client = client_of(superadmin=True)

    asked = client.post(PEOPLE, ticked(anna, bert, action="change_lists"))
    done = client.post(
        PEOPLE,
        ticked(anna, bert, action="change_lists", apply="1", change="add", lists=[news.pk], confirmed="on"),
    )

    assert b"2 subscribers" in asked.content
    assert done.status_code == 302
    rows = dict(Subscription.objects.filter(list=news).values_list("subscriber_id", "status"))
    assert rows == {anna.pk: "confirmed", bert.pk: "unsubscribed"}


def test_a_taken_address_is_said_at_its_input() -> None:
    make_subscriber(email="anna@example.com")
    client = client_of(superadmin=True)

    answer = client.post(
        f"{PEOPLE}add/", {"email": "ANNA@example.com", "name": "x", "status": "enabled", "attribs": "{}"}
    )

    assert answer.context["adminform"].form.errors["email"] == ["E-mail already exists."]


def test_the_timeline_joins_what_every_app_knows_newest_first() -> None:
    news = make_list(name="News")
    person = make_subscriber(lists={news: "confirmed"})
    campaign = Campaign.objects.create(name="Weekly", subject="Hi", status="finished")
    LedgerEntry.objects.create(
        campaign_id=campaign.pk, subscriber_id=person.pk, at=timezone.now(), status=LedgerStatus.ACCEPTED
    )
    Bounce.objects.create(
        subscriber=person, campaign=campaign, type="hard", source="api", meta={"reason": "gone"}
    )
    user = make_user(superadmin=True)
    person.refresh_from_db()

    events = timeline.of(person, user)

    assert {"Got a campaign", "Hard bounce", "Confirmed", "Became a subscriber"} <= {
        one.title for one in events
    }
    assert [one.at for one in events] == sorted((one.at for one in events), reverse=True)
    stranger = make_user("subscribers:get_all")
    assert "Got a campaign" not in {one.title for one in timeline.of(person, stranger)}


def test_deleting_a_list_keeps_its_people() -> None:
    news = make_list()
    person = make_subscriber(lists={news: "confirmed"})

    client_of(superadmin=True).post(reverse("admin:subscribers_list_delete", args=[news.pk]), {"post": "yes"})

    assert not List.objects.exists()
    assert Subscriber.objects.filter(pk=person.pk).exists()


def test_a_file_is_uploaded_and_imported(django_capture_on_commit_callbacks: Any) -> None:
    news = make_list()
    client = client_of(superadmin=True)
    file = SimpleUploadedFile("people.csv", b"email,name\nanna@example.com,Anna\n")
    fields = {"mode": "subscribe", "lists": [news.pk], "subscription_status": "confirmed", "delim": ","}

    answer = client.post("/admin/subscribers/importjob/", {"file": file, **fields})

    assert answer.status_code == 302, answer.context["form"].errors
    job = ImportJob.objects.get()
    assert (job.name, job.params["lists"], job.params["subscription_status"]) == (
        "people.csv",
        [news.pk],
        "confirmed",
    )
    page = client.get("/admin/subscribers/importjob/")
    assert b'data-import="/api/import/subscribers"' in page.content


def test_an_import_without_lists_is_refused_in_words() -> None:
    file = SimpleUploadedFile("people.csv", b"email\n")
    answer = client_of(superadmin=True).post(
        "/admin/subscribers/importjob/",
        {"file": file, "mode": "subscribe", "subscription_status": "confirmed", "delim": ","},
    )

    assert answer.context["form"].non_field_errors()
    assert not ImportJob.objects.exists()


def user_fields(**changes: Any) -> dict[str, Any]:
    fields = {
        "type": "user",
        "username": "anna",
        "name": "Anna",
        "email": "anna@example.com",
        "status": "enabled",
    }
    return {**fields, "password_login": "on", "password": PASSWORD, **changes}


def test_a_user_is_made_and_can_sign_in() -> None:
    role = make_role("lists:get_all")

    answer = client_of(superadmin=True).post("/admin/accounts/user/add/", user_fields(user_role=role.pk))

    assert answer.status_code == 302, answer.context["adminform"].form.errors
    assert Client().login(username="anna", password=PASSWORD)


def test_the_token_of_an_api_user_is_shown_once_and_works() -> None:
    role = make_role("lists:get_all")
    fields = user_fields(type="api", username="robot", email="", password="", user_role=role.pk)
    owner = client_of(superadmin=True)

    shown = owner.post("/admin/accounts/user/add/", fields)

    secret = shown.context["secret"]
    robot = Client(headers={"Authorization": f"token robot:{secret}"})
    assert call(robot, "GET", "/api/lists")[0] == 200
    assert secret not in owner.get("/admin/accounts/apitoken/").content.decode()


def test_a_revoked_token_is_refused() -> None:
    robot = make_user("lists:get_all", type="api", username="robot")
    secret = ApiToken.issue(robot)
    client = Client(headers={"Authorization": f"token robot:{secret}"})
    assert call(client, "GET", "/api/lists")[0] == 200

    client_of(superadmin=True).post(
        "/admin/accounts/apitoken/", ticked(ApiToken.objects.get(), action="revoke")
    )

    assert call(client, "GET", "/api/lists")[0] == 403


def test_the_last_super_admin_stays() -> None:
    owner = make_user(superadmin=True)
    client = Client()
    client.force_login(owner)

    client.post(reverse("admin:accounts_user_delete", args=[owner.pk]), {"post": "yes"})
    answer = client.get("/admin/accounts/user/")

    assert User.objects.filter(pk=owner.pk).exists()
    assert b"at least one enabled Super Admin" in answer.content


def test_a_role_is_made_from_ticked_permissions() -> None:
    client = client_of(superadmin=True)

    client.post(
        "/admin/accounts/role/add/",
        {"name": "Writers", "type": "user", "permissions": ["campaigns:get_all", "campaigns:manage_all"]},
    )

    role = Role.objects.get(name="Writers")
    assert role.permissions == ["campaigns:get_all", "campaigns:manage_all"]
    edit = client.get(reverse("admin:accounts_role_change", args=[role.pk])).content.decode()
    assert 'value="campaigns:get_all" checked' in edit


def test_a_list_role_grants_on_single_lists() -> None:
    news = make_list()
    client = client_of(superadmin=True)

    client.post(
        "/admin/accounts/role/add/", {"name": "News team", "type": "list", "grants": [f"{news.pk}/list:get"]}
    )

    [grant] = Role.objects.get(name="News team").lists.all()  # type: ignore[attr-defined]
    assert (grant.list_id, grant.permissions) == (news.pk, ["list:get"])


def test_what_sending_needs_cannot_be_switched_off() -> None:
    task = PeriodicTask.objects.get(name="Scan campaigns")
    client = client_of(superadmin=True)

    answer = client.post(
        reverse("admin:django_celery_beat_periodictask_change", args=[task.pk]),
        {"interval": task.interval_id, "crontab": "", "description": ""},
    )

    assert "cannot be switched off" in str(answer.context["adminform"].form.errors)
    task.refresh_from_db()
    assert task.enabled
