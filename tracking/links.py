"""Links: a UUID for every URL that mails lead to through us, and the way back.

A link is global per URL and never changes, so both directions may be cached anywhere for ever.
"""

import logging
from collections.abc import Iterable
from urllib.parse import quote

import redis
from django.conf import settings
from django.db import connection, transaction
from redis.exceptions import RedisError

from listmonk_py.api.errors import DomainError

from .lru import Lru

logger = logging.getLogger(__name__)

LONGEST_URL = 16 * 1024
CACHE_BYTES = 16 * 1024 * 1024
# Targets wait in Redis for the first click, so that clicks outlive a PostgreSQL outage.
TARGET_KEY = "tracking:link:"
TARGET_TTL_S = 90 * 24 * 3600
# Kept as they are by `location`: reserved and unreserved characters of RFC 3986, and existing escapes.
URL_CHARACTERS = "!#$%&'()*+,/:;=?@[]~"

FIND = """
    SELECT url, uuid::text FROM tracking_link
     WHERE md5(url) = ANY(SELECT md5(u) FROM unnest(%s::text[]) u) AND url = ANY(%s::text[])
"""

# Sorted, so that two callers with the same new URLs wait for each other instead of deadlocking.
REGISTER = """
    INSERT INTO tracking_link (uuid, url)
    SELECT gen_random_uuid(), u FROM unnest(%s::text[]) u ORDER BY u
    ON CONFLICT (md5(url)) DO NOTHING
"""

_known = Lru(limit_bytes=CACHE_BYTES)


def register(urls: Iterable[str]) -> dict[str, str]:
    """The UUID of each URL's link, made when there was none; keyed by the URLs as given.

    Two callers with the same URLs get the same UUIDs. At most three statements, none for known URLs.
    `&amp;` counts as `&` (contract 4.4). The links are there for others once the caller's transaction
    commits.

    Raises:
        DomainError: a URL is blank, holds a control character, or is longer than 16 KiB.
    """
    wanted = {url: normalised(url) for url in urls}
    found = {url: uuid for url in set(wanted.values()) if (uuid := _known.get(url))}
    missing = sorted(set(wanted.values()) - found.keys())
    if missing:
        looked_up = _find_or_make(missing)
        found.update(looked_up)
        transaction.on_commit(lambda: _remember(looked_up))
    return {url: found[clean] for url, clean in wanted.items()}


def normalised(url: str) -> str:
    """`url` as it is stored.

    Raises:
        DomainError: see `register`.
    """
    clean = url.strip().replace("&amp;", "&")
    if not clean:
        raise DomainError("A tracked link has no URL.")
    if len(clean) > LONGEST_URL:
        raise DomainError(f"A tracked link is longer than {LONGEST_URL} characters: {clean[:80]}…")
    if any(ord(character) < 32 or ord(character) == 127 for character in clean):
        raise DomainError(f"A tracked link holds a line break or another control character: {clean[:80]!r}")
    return clean


def location(url: str) -> str:
    """`url` as the value of a Location header: ASCII, with everything else escaped (RFC 3987 section 3.1)."""
    return quote(url, safe=URL_CHARACTERS)


def target(uuid: str) -> str | None:
    """The URL behind a link's UUID from PostgreSQL, or None when there is no such link."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT url FROM tracking_link WHERE uuid = %s::uuid", [uuid])
        row = cursor.fetchone()
    return row[0] if row else None


def _find_or_make(urls: list[str]) -> dict[str, str]:
    found = _find(urls)
    new = [url for url in urls if url not in found]
    if new:
        with connection.cursor() as cursor:
            cursor.execute(REGISTER, [new])
        found |= _find(new)
    return found


def _find(urls: list[str]) -> dict[str, str]:
    with connection.cursor() as cursor:
        cursor.execute(FIND, [urls, urls])
        return dict(cursor.fetchall())


def _remember(uuids: dict[str, str]) -> None:
    """Cache what is committed, here and in Redis; Redis being away costs nothing but the first click."""
    for url, uuid in uuids.items():
        _known.put(url, uuid)
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1) as client:
            pipe = client.pipeline(transaction=False)
            for url, uuid in uuids.items():
                pipe.set(TARGET_KEY + uuid, url, ex=TARGET_TTL_S)
            pipe.execute()
    except RedisError as error:
        logger.warning("New links are not in Redis yet; their first click asks PostgreSQL (%s).", error)
