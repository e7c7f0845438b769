"""Media in a bucket: the real boto3 against a small S3 that checks signatures."""

import socket

import pytest
import urllib3
from django.test import Client

from campaigns import composing
from campaigns.media.bucket import Settings
from campaigns.media.models import CampaignMedia, Media
from campaigns.models import Campaign
from listmonk_py.configuration import runtime
from tests.campaigns.s3_server import S3Server
from tests.campaigns.test_media_api import png, upload
from tests.factories import call, make_api_client

pytestmark = pytest.mark.django_db


@pytest.fixture
def s3():
    with S3Server() as server:
        yield server


@pytest.fixture
def client(settings, tmp_path, s3):
    settings.DATA_DIR = tmp_path
    settings.OUTBOUND_ALLOW = ["127.0.0.1"]
    use(s3)
    return make_api_client(superadmin=True)


def use(s3, **changes):
    values = {
        "url": s3.url,
        "aws_access_key_id": s3.access_key,
        "aws_secret_access_key": s3.secret_key,
        "aws_default_region": s3.region,
        "bucket": s3.bucket,
        "bucket_path": "/media/",
        "bucket_type": "public",
        **changes,
    }
    runtime.save({"upload.provider": "s3", **{f"upload.s3.{name}": value for name, value in values.items()}})


def test_a_picture_and_its_thumbnail_go_to_the_bucket_signed_with_our_key_and_region(client, s3):
    picture = png()

    status, answer = upload(client, "my pic.png", picture)

    assert status == 200
    assert answer["data"]["provider"] == "s3"
    assert s3.objects.keys() == {"media/my-pic.png", "media/thumb_my-pic.png"}
    assert s3.objects["media/my-pic.png"].body == picture
    stored = s3.objects["media/my-pic.png"].headers
    assert stored["content-type"] == "image/png"
    assert stored["x-amz-acl"] == "public-read"
    for _, _, headers in s3.requests:
        assert headers["authorization"].startswith(f"AWS4-HMAC-SHA256 Credential={s3.access_key}/")
        assert f"/{s3.region}/s3/aws4_request" in headers["authorization"]


def test_the_type_in_the_bucket_is_that_of_the_content(client, s3):
    upload(client, "page.html", b"<script>alert(1)</script>")

    assert s3.objects["media/page.html"].headers["content-type"] == "text/plain"


def test_a_public_bucket_is_listed_with_plain_addresses(client, s3):
    upload(client, "my pic.png", png())

    row = call(client, "GET", "/api/media")[1]["data"]["results"][0]

    assert row["url"] == f"{s3.url}/letters/media/my-pic.png"
    assert row["thumb_url"] == f"{s3.url}/letters/media/thumb_my-pic.png"


@pytest.mark.parametrize(
    ("public_url", "address"),
    [
        ("https://cdn.example.com/m", "https://cdn.example.com/m/note.txt"),
        ("/uploads", "http://lists.example.com/uploads/note.txt"),
    ],
)
def test_a_public_url_stands_before_the_names(client, s3, public_url, address):
    use(s3, public_url=public_url)
    runtime.save({"app.root_url": "http://lists.example.com"})

    assert upload(client, "note.txt", b"x")[1]["data"]["url"] == address


def test_a_public_url_that_is_a_path_is_passed_on_from_the_bucket(client, s3):
    use(s3, public_url="/uploads", bucket_type="private")
    upload(client, "note.txt", b"from the bucket")

    response = Client().get("/uploads/note.txt")

    assert b"".join(response.streaming_content) == b"from the bucket"
    assert response.headers["Content-Type"] == "text/plain"
    s3.objects.clear()
    assert Client().get("/uploads/note.txt").status_code == 404
    s3.instead = (503, {}, "SlowDown")
    assert Client().get("/uploads/note.txt").status_code == 503


def test_a_private_bucket_is_listed_with_signed_addresses_that_end(client, s3):
    use(s3, bucket_type="private", expiry="90m")
    upload(client, "note.txt", b"private words")
    assert "x-amz-acl" not in s3.objects["media/note.txt"].headers

    url = call(client, "GET", "/api/media")[1]["data"]["results"][0]["url"]

    assert "X-Amz-Expires=5400" in url
    assert urllib3.request("GET", url).data == b"private words"
    assert urllib3.request("GET", url.partition("?")[0]).status == 403
    assert urllib3.request("GET", url.replace("note.txt", "other.txt")).status == 403


def test_no_signed_address_lives_longer_than_amazon_allows(client, s3):
    use(s3, bucket_type="private", expiry="1000h")

    assert "X-Amz-Expires=604800" in upload(client, "note.txt", b"x")[1]["data"]["url"]


def test_the_same_name_again_gets_another(client, s3):
    upload(client, "note.txt", b"one")
    upload(client, "note.txt", b"two")

    assert s3.objects["media/note.txt"].body == b"one"
    assert sorted(stored.body for stored in s3.objects.values()) == [b"one", b"two"]


def test_deleting_takes_both_files_from_the_bucket(client, s3):
    media = upload(client, "my pic.png", png())[1]["data"]

    assert call(client, "DELETE", f"/api/media/{media['id']}") == (200, {"data": True})

    assert s3.objects == {}
    assert not Media.objects.exists()


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"aws_access_key_id": "AKIAOTHER"}, "InvalidAccessKeyId"),
        ({"aws_secret_access_key": "other"}, "access key"),
        ({"bucket": "elsewhere"}, "no such S3 bucket"),
        ({"bucket": ""}, "No S3 bucket is named"),
        ({"bucket": "not a bucket!"}, "bucket"),
    ],
)
def test_settings_that_are_wrong_are_told(client, s3, changes, word):
    use(s3, **changes)

    status, answer = upload(client, "note.txt", b"x")

    assert status == 400
    assert word in answer["message"]
    assert not Media.objects.exists()


def test_a_bucket_that_is_away_is_told(client, s3):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: whoever connects is refused
        use(s3, url=f"http://127.0.0.1:{taken.getsockname()[1]}")
        status, answer = upload(client, "note.txt", b"x")

    assert status == 503
    assert "does not answer" in answer["message"]
    assert not Media.objects.exists()


def test_a_picture_whose_thumbnail_is_refused_leaves_nothing_behind(client, s3):
    s3.read_only = "thumb_"

    assert upload(client, "my pic.png", png())[0] == 400

    assert s3.objects == {}
    assert not Media.objects.exists()


def test_half_a_file_is_no_file(client, s3):
    use(s3, bucket_type="private", public_url="/uploads")
    upload(client, "note.txt", b"all of it")
    s3.cut = 4

    assert Client().get("/uploads/note.txt").status_code == 503


def test_a_file_that_cannot_be_deleted_stays_in_the_listing(client, s3):
    media = upload(client, "note.txt", b"x")[1]["data"]
    s3.instead = (403, {}, "AccessDenied")

    status, answer = call(client, "DELETE", f"/api/media/{media['id']}")

    assert (status, Media.objects.count()) == (400, 1)
    assert "AccessDenied" in answer["message"]


def test_a_private_address_is_asked_only_when_the_operator_allows_it(client, s3, settings):
    settings.OUTBOUND_ALLOW = []

    status, answer = upload(client, "note.txt", b"x")

    assert status == 400
    assert "127.0.0.1, which is not a public address" in answer["message"]
    assert s3.requests == []


@pytest.mark.parametrize("host", ["169.254.169.254", "10.0.0.1"])
def test_a_redirect_to_a_private_address_is_not_followed(client, s3, host):
    s3.instead = (307, {"Location": f"http://{host}/letters/media/note.txt"}, "TemporaryRedirect")

    status, answer = upload(client, "note.txt", b"x")

    assert status == 400
    assert "elsewhere" in answer["message"]
    assert not Media.objects.exists()


@pytest.mark.parametrize("status", [301, 307])
def test_a_redirect_to_another_region_asks_this_host_again_and_nobody_else(client, s3, status):
    s3.instead = (
        status,
        {"x-amz-bucket-region": "us-east-1", "Location": "http://10.0.0.1/"},
        "PermanentRedirect",
    )

    answered, answer = upload(client, "note.txt", b"x")

    assert answered == 400
    assert answer["message"]
    assert len(s3.requests) <= 6


def test_a_name_that_leads_elsewhere_a_moment_later_leads_nowhere_else(client, s3, settings, monkeypatch):
    """DNS rebinding: the connection goes to the address that was checked."""
    settings.OUTBOUND_ALLOW = ["127.0.0.1"]
    real, asked = socket.getaddrinfo, []

    def rebinding(host, *args, **kwargs):
        if host != "bucket.example.com":
            return real(host, *args, **kwargs)
        asked.append(host)
        return real("127.0.0.1", *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    use(s3, url=f"http://bucket.example.com:{s3.port}")

    assert upload(client, "note.txt", b"x")[0] == 200
    assert len(asked) == len(s3.requests)


def test_attachments_and_embedded_pictures_are_read_from_the_bucket(client, s3):
    picture = png()
    image = upload(client, "logo.png", picture)[1]["data"]
    paper = upload(client, "paper.pdf", b"%PDF-1.7 words")[1]["data"]
    campaign = Campaign.objects.create(
        name="News",
        subject="Hello",
        content_type="html",
        body=f'<p><img data-embed src="{image["url"]}" alt=""></p>',
        from_email="News <news@example.org>",
    )
    CampaignMedia.objects.create(campaign=campaign, media_id=paper["id"], filename="paper.pdf")

    letter = composing.compose(campaign)

    found = {one.name: (one.content, one.content_type) for one in letter.attachments}
    assert found == {
        "paper.pdf": (b"%PDF-1.7 words", "application/pdf"),
        "logo.png": (picture, "image/png"),
    }
    assert "cid:" in letter.body


def test_files_stay_where_they_are_when_the_provider_changes(client, s3):
    runtime.save({"upload.provider": "filesystem"})
    old = upload(client, "note.txt", b"in the folder")[1]["data"]
    use(s3)
    upload(client, "note.txt", b"in the bucket")
    upload(client, "other.txt", b"in the bucket")
    s3.instead = (500, {}, "InternalError")

    runtime.save({"upload.provider": "filesystem"})
    assert b"".join(Client().get("/uploads/note.txt").streaming_content) == b"in the folder"
    runtime.save({"upload.provider": "s3"})
    assert call(client, "GET", f"/api/media/{old['id']}")[1]["data"]["url"].endswith("/uploads/note.txt")
    assert call(client, "DELETE", f"/api/media/{old['id']}")[0] == 200
    assert s3.objects.keys() == {"media/note.txt", "media/other.txt"}


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("https://ap-south-1.s3.amazonaws.com", "https://s3.ap-south-1.amazonaws.com"),
        ("https://s3.eu-west-3.amazonaws.com/", "https://s3.eu-west-3.amazonaws.com"),
        ("https://my-bucket.s3.amazonaws.com", "https://my-bucket.s3.amazonaws.com"),
        ("https://minio.example.com:9000", "https://minio.example.com:9000"),
    ],
)
def test_listmonks_default_endpoint_is_read_as_it_is_meant(endpoint, url):
    assert Settings(endpoint=endpoint, region="ap-south-1", bucket="letters").url == url
