import io
import json

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command

from listmonk_py.configuration import runtime
from listmonk_py.configuration.models import Setting
from listmonk_py.configuration.registry import smtp_server
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def run(*arguments, **options):
    out = io.StringIO()
    call_command(*arguments, stdout=out, **options)
    return out.getvalue()


@pytest.fixture
def server():
    runtime.save({"smtp": [smtp_server(uuid="u1", host="smtp.example.com", password="s3cret-word")]})


def test_settings_go_out_masked_and_come_back_whole(server, tmp_path):
    exported = run("export_settings")
    assert "s3cret-word" not in exported
    values = json.loads(exported)
    values["app.site_name"] = "Moved"
    values["smtp"][0]["uuid"] = "3f8a4b0e-0000-4000-8000-000000000001"
    values["smtp"][0]["password"] = "another"
    values["no.such"] = 1
    file = tmp_path / "settings.json"
    file.write_text(json.dumps(values))

    assert "Would change" in run("import_settings", str(file), "--dry-run", stderr=io.StringIO())
    assert runtime.get("app.site_name") == "Mailing list"
    err = io.StringIO()
    assert "Changed" in run("import_settings", str(file), stderr=err)

    assert "no.such" in err.getvalue()
    assert runtime.get("app.site_name") == "Moved"
    assert runtime.get("smtp")[0]["password"] == "another"


def test_secrets_in_clear_are_for_who_asks(server):
    assert "s3cret-word" in run("export_settings", "--with-secrets")


@pytest.mark.parametrize("text", ["{", "[]", '{"app.concurrency": 0}'])
def test_a_bad_file_changes_nothing(tmp_path, text):
    file = tmp_path / "settings.json"
    file.write_text(text)

    with pytest.raises(CommandError):
        run("import_settings", str(file))

    assert not Setting.objects.exists()


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(CommandError, match="cannot be read"):
        run("import_settings", str(tmp_path / "none.json"))


def test_after_rotating_the_old_key_is_not_needed(server, settings):
    user = make_user()
    TOTP.activate(user, "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
    old, new = settings.SETTINGS_KEYS, Fernet.generate_key().decode()
    settings.SETTINGS_KEYS = [new, *old]

    assert "Would" in run("rotate_secrets", "--dry-run")
    assert "2 row(s)" in run("rotate_secrets")

    settings.SETTINGS_KEYS = [new]
    runtime.forget()
    runtime._version = -1
    assert runtime.get("smtp")[0]["password"] == "s3cret-word"
    stored = Authenticator.objects.get(user=user, type="totp").data["secret"]
    assert stored.startswith("enc:")


def test_what_no_key_opens_is_left_for_a_key_that_may_be_found(server, settings):
    before = Setting.objects.get(key="smtp").value
    settings.SETTINGS_KEYS = [Fernet.generate_key().decode()]

    run("rotate_secrets")

    assert Setting.objects.get(key="smtp").value == before
