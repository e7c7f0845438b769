"""Bounces over the API, in listmonk's shapes (contract 3.10)."""

import pytest

from bounces.models import Bounce
from campaigns.models import Campaign
from tests.factories import call, make_api_client, make_list, make_subscriber
from tests.golden import missing

pytestmark = pytest.mark.django_db

EMPTY = {"results": [], "search": "", "query": "", "total": 0, "per_page": 0, "page": 0}
BOUNCE = {
    "id": 0,
    "type": "",
    "source": "",
    "meta": {},
    "created_at": "",
    "email": "",
    "subscriber_uuid": "",
    "subscriber_id": 0,
    "subscriber_status": "",
    "campaign": {"id": 0, "name": ""},
}


@pytest.fixture
def admin():
    return make_api_client(superadmin=True)


def make_bounce(person=None, **fields):
    return Bounce.objects.create(subscriber=person or make_subscriber(), **{"source": "test", **fields})


def make_campaign(**fields):
    return Campaign.objects.create(
        **{
            "name": "May",
            "subject": "x",
            "from_email": "a@b.example",
            "body": "x",
            "messenger": "email",
            **fields,
        }
    )


def test_nothing_yet_is_zeros(admin):
    assert call(admin, "GET", "/api/bounces") == (200, {"data": EMPTY})


def test_a_page_of_bounces_has_listmonks_shape(admin):
    make_bounce(campaign=make_campaign(), meta={"why": "full"})
    make_bounce()

    status, answer = call(admin, "GET", "/api/bounces?per_page=1")

    page = answer["data"]
    assert (status, page["total"], page["per_page"], page["page"]) == (200, 2, 1, 1)
    assert (page["query"], page["search"]) == ("", "")
    assert page["results"][0]["campaign"] is None
    older = call(admin, "GET", "/api/bounces?per_page=1&page=2")[1]["data"]["results"][0]
    assert missing(BOUNCE, older) == []
    assert call(admin, "GET", "/api/bounces?page=3&per_page=1") == (200, {"data": EMPTY})
    assert len(call(admin, "GET", "/api/bounces?per_page=all")[1]["data"]["results"]) == 2


def test_filters_and_orders(admin):
    may, june = make_campaign(name="May"), make_campaign(name="June")
    make_bounce(make_subscriber(email="b@example.com"), campaign=may, source="ses", type="hard")
    make_bounce(make_subscriber(email="a@example.com"), campaign=june, source="ses", type="soft")
    make_bounce(make_subscriber(email="c@example.com"), source="other", type="soft")

    def emails(query):
        status, answer = call(admin, "GET", f"/api/bounces?{query}")
        assert status == 200
        return [row["email"][0] for row in answer["data"]["results"]]

    assert emails("order_by=email&order=asc") == ["a", "b", "c"]
    assert emails("order_by=email") == ["c", "b", "a"]
    assert emails("order_by=campaign_name&order=asc")[:2] == ["a", "b"]
    assert emails("order_by=nonsense") == ["c", "a", "b"]
    assert emails(f"campaign_id={may.pk}") == ["b"]
    assert emails("source=ses&order_by=type&order=asc") == ["b", "a"]
    assert emails("type=soft&order=asc") == ["a", "c"]
    assert call(admin, "GET", "/api/bounces?campaign_id=x")[0] == 400
    assert call(admin, "GET", "/api/bounces?type=x")[0] == 400


def test_a_page_is_one_query_for_rows_and_one_for_the_total(admin, django_assert_max_num_queries):
    for _ in range(5):
        make_bounce(campaign=make_campaign())

    with django_assert_max_num_queries(6):  # settings (2), token, its last use, rows, total
        call(admin, "GET", "/api/bounces")


def test_one_bounce(admin):
    bounce = make_bounce(campaign=make_campaign())

    status, answer = call(admin, "GET", f"/api/bounces/{bounce.pk}")

    assert (status, missing(BOUNCE, answer["data"])) == (200, [])
    assert call(admin, "GET", "/api/bounces/999999") == (400, {"message": "Bounce not found"})


def test_deleting(admin):
    one, two, three = make_bounce(), make_bounce(), make_bounce()

    assert call(admin, "DELETE", "/api/bounces")[0] == 400
    assert call(admin, "DELETE", "/api/bounces?id=x")[0] == 400
    assert call(admin, "DELETE", "/api/bounces?all=no")[0] == 400
    assert Bounce.objects.count() == 3
    assert call(admin, "DELETE", f"/api/bounces/{one.pk}") == (200, {"data": True})
    assert call(admin, "DELETE", "/api/bounces/999999") == (200, {"data": True})
    assert call(admin, "DELETE", f"/api/bounces?id={two.pk}&id=999999") == (200, {"data": True})
    assert list(Bounce.objects.all()) == [three]
    assert call(admin, "DELETE", "/api/bounces?all=true") == (200, {"data": True})
    assert not Bounce.objects.exists()


def test_the_bounces_of_one_person(admin):
    person = make_subscriber()
    make_bounce(person)
    other = make_bounce()

    answer = call(admin, "GET", f"/api/subscribers/{person.pk}/bounces")[1]["data"]
    assert [row["subscriber_id"] for row in answer] == [person.pk]
    assert call(admin, "GET", "/api/subscribers/999999/bounces") == (200, {"data": []})
    assert call(admin, "DELETE", f"/api/subscribers/{person.pk}/bounces") == (200, {"data": True})
    assert call(admin, "DELETE", f"/api/subscribers/{person.pk}/bounces") == (200, {"data": True})
    assert list(Bounce.objects.all()) == [other]


def test_everybody_who_bounced_is_blocklisted(admin):
    person, fine = make_subscriber(lists={make_list(): "confirmed"}), make_subscriber()
    make_bounce(person)

    assert call(admin, "PUT", "/api/bounces/blocklist", {}) == (200, {"data": True})

    person.refresh_from_db()
    fine.refresh_from_db()
    assert (person.status, fine.status) == ("blocklisted", "enabled")
    assert person.subscriptions.get().status == "unsubscribed"


def test_only_the_bounces_of_people_one_may_see():
    news = make_list()
    mine, theirs = (
        make_subscriber(lists={news: "confirmed"}),
        make_subscriber(lists={make_list(): "confirmed"}),
    )
    shown, hidden = make_bounce(mine), make_bounce(theirs)
    client = make_api_client("subscribers:get", "bounces:get", "bounces:manage", grants={news: ["list:get"]})

    page = call(client, "GET", "/api/bounces")[1]["data"]
    assert ([row["id"] for row in page["results"]], page["total"]) == ([shown.pk], 1)
    assert call(client, "GET", f"/api/bounces/{hidden.pk}")[0] == 400
    assert call(client, "GET", f"/api/subscribers/{theirs.pk}/bounces") == (200, {"data": []})
    call(client, "PUT", "/api/bounces/blocklist", {})
    call(client, "DELETE", f"/api/bounces/{hidden.pk}")
    call(client, "DELETE", f"/api/subscribers/{theirs.pk}/bounces")
    call(client, "DELETE", "/api/bounces?all=true")

    theirs.refresh_from_db()
    assert theirs.status == "enabled"
    assert list(Bounce.objects.all()) == [hidden]


def test_reading_does_not_allow_to_delete():
    reader = make_api_client("bounces:get")

    assert call(reader, "GET", "/api/bounces")[0] == 200
    assert call(reader, "DELETE", "/api/bounces?all=true")[0] == 403
    assert call(reader, "PUT", "/api/bounces/blocklist", {})[0] == 403
