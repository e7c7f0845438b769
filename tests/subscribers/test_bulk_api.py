"""Changes to many people, by ids and by query (contract 2.4, 3.5)."""

import pytest

from subscribers import bulk, counts, finding
from subscribers.models import Subscriber, Subscription
from tests.factories import make_api_client, make_list, make_subscriber

pytestmark = pytest.mark.django_db


@pytest.fixture
def api():
    return make_api_client(superadmin=True)


def send(method, path, body):
    return method(path, body, content_type="application/json")


def statuses(one) -> dict[str, str]:
    return dict(Subscription.objects.filter(list=one).values_list("subscriber__email", "status"))


@pytest.fixture(params=["ids", "query"])
def by(request, api):
    """Sends a change of lists for given people, by their ids or by a query that finds them."""

    def change(people, lists, **rest):
        body = {"target_list_ids": [one.pk for one in lists], **rest}
        if request.param == "ids":
            body["ids"] = [one.pk for one in people]
            return send(api.put, "/api/subscribers/lists", body)
        body["query"] = f"id IN ({','.join(str(one.pk) for one in people)})"
        return send(api.put, "/api/subscribers/query/lists", body)

    change.by_ids = request.param == "ids"
    return change


class TestLists:
    def test_adding(self, by):
        news = make_list()
        new, there = (
            make_subscriber(email="n@x.io"),
            make_subscriber(email="t@x.io", lists={news: "unsubscribed"}),
        )
        blocked = make_subscriber(email="b@x.io", status="blocklisted")

        assert by([new, there, blocked], [news], action="add").json() == {"data": True}
        assert statuses(news) == {"n@x.io": "unconfirmed", "t@x.io": "unsubscribed", "b@x.io": "unsubscribed"}

        by([new, there, blocked], [news], action="add", status="confirmed")
        changed = "confirmed" if by.by_ids else "unconfirmed"
        assert statuses(news) == {
            "n@x.io": changed,
            "t@x.io": "confirmed" if by.by_ids else "unsubscribed",
            "b@x.io": "unsubscribed",
        }

    def test_unsubscribing_and_removing(self, by):
        news, kept = make_list(), make_list()
        ann, bob = make_subscriber(email="a@x.io"), make_subscriber(email="b@x.io")
        for one in (news, kept):
            Subscription.objects.create(list=one, subscriber=ann, status="confirmed")
            Subscription.objects.create(list=one, subscriber=bob, status="confirmed")

        by([ann], [news], action="unsubscribe")
        assert statuses(news) == {"a@x.io": "unsubscribed", "b@x.io": "confirmed"}
        by([ann], [news], action="remove")
        assert statuses(news) == {"b@x.io": "confirmed"}
        assert statuses(kept) == {"a@x.io": "confirmed", "b@x.io": "confirmed"}

    @pytest.mark.parametrize("rest", [{"action": "weird"}, {}, {"action": "add", "status": "weird"}])
    def test_what_cannot_be_done_is_refused(self, by, rest):
        news, ann = make_list(), make_subscriber()
        assert by([ann], [news], **rest).status_code == 400
        assert by([ann], [], action="add").status_code == 400
        assert statuses(news) == {}

    def test_people_and_lists_have_to_be_named(self, api):
        news, ann = make_list(), make_subscriber()
        path = "/api/subscribers/lists"
        assert send(api.put, path, {"action": "add", "target_list_ids": [news.pk]}).status_code == 400
        assert (
            send(api.put, f"{path}/{ann.pk}", {"action": "add", "target_list_ids": [news.pk]}).status_code
            == 400
        )

    def test_an_id_in_the_path_wins(self, api):
        news, ann, bob = make_list(), make_subscriber(), make_subscriber()
        body = {"ids": [bob.pk], "action": "add", "target_list_ids": [news.pk]}
        assert send(api.put, f"/api/subscribers/lists/{ann.pk}", body).json() == {"data": True}
        assert list(statuses(news)) == [ann.email]


class TestByQuery:
    @pytest.mark.parametrize(("method", "path"), [("post", "delete"), ("put", "blocklist")])
    def test_something_has_to_narrow_it_down(self, api, method, path):
        ann = make_subscriber()
        news = make_list()
        for body in ({}, {"search": " "}, {"list_ids": [news.pk]}, {"all": False}):
            assert send(getattr(api, method), f"/api/subscribers/query/{path}", body).status_code == 400
        ann.refresh_from_db()
        assert ann.status == "enabled"

    def test_deleting_whom_a_condition_finds(self, api):
        ann, eve = make_subscriber(email="ann@x.io"), make_subscriber(email="eve@x.io")
        body = {"query": "subscribers.email = 'eve@x.io'"}
        assert send(api.post, "/api/subscribers/query/delete", body).json() == {"data": True}
        assert list(Subscriber.objects.all()) == [ann]
        assert not Subscriber.objects.filter(pk=eve.pk).exists()

    def test_blocklisting_whom_a_search_finds(self, api):
        news = make_list()
        make_subscriber(email="ann@x.io", lists={news: "confirmed"})
        make_subscriber(email="eve@x.io", lists={news: "confirmed"})

        send(api.put, "/api/subscribers/query/blocklist", {"search": "eve@"})

        assert list(Subscriber.objects.filter(status="blocklisted").values_list("email", flat=True)) == [
            "eve@x.io"
        ]
        assert statuses(news) == {"ann@x.io": "confirmed", "eve@x.io": "unsubscribed"}

    def test_several_lists_mean_any_of_them(self, api):
        one, two, target = make_list(), make_list(), make_list()
        make_subscriber(email="a@x.io", lists={one: "confirmed"})
        make_subscriber(email="b@x.io", lists={two: "unconfirmed", one: "unconfirmed"})
        make_subscriber(email="c@x.io")
        body = {"list_ids": [one.pk, two.pk], "action": "add", "target_list_ids": [target.pk]}

        send(api.put, "/api/subscribers/query/lists", {**body, "subscription_status": "confirmed"})
        assert list(statuses(target)) == ["a@x.io"]
        send(api.put, "/api/subscribers/query/lists", body)
        assert set(statuses(target)) == {"a@x.io", "b@x.io"}

    def test_everybody_when_told_so(self, api):
        make_subscriber(), make_subscriber()
        send(api.post, "/api/subscribers/query/delete", {"all": True})
        assert not Subscriber.objects.exists()

    @pytest.mark.parametrize(
        "body", [{"query": "nonsense("}, {"search": "a*("}, {"query": 5}, {"list_ids": ["x"], "all": True}]
    )
    def test_broken_questions_change_nothing(self, api, body):
        news, ann = make_list(), make_subscriber()
        for method, path, more in (
            (api.post, "delete", {}),
            (api.put, "blocklist", {}),
            (api.put, "lists", {"action": "add", "target_list_ids": [news.pk]}),
        ):
            answer = send(method, f"/api/subscribers/query/{path}", {**body, **more})
            assert answer.status_code == 400, answer.content
        ann.refresh_from_db()
        assert (ann.status, statuses(news)) == ("enabled", {})


class TestAccess:
    def test_bulk_changes_stay_within_the_lists_of_the_caller(self):
        mine, hidden = make_list(), make_list()
        ann = make_subscriber(email="ann@x.io", lists={mine: "confirmed"})
        stranger = make_subscriber(email="s@x.io", lists={hidden: "confirmed"})
        api = make_api_client("subscribers:get", "subscribers:manage", grants={mine: ["list:manage"]})

        both = [ann.pk, stranger.pk]
        change = {"ids": both, "action": "remove", "target_list_ids": [mine.pk]}
        assert send(api.put, "/api/subscribers/blocklist", {"ids": both}).status_code == 403
        assert send(api.put, "/api/subscribers/lists", change).status_code == 403
        outside = {"ids": [ann.pk], "action": "add", "target_list_ids": [hidden.pk]}
        assert send(api.put, "/api/subscribers/lists", outside).status_code == 403
        assert send(api.put, "/api/subscribers/query/blocklist", {"all": True}).status_code == 200
        assert send(api.post, "/api/subscribers/query/delete", {"search": "s@x.io"}).status_code == 200

        stranger.refresh_from_db()
        ann.refresh_from_db()
        assert (stranger.status, ann.status) == ("enabled", "blocklisted")
        assert statuses(hidden) == {"s@x.io": "confirmed"}

    def test_reading_is_not_changing(self):
        mine = make_list()
        ann = make_subscriber(lists={mine: "confirmed"})
        api = make_api_client("subscribers:get", grants={mine: ["list:get"]})
        for method, path in (
            (api.put, "blocklist"),
            (api.put, "lists"),
            (api.post, "query/delete"),
            (api.put, "query/blocklist"),
            (api.put, "query/lists"),
        ):
            body = {"ids": [ann.pk], "all": True, "action": "remove", "target_list_ids": [mine.pk]}
            assert send(method, f"/api/subscribers/{path}", body).status_code == 403


def test_large_numbers_go_in_chunks_and_the_counts_follow(api, monkeypatch, django_assert_max_num_queries):
    monkeypatch.setattr(bulk, "CHUNK", 50)
    news = make_list()
    made = Subscriber.objects.bulk_create(Subscriber(email=f"p{i}@x.io") for i in range(120))
    ids = finding.matching_ids(finding.Asked(), api.user)
    assert list(ids) == sorted(one.pk for one in made)

    with django_assert_max_num_queries(12):
        assert bulk.change_lists(ids, bulk.Action.ADD, [news.pk]) == 120
    assert counts.of_lists([news.pk]) == {news.pk: {"unconfirmed": 120}}
    assert bulk.blocklist(ids) == 120
    assert counts.of_lists([news.pk]) == {news.pk: {"unsubscribed": 120}}
    assert bulk.delete(ids) == 120
    assert counts.of_lists([news.pk]) == {news.pk: {}}
    assert counts.people() == 0
