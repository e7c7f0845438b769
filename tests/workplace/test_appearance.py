import pytest
from django.test import Client

from listmonk_py.configuration import runtime
from tests.factories import make_api_client, make_user

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("name", "kind"), [("css", "text/css"), ("js", "application/javascript")])
def test_custom_files_are_served_to_those_who_sign_in(name, kind):
    make_user()
    runtime.save({f"appearance.admin.custom_{name}": "/* ours */"})

    served = make_api_client().get(f"/admin/custom.{name}")
    assert (served.status_code, served["Content-Type"]) == (200, f"{kind}; charset=utf-8")
    assert served.content == b"/* ours */"

    stranger = Client().get(f"/admin/custom.{name}")
    assert (stranger.status_code, stranger["Location"]) == (
        307,
        f"/admin/login?next=%2Fadmin%2Fcustom.{name}",
    )
