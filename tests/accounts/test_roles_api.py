"""Roles over the API (contract 3.12, 1.4)."""

import pytest

from listmonk_py.accounts import roles
from listmonk_py.accounts.models import Role, User
from listmonk_py.accounts.permissions import USER_PERMISSIONS
from tests.factories import call, make_api_client, make_list, make_list_role, make_role, make_user
from tests.golden import missing

pytestmark = pytest.mark.django_db

USER_ROLE = {"id": 0, "created_at": "", "updated_at": "", "type": "", "name": "", "permissions": [""]}
LIST_ROLE = {"id": 0, "created_at": "", "updated_at": "", "name": ""}


@pytest.fixture
def admin():
    return make_api_client(superadmin=True)


def test_the_super_admin_role_exists_from_the_start_with_every_permission(admin):
    answer = call(admin, "GET", "/api/roles/users")[1]["data"]

    assert (answer[0]["id"], answer[0]["name"], answer[0]["lists"]) == (1, "Super Admin", None)
    assert set(answer[0]["permissions"]) == set(USER_PERMISSIONS)


def test_a_new_permission_reaches_the_super_admin_role_at_the_next_migrate():
    Role.objects.filter(pk=1).update(permissions=["lists:get_all"])

    roles.ensure_super_admin_role()

    assert set(Role.objects.get(pk=1).permissions) == set(USER_PERMISSIONS)


def test_ids_of_new_roles_do_not_clash_with_the_super_admins():
    Role.objects.all().delete()
    roles.ensure_super_admin_role()

    assert make_role().pk > 1


def test_a_user_role_is_made_and_changed(admin):
    body = {"name": "Editor", "permissions": ["lists:get_all", "campaigns:get"]}
    status, answer = call(admin, "POST", "/api/roles/users", body)
    assert status == 200
    assert missing({**USER_ROLE, "lists": None}, answer["data"]) == []
    pk = answer["data"]["id"]

    status, answer = call(admin, "PUT", f"/api/roles/users/{pk}", {"name": "Editors", "permissions": []})

    assert (status, answer["data"]["name"], answer["data"]["permissions"]) == (200, "Editors", [])


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"name": "x", "permissions": ["x:y"]}, "x:y"),
        ({"name": "", "permissions": []}, "name"),
        ({"name": "   ", "permissions": []}, "name"),
        ({"permissions": []}, "name"),
        ({"name": "x", "permissions": "lists:get_all"}, "permissions"),
        ({"name": "x"}, "permissions"),
        ({"name": ["x"], "permissions": []}, "name"),
    ],
)
def test_wrong_user_roles_are_refused(admin, body, word):
    status, answer = call(admin, "POST", "/api/roles/users", body)

    assert status == 400
    assert word in answer["message"]


def test_a_name_in_use_is_a_conflict(admin):
    make_role(name="Editor")

    assert call(admin, "POST", "/api/roles/users", {"name": "Editor", "permissions": []})[0] == 409


def test_the_super_admin_role_cannot_be_changed_or_deleted(admin):
    assert call(admin, "PUT", "/api/roles/users/1", {"name": "x", "permissions": []})[0] == 400
    assert call(admin, "DELETE", "/api/roles/1")[0] == 400
    assert Role.objects.get(pk=1).name == "Super Admin"


def test_a_missing_role_is_told(admin):
    assert call(admin, "PUT", "/api/roles/users/999999", {"name": "x", "permissions": []})[0] == 404
    assert call(admin, "PUT", "/api/roles/lists/999999", {"name": "x", "lists": []})[0] == 404
    assert call(admin, "DELETE", "/api/roles/999999") == (200, {"data": True})


def test_a_list_role_is_made_changed_and_listed(admin):
    news, offers = make_list(name="News"), make_list(name="Offers")
    body = {"name": "News only", "lists": [{"id": news.pk, "permissions": ["list:get", "list:manage"]}]}
    status, answer = call(admin, "POST", "/api/roles/lists", body)
    assert status == 200
    assert missing(LIST_ROLE, answer["data"]) == []
    pk = answer["data"]["id"]

    changed = {"name": "Offers only", "lists": [{"id": offers.pk, "permissions": ["list:get"]}]}
    assert call(admin, "PUT", f"/api/roles/lists/{pk}", changed)[0] == 200

    listed = call(admin, "GET", "/api/roles/lists")[1]["data"]
    assert listed[0]["lists"] == [{"id": offers.pk, "name": "Offers", "permissions": ["list:get"]}]


@pytest.mark.parametrize(
    ("lists", "word"),
    [
        ([{"id": 0, "permissions": ["list:get"]}], "id"),
        ([{"id": 999_999, "permissions": ["list:get"]}], "999999"),
        ([{"id": "1", "permissions": ["list:get"]}], "id"),
        ("x", "lists"),
        ([5], "lists"),
    ],
)
def test_wrong_list_roles_are_refused_and_leave_nothing(admin, lists, word):
    status, answer = call(admin, "POST", "/api/roles/lists", {"name": "x", "lists": lists})

    assert status == 400
    assert word in answer["message"]
    assert not Role.objects.filter(type="list").exists()


def test_list_roles_hold_list_permissions_only(admin):
    lists = [{"id": make_list().pk, "permissions": ["lists:get_all"]}]

    status, answer = call(admin, "POST", "/api/roles/lists", {"name": "x", "lists": lists})

    assert (status, answer["message"]) == (400, "Invalid fields: list permission: lists:get_all")


@pytest.mark.parametrize("kind", ["user_role", "list_role"])
def test_a_role_that_somebody_holds_stays_and_so_does_the_holder(admin, kind):
    role = make_role() if kind == "user_role" else make_list_role({make_list(): ["list:get"]})
    holder = make_user(username="holder", **{kind: role})

    status, answer = call(admin, "DELETE", f"/api/roles/{role.pk}")

    assert status == 400
    assert "holder" in answer["message"]
    assert User.objects.filter(pk=holder.pk).exists()
    assert Role.objects.filter(pk=role.pk).exists()


def test_deleting_a_list_takes_it_out_of_its_roles(admin):
    doomed = make_list()
    make_list_role({doomed: ["list:get"]})

    doomed.delete()

    assert call(admin, "GET", "/api/roles/lists")[1]["data"][0]["lists"] == []


def test_reading_roles_does_not_allow_to_change_them():
    reader = make_api_client("roles:get")

    assert call(reader, "GET", "/api/roles/users")[0] == 200
    assert call(reader, "POST", "/api/roles/users", {"name": "x", "permissions": []})[0] == 403
