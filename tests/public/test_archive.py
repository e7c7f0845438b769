"""The public archive: what is in it, how it reads, and that nothing else gets out (contract 4.5)."""

from uuid import uuid4
from xml.etree import ElementTree

import pytest

from campaigns.models import Campaign, Template
from listmonk_py.configuration import runtime

pytestmark = pytest.mark.django_db

META = {"name": "Reader", "attribs": {"city": "Bergen"}}


def make_archived(**fields):
    defaults = {
        "name": "May",
        "subject": "News for {{ .Subscriber.Name }}",
        "body": "<p>Hello {{ .Subscriber.Attribs.city }}</p>",
        "content_type": "html",
        "status": "finished",
        "archive": True,
        "archive_meta": META,
    }
    return Campaign.objects.create(**{**defaults, **fields})


def test_the_list_shows_rendered_subjects_and_leads_to_the_messages(client):
    make_archived(archive_slug="big-news")

    page = client.get("/archive").content.decode()
    message = client.get("/archive/big-news")

    assert "News for Reader" in page
    assert "/archive/big-news" in page
    assert "Hello Bergen" in message.content.decode()
    assert message["Content-Security-Policy"].startswith("sandbox")


def test_a_message_is_found_by_uuid_and_as_the_latest(client):
    older = make_archived(body="<p>older</p>")
    make_archived(body="<p>newest</p>")

    assert "older" in client.get(f"/archive/{older.uuid}").content.decode()
    assert "newest" in client.get("/archive/latest").content.decode()


@pytest.mark.parametrize(
    "fields", [{"archive": False}, {"status": "draft"}, {"status": "cancelled"}, {"type": "optin"}]
)
def test_what_is_not_published_is_not_there(client, fields):
    hidden = make_archived(archive_slug="secret", **fields)

    assert "/archive/secret" not in client.get("/archive").content.decode()
    assert client.get("/archive/secret").status_code == 404
    assert client.get(f"/archive/{hidden.uuid}").status_code == 404
    assert client.get("/archive/latest").status_code == 404
    assert "secret" not in client.get("/archive.xml").content.decode()
    assert client.get("/api/public/archive").json()["data"]["results"] == []


def test_the_archives_template_wraps_the_message(client):
    template = Template.objects.create(
        name="Archive", body='<section id="frame">{{ template "content" . }}</section>'
    )
    make_archived(archive_slug="framed", archive_template=template)

    assert '<section id="frame">' in client.get("/archive/framed").content.decode()


def test_one_broken_template_does_not_take_the_archive_down(client):
    make_archived(name="Broken one", subject="{% for %}", archive_slug="broken", body="{{ nosuch() }}")
    make_archived()

    page = client.get("/archive")
    broken = client.get("/archive/broken")
    feed = client.get("/archive.xml")

    assert page.status_code == 200
    assert "Broken one" in page.content.decode()
    assert "News for Reader" in page.content.decode()
    assert broken.status_code == 400
    assert len(ElementTree.fromstring(feed.content).findall("./channel/item")) == 2


def test_pages_of_twenty(client):
    for _ in range(21):
        make_archived()

    first, second = (client.get(f"/archive?page={n}").content.decode() for n in (1, 2))

    assert first.count("News for Reader") == 20
    assert second.count("News for Reader") == 1
    assert "?page=2" in first
    assert "?page=1" in second
    for strange in ("0", "-1", "x", "99999999999999999999", "3"):
        assert client.get(f"/archive?page={strange}").status_code == 200


@pytest.mark.parametrize("whole", [True, False])
def test_the_feed_is_rss_with_or_without_whole_messages(client, whole):
    runtime.save({"app.enable_public_archive_rss_content": whole, "app.site_name": "A & B"})
    make_archived(archive_slug="big", name="x", subject="1 < 2 \x0b")

    answer = client.get("/archive.xml")

    channel = ElementTree.fromstring(answer.content).find("channel")
    item = channel.find("item")
    content = item.find("{http://purl.org/rss/1.0/modules/content/}encoded")
    assert answer["Content-Type"] == "text/xml; charset=utf-8"
    assert channel.findtext("title") == "A & B"
    assert item.findtext("title").startswith("1 < 2")
    assert item.findtext("link").endswith("/archive/big")
    assert item.findtext("pubDate").endswith("+0000")
    assert (content is not None) == whole
    if whole:
        assert "Hello Bergen" in content.text


def test_the_api_lists_the_archive(client):
    one = make_archived(archive_slug="big")

    data = client.get("/api/public/archive").json()["data"]

    assert (data["total"], data["per_page"], data["page"]) == (1, 20, 1)
    assert data["results"][0]["uuid"] == str(one.uuid)
    assert data["results"][0]["subject"] == "News for Reader"
    assert data["results"][0]["url"].endswith("/archive/big")
    past = client.get("/api/public/archive?page=5").json()["data"]
    assert past == {"results": [], "search": "", "query": "", "total": 0, "per_page": 0, "page": 0}


@pytest.mark.parametrize("path", ["/archive", "/archive.xml", "/archive/latest", "/api/public/archive"])
def test_an_archive_that_is_switched_off_is_not_there(client, path):
    runtime.save({"app.enable_public_archive": False})
    make_archived()

    assert client.get(path).status_code == 404


def test_unknown_names_are_404(client):
    for name in ("nosuch", str(uuid4()), "x" * 500):
        assert client.get(f"/archive/{name}").status_code == 404
