"""Users over the API: listmonk's shapes, and 4xx where listmonk answers 500 (contract 3.12)."""

import json

import pytest
from django.test import Client

from listmonk_py.accounts.models import User
from tests.factories import (
    PASSWORD,
    api_client,
    call,
    make_api_client,
    make_list,
    make_list_role,
    make_role,
    make_user,
)
from tests.golden import missing

pytestmark = pytest.mark.django_db

USER_KEYS = {
    "id": 0,
    "created_at": "",
    "updated_at": "",
    "username": "",
    "password": None,
    "password_login": True,
    "name": "",
    "type": "",
    "status": "",
    "avatar": None,
    "twofa_type": "",
    "loggedin_at": None,
    "user_role": {"id": 0, "name": "", "permissions": [""]},
}


@pytest.fixture
def admin():
    return make_api_client(superadmin=True)


@pytest.fixture
def role():
    return make_role("campaigns:get", "subscribers:get")


def person(role, **changes):
    fields = {
        "type": "user",
        "username": "carla",
        "name": "Carla",
        "email": "Carla@example.com",
        "password_login": True,
        "password": "carlapass1",
        "user_role_id": role.pk,
        "list_role_id": None,
        "status": "enabled",
    }
    return {**fields, **changes}


def test_a_person_is_made_in_listmonks_shape(admin, role):
    status, answer = call(admin, "POST", "/api/users", person(role))

    assert status == 200
    assert missing({**USER_KEYS, "email": "", "list_role": None}, answer["data"]) == []
    assert "list_role_id" not in answer["data"]
    assert answer["data"]["email"] == "carla@example.com"
    assert User.objects.get(username="carla").check_password("carlapass1")


def test_an_api_user_gets_a_token_that_works_and_is_never_shown_again(admin, role):
    lists = make_list_role({make_list(): ["list:get"]})
    fields = {"type": "api", "username": "robot", "user_role_id": role.pk, "list_role_id": lists.pk}

    status, answer = call(admin, "POST", "/api/users", {**fields, "status": "enabled"})

    assert status == 200
    user = answer["data"]
    assert (len(user["password"]), user["email"], user["name"]) == (48, None, "robot")
    assert user["list_role_id"] == lists.pk
    assert (
        missing(
            {"id": 0, "name": "", "lists": [{"id": 0, "name": "", "permissions": [""]}]}, user["list_role"]
        )
        == []
    )
    robot = Client(headers={"Authorization": f"token robot:{user['password']}"})
    assert call(robot, "GET", "/api/profile")[1]["data"]["username"] == "robot"
    assert call(admin, "GET", f"/api/users/{user['id']}")[1]["data"]["password"] is None


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"username": "x"}, "username"),
        ({"username": "with space"}, "username"),
        ({"username": None}, "username"),
        ({"password": "x"}, "password"),
        ({"password": "password"}, "password"),
        ({"password": None}, "password"),
        ({"password": 12345678}, "password"),
        ({"email": "q"}, "email"),
        ({"email": "a@b.example\r\nBcc: c@d.example"}, "email"),
        ({"email": None}, "email"),
        ({"status": None}, "status"),
        ({"status": "weird"}, "status"),
        ({"type": "weird"}, "type"),
        ({"user_role_id": None}, "user_role_id"),
        ({"user_role_id": 999_999}, "user_role_id"),
        ({"user_role_id": "1"}, "user_role_id"),
        ({"list_role_id": 1}, "list_role_id"),
        ({"password_login": "yes"}, "password_login"),
        ({"name": ["a"]}, "name"),
    ],
)
def test_wrong_fields_are_named(admin, role, changes, word):
    status, answer = call(admin, "POST", "/api/users", person(role, **changes))

    assert status == 400
    assert word in answer["message"]
    assert User.objects.count() == 1


@pytest.mark.parametrize(
    "changes", [{"email": "other@example.com"}, {"username": "other", "email": "CARLA@example.com"}]
)
def test_a_name_or_address_in_use_is_a_conflict(admin, role, changes):
    call(admin, "POST", "/api/users", person(role))

    status, answer = call(admin, "POST", "/api/users", person(role, **changes))

    assert status == 409
    assert "already" in answer["message"]


def test_a_user_is_found_and_a_missing_one_is_404(admin):
    pk = admin.user.pk

    assert call(admin, "GET", f"/api/users/{pk}")[1]["data"]["id"] == pk
    assert call(admin, "GET", "/api/users/999999")[0] == 404
    assert call(admin, "GET", "/api/users/x")[0] == 400


def test_a_blank_password_keeps_the_old_one_and_null_removes_the_list_role(admin, role):
    user = make_user(username="carla", grants={make_list(): ["list:get"]})

    status, answer = call(admin, "PUT", f"/api/users/{user.pk}", person(role, password="", name="Carla C"))

    assert status == 200
    assert answer["data"]["name"] == "Carla C"
    assert answer["data"]["list_role"] is None
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


def test_changing_a_user_who_does_not_exist_is_refused(admin, role):
    assert call(admin, "PUT", "/api/users/999999", person(role)) == (400, {"message": "User not found"})


@pytest.mark.parametrize("changes", [{"status": "disabled"}, {"user_role_id": "other"}])
def test_the_last_super_admin_stays(admin, role, changes):
    boss = make_user(superadmin=True, username="boss")
    fields = person(role, username="boss", password="", user_role_id=boss.user_role_id)
    fields.update({"user_role_id": role.pk} if "user_role_id" in changes else changes)

    status, answer = call(admin, "PUT", f"/api/users/{boss.pk}", fields)

    assert status == 400
    assert "Super Admin" in answer["message"]
    boss.refresh_from_db()
    assert boss.is_superuser
    assert call(admin, "DELETE", f"/api/users/{boss.pk}")[0] == 400
    assert User.objects.filter(pk=boss.pk).exists()


def test_one_of_two_super_admins_may_go(admin):
    make_user(superadmin=True)
    second = make_user(superadmin=True)

    assert call(admin, "DELETE", f"/api/users/{second.pk}") == (200, {"data": True})
    assert not User.objects.filter(pk=second.pk).exists()


def test_several_users_are_deleted_at_once_or_not_at_all(admin):
    one, two = make_user(), make_user()

    assert call(admin, "DELETE", f"/api/users?id={one.pk}&id=999999")[0] == 400
    assert User.objects.filter(pk=one.pk).exists()
    assert call(admin, "DELETE", f"/api/users?id={one.pk}&id={two.pk}") == (200, {"data": True})
    assert not User.objects.filter(pk__in=[one.pk, two.pk]).exists()
    assert call(admin, "DELETE", "/api/users")[0] == 400
    assert call(admin, "DELETE", "/api/users?id=x")[0] == 400


def test_the_listing_costs_the_same_for_many_users(admin, django_assert_max_num_queries):
    grants = make_list_role({make_list(): ["list:get"]})
    for _ in range(5):
        make_user(list_role=grants)

    # Settings version, token, its last use, users, second factors, grants and their lists.
    with django_assert_max_num_queries(8):
        status, answer = call(admin, "GET", "/api/users")

    assert (status, len(answer["data"])) == (200, 6)


def test_a_disabled_api_user_is_out_at_once(admin):
    robot = make_api_client("lists:get_all")
    fields = {"type": "api", "username": robot.user.username, "user_role_id": robot.user.user_role_id}
    assert call(robot, "GET", "/api/health")[0] == 200

    call(admin, "PUT", f"/api/users/{robot.user.pk}", {**fields, "status": "disabled"})

    assert call(robot, "GET", "/api/health")[0] == 403


def test_tokens_are_made_listed_and_revoked_one_by_one(admin):
    robot = make_user("lists:get_all", type="api")
    client = api_client(robot)
    base = f"/api/users/{robot.pk}/tokens"

    made = call(admin, "POST", base, {"name": "backup"})[1]["data"]
    second = Client(headers={"Authorization": f"token {robot.username}:{made['token']}"})
    assert call(second, "GET", "/api/health")[0] == 200

    listed = call(admin, "GET", base)[1]["data"]
    assert [one["name"] for one in listed] == ["", "backup"]
    assert listed[1]["last_used_at"] is not None
    assert "token" not in json.dumps(listed)

    assert call(admin, "DELETE", f"{base}/{made['id']}") == (200, {"data": True})
    assert call(second, "GET", "/api/health")[0] == 403
    assert call(client, "GET", "/api/health")[0] == 200
    assert call(admin, "DELETE", f"{base}/{made['id']}")[0] == 404


@pytest.mark.parametrize(
    "body", [{"expires_at": "yesterday"}, {"expires_at": "2001-01-01T00:00:00Z"}, {"name": 5}]
)
def test_a_token_with_wrong_fields_is_refused(admin, body):
    robot = make_user(type="api")

    assert call(admin, "POST", f"/api/users/{robot.pk}/tokens", body)[0] == 400
    assert robot.tokens.count() == 0


def test_people_have_no_tokens(admin):
    assert call(admin, "POST", f"/api/users/{make_user().pk}/tokens", {})[0] == 400
