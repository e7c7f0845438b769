import io

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from listmonk_py.accounts.models import User
from tests.factories import make_role

pytestmark = pytest.mark.django_db


def test_the_command_prints_a_working_token_and_nothing_else():
    out = io.StringIO()

    call_command("create_api_user", "robot", "--superadmin", stdout=out)

    token = out.getvalue().strip()
    assert len(token) == 48
    response = Client(headers={"Authorization": f"token robot:{token}"}).get("/api/health")
    assert (response.status_code, response.json()) == (200, {"data": True})
    assert User.objects.get(username="robot").is_superuser


def test_a_role_by_name_gives_its_permissions_only():
    role = make_role("lists:get_all", name="Readers")

    call_command("create_api_user", "robot", "--role", "Readers", stdout=io.StringIO())

    robot = User.objects.get(username="robot")
    assert robot.user_role == role
    assert robot.may("lists:get_all")
    assert not robot.may("lists:manage_all")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["robot"], "required"),
        (["x", "--superadmin"], "username"),
        (["robot", "--role", "Nobody"], "There is no user role"),
    ],
)
def test_what_cannot_be_made_is_said_in_a_sentence(arguments, words):
    with pytest.raises(CommandError, match=words):
        call_command("create_api_user", *arguments, stdout=io.StringIO())

    assert not User.objects.exists()


def test_a_name_in_use_is_refused():
    call_command("create_api_user", "robot", "--superadmin", stdout=io.StringIO())

    with pytest.raises(CommandError, match="already a user called robot"):
        call_command("create_api_user", "robot", "--superadmin", stdout=io.StringIO())
