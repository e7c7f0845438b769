"""Links: one UUID per URL, whoever registers it and however often."""

import threading
from uuid import UUID

import pytest
from django.db import connection, transaction

from listmonk_py.api.errors import DomainError
from tracking import links
from tracking.lru import Lru
from tracking.models import Link

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_cached(redis):
    links._known.clear()


def test_every_url_gets_a_link_and_keeps_it():
    first = links.register(["https://a.example/", "https://b.example/"])
    links._known.clear()
    second = links.register(["https://b.example/", "https://c.example/"])

    assert first["https://b.example/"] == second["https://b.example/"]
    assert {str(link.uuid): link.url for link in Link.objects.all()} == {
        uuid: url for url, uuid in (first | second).items()
    }
    assert all(str(UUID(uuid)) == uuid for uuid in first.values())


def test_an_escaped_ampersand_is_the_same_link():
    found = links.register(["https://a.example/?x=1&amp;y=2", "https://a.example/?x=1&y=2"])

    assert len(found) == 2
    assert len(set(found.values())) == 1
    assert Link.objects.get().url == "https://a.example/?x=1&y=2"


@pytest.mark.django_db(transaction=True)
def test_known_links_cost_no_statement(django_assert_num_queries):
    urls = [f"https://a.example/{n}" for n in range(50)]
    with django_assert_num_queries(3):
        first = links.register(urls)

    with django_assert_num_queries(0):
        assert links.register(urls) == first


@pytest.mark.django_db(transaction=True)
def test_a_link_that_was_rolled_back_is_not_remembered(redis):
    with transaction.atomic():
        links.register(["https://gone.example/"])
        transaction.set_rollback(True)

    uuid = links.register(["https://gone.example/"])["https://gone.example/"]

    assert str(Link.objects.get().uuid) == uuid
    assert redis.get(links.TARGET_KEY + uuid) == b"https://gone.example/"


@pytest.mark.django_db(transaction=True)
def test_callers_at_the_same_time_get_the_same_links():
    urls = [f"https://a.example/{n}" for n in range(200)]
    found, start = [], threading.Barrier(4)

    def register(order: list[str]) -> None:
        start.wait()
        found.append(links._find_or_make(order))
        connection.close()

    orders = [urls, urls[::-1], urls[100:] + urls[:100], sorted(urls)]
    threads = [threading.Thread(target=register, args=(order,)) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert len(found) == 4
    assert all(one == found[0] for one in found)
    assert Link.objects.count() == 200


def test_a_very_long_url_is_a_link_too():
    url = "https://a.example/?" + "x" * 10_000

    assert links.target(links.register([url])[url]) == url


@pytest.mark.parametrize("url", ["", "  ", "https://a.example/\r\nX: y", "x\0y", "https://a/" + "x" * 20_000])
def test_what_cannot_be_a_link_is_refused(url):
    with pytest.raises(DomainError):
        links.register(["https://fine.example/", url])

    assert not Link.objects.exists()


def test_an_unknown_uuid_has_no_target():
    assert links.target("11111111-2222-4333-8444-555555555555") is None


@pytest.mark.parametrize(
    ("url", "header"),
    [
        ("https://example.com/a?x=1&y=2#z", "https://example.com/a?x=1&y=2#z"),
        ("https://example.com/ä b%20c", "https://example.com/%C3%A4%20b%20c"),
        ("mailto:a@b.example", "mailto:a@b.example"),
    ],
)
def test_the_location_header_is_ascii(url, header):
    assert links.location(url) == header


def test_the_cache_forgets_what_was_used_longest_ago():
    cache = Lru(limit_bytes=3 * 260)
    for key in "abc":
        cache.put(key, "x")
    cache.get("a")
    cache.put("d", "x")

    assert (cache.get("a"), cache.get("b"), cache.get("d")) == ("x", None, "x")
    assert cache.size_bytes == 3 * 252
