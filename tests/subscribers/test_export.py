"""Exporting people as CSV (contract 7.6)."""

import csv
import gzip
import io
import json

import pytest

from subscribers import exporting
from subscribers.models import Subscriber
from tests.factories import make_api_client, make_list, make_subscriber

pytestmark = pytest.mark.django_db

URL = "/api/subscribers/export"


@pytest.fixture
def api():
    return make_api_client(superadmin=True)


def table(answer) -> list[dict[str, str]]:
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))


def emails(answer) -> list[str]:
    return [row["email"] for row in table(answer)]


def test_the_file_has_listmonks_columns_and_times(api):
    ann = make_subscriber(email="ann@example.com", name='Ann "A", Lee', attribs={"city": "Größe"})
    Subscriber.objects.update(created_at="2026-11-22T02:58:44.334780Z", updated_at="2026-11-22T02:58:45Z")

    answer = api.get(URL)

    assert answer["Content-Type"] == "text/csv"
    assert answer["Content-Disposition"] == "attachment; filename=subscribers.csv"
    assert answer["Cache-Control"] == "no-cache"
    assert table(answer) == [
        {
            "uuid": str(ann.uuid),
            "email": "ann@example.com",
            "name": 'Ann "A", Lee',
            "attributes": '{"city":"Größe"}',
            "status": "enabled",
            "created_at": "2026-11-22 02:58:44.33478 +0000 UTC",
            "updated_at": "2026-11-22 02:58:45 +0000 UTC",
        }
    ]


def test_it_is_zipped_for_who_takes_that(api):
    make_subscriber(email="ann@example.com")
    answer = api.get(URL, headers={"Accept-Encoding": "gzip, br"})
    assert answer["Content-Encoding"] == "gzip"
    assert b"ann@example.com" in gzip.decompress(b"".join(answer.streaming_content))


@pytest.mark.parametrize("by_condition", [False, True])
def test_batches_join_without_gap_or_repetition(api, monkeypatch, by_condition):
    monkeypatch.setattr(exporting, "BATCH", 3)
    made = [make_subscriber().email for _ in range(10)]
    assert emails(api.get(URL, {"query": "1=1"} if by_condition else {})) == made


def test_filters(api):
    one, two = make_list(), make_list()
    ann = make_subscriber(email="ann@x.io", lists={one: "confirmed", two: "confirmed"})
    make_subscriber(email="bob@x.io", lists={two: "unsubscribed"})
    make_subscriber(email="cid@x.io")

    assert emails(api.get(f"{URL}?list_id={one.pk}&list_id={two.pk}")) == ["ann@x.io", "bob@x.io"]
    assert emails(api.get(f"{URL}?list_id={two.pk}&subscription_status=unsubscribed")) == ["bob@x.io"]
    assert emails(api.get(f"{URL}?id={ann.pk}")) == ["ann@x.io"]
    assert emails(api.get(f"{URL}?search=cid")) == ["cid@x.io"]
    assert emails(api.get(URL, {"query": "subscribers.email='ann@x.io'"})) == ["ann@x.io"]
    assert emails(api.get(f"{URL}?list_id=999")) == []


@pytest.mark.parametrize("asked", [{"query": "nonsense("}, {"search": "a*("}, {"list_id": "x"}])
def test_what_cannot_be_asked_is_an_error_and_no_half_file(api, asked):
    answer = api.get(URL, asked)
    assert answer.status_code == 400
    assert answer.json()["message"]


def test_lists_are_a_column_on_request(api):
    news, hidden = make_list(name="News"), make_list(name="Hidden")
    make_subscriber(lists={news: "confirmed", hidden: "unsubscribed"})
    limited = make_api_client("subscribers:get", grants={news: ["list:get"]})

    full = table(api.get(f"{URL}?lists=true"))
    part = table(limited.get(f"{URL}?lists=true"))

    assert json.loads(full[0]["lists"]) == {"News": "confirmed", "Hidden": "unsubscribed"}
    assert json.loads(part[0]["lists"]) == {"News": "confirmed"}


def test_people_out_of_reach_are_not_exported():
    mine, hidden = make_list(), make_list()
    make_subscriber(email="ann@x.io", lists={mine: "confirmed"})
    stranger = make_subscriber(lists={hidden: "confirmed"})
    api = make_api_client("subscribers:get", grants={mine: ["list:get"]})

    assert emails(api.get(URL)) == ["ann@x.io"]
    assert emails(api.get(f"{URL}?id={stranger.pk}")) == []
    assert make_api_client("subscribers:manage").get(URL).status_code == 403
