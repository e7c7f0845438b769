"""Uploaded files: what is taken in, how it is named, how it is served."""

import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from campaigns.media.models import Media
from listmonk_py.configuration import runtime
from tests.factories import call, make_api_client

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    return make_api_client(superadmin=True)


def png(width=400, height=300) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(out, "PNG")
    return out.getvalue()


def upload(client, name, content):
    response = client.post("/api/media", {"file": SimpleUploadedFile(name, content)})
    return response.status_code, response.json()


def test_a_picture_gets_a_thumbnail_and_its_size(client):
    status, answer = upload(client, "my pic.png", png())

    media = answer["data"]
    assert status == 200
    assert media["filename"] == "my-pic.png"
    assert media["content_type"] == "image/png"
    assert media["meta"] == {"width": 400, "height": 300}
    assert media["url"].endswith("/uploads/my-pic.png")
    thumbnail = b"".join(Client().get("/uploads/thumb_my-pic.png").streaming_content)
    assert Image.open(io.BytesIO(thumbnail)).width == 250


def test_the_same_name_again_gets_another(client):
    upload(client, "note.txt", b"one")
    _, answer = upload(client, "note.txt", b"two")

    name = answer["data"]["filename"]
    assert name != "note.txt"
    assert name.startswith("note_")
    assert b"".join(Client().get("/uploads/note.txt").streaming_content) == b"one"


@pytest.mark.parametrize(
    "name", ["../../etc/passwd.txt", "..\\..\\evil.txt", "a/b/c.txt", ".htaccess", "x\r\ny.txt"]
)
def test_a_name_never_leaves_the_folder(client, name, tmp_path):
    upload(client, name, b"x")

    for media in Media.objects.all():
        assert (tmp_path / "uploads" / media.filename).resolve().parent == (tmp_path / "uploads").resolve()
        assert not media.filename.startswith(".")


def test_what_cannot_be_taken_is_told(client):
    runtime.save({"upload.extensions": ["png", "txt"], "upload.max_file_size": 1})

    assert upload(client, "bad.png", b"no picture")[0] == 400
    assert upload(client, "a.exe", b"x")[0] == 400
    assert upload(client, "large.txt", b"x" * 2000)[0] == 400
    assert client.post("/api/media", {"nofile": "x"}).status_code == 400
    assert not Media.objects.exists()


def test_an_svg_cannot_run_as_our_page(client):
    upload(client, "a.svg", b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>')

    response = Client().get("/uploads/a.svg")

    assert response.headers["Content-Type"] == "image/svg+xml"
    assert "sandbox" in response.headers["Content-Security-Policy"]


def test_html_is_a_download(client):
    upload(client, "page.html", b"<script>alert(1)</script>")

    response = Client().get("/uploads/page.html")

    assert response.headers["Content-Type"].startswith("text/plain")
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_listing_and_deleting(client, tmp_path):
    upload(client, "my pic.png", png())
    upload(client, "note.txt", b"x")

    found = call(client, "GET", "/api/media?query=note")[1]["data"]
    everything = call(client, "GET", "/api/media?per_page=all")[1]["data"]
    picture = next(row for row in everything["results"] if row["filename"] == "my-pic.png")

    assert [row["filename"] for row in found["results"]] == ["note.txt"]
    assert found["results"][0]["thumb_url"] is None
    assert everything["total"] == 2
    assert call(client, "DELETE", f"/api/media/{picture['id']}")[1] == {"data": True}
    assert {file.name for file in (tmp_path / "uploads").iterdir()} == {"note.txt"}
    assert call(client, "GET", f"/api/media/{picture['id']}")[0] == 404
    assert call(client, "DELETE", "/api/media/999")[0] == 404
