import io

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from listmonk_py.accounts.models import User
from tests.factories import PASSWORD, make_role, make_user

pytestmark = pytest.mark.django_db


def run(*arguments, **options):
    out = io.StringIO()
    call_command(*arguments, stdout=out, **options)
    return out.getvalue().strip()


def test_a_person_is_made_with_a_password_from_a_pipe(monkeypatch):
    make_role("lists:get_all", name="Readers")
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))

    run("create_user", "ann", "ann@example.com", "--role", "Readers", "--full-name", "Ann Lee")

    ann = User.objects.get(username="ann")
    assert ann.check_password(PASSWORD)
    assert (ann.name, ann.user_role.name, ann.is_active) == ("Ann Lee", "Readers", True)


def test_a_bad_password_makes_nobody(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))

    with pytest.raises(CommandError, match="password"):
        run("create_user", "ann", "ann@example.com", "--superadmin")

    assert not User.objects.exists()


def test_another_token_works_beside_the_first():
    robot = make_user(type="api")

    token = run("create_token", robot.username, "--name", "backup")

    client = Client(headers={"Authorization": f"token {robot.username}:{token}"})
    assert client.get("/api/health").status_code == 200
    assert robot.tokens.get().name == "backup"


@pytest.mark.parametrize("kind", ["nobody", "person"])
def test_tokens_are_for_api_users(kind):
    name = make_user().username if kind == "person" else "nobody"

    with pytest.raises(CommandError):
        run("create_token", name)


def test_the_environments_users_are_made_once_and_the_token_goes_to_stderr(monkeypatch):
    monkeypatch.setenv("LISTMONK_ADMIN_USER", "ann")
    monkeypatch.setenv("LISTMONK_ADMIN_PASSWORD", PASSWORD)
    monkeypatch.setenv("LISTMONK_ADMIN_API_USER", "robot")
    err = io.StringIO()

    assert run("create_users_from_environment", stderr=err) == ""

    assert err.getvalue().startswith('export LISTMONK_ADMIN_API_TOKEN="')
    assert run("create_users_from_environment", stderr=io.StringIO()) == ""
    assert User.objects.count() == 2
