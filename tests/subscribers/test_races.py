"""Two at once: the same address, the same import, counts while they are compacted."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from listmonk_py.api.errors import Conflict, DomainError
from subscribers import bulk, consent, counts, people
from subscribers.importing import jobs, running
from subscribers.importing.params import Params
from subscribers.models import ImportJob, Subscriber, Tally
from tests.factories import make_list, make_subscriber, make_user

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Start all calls together; their results or exceptions, in order."""
    barrier, results = threading.Barrier(len(calls)), [None] * len(calls)

    def run(place: int, call: Callable[[], Any]) -> None:
        try:
            barrier.wait(10)
            results[place] = call()
        except Exception as error:
            results[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=each) for each in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def test_two_creations_of_one_address_make_one_person_and_one_conflict():
    user = make_user(superadmin=True)
    for number in range(5):
        address = f"P{number}@example.com"
        results = at_once(
            lambda email=address: people.create({"email": email}, user),
            lambda email=address: people.create({"email": email.lower()}, user),
        )
        assert sorted(type(result) for result in results if isinstance(result, Conflict)) == [Conflict]
        assert sum(isinstance(result, Subscriber) for result in results) == 1
    assert Subscriber.objects.count() == counts.people() == 5


def test_two_imports_started_together_are_one_import(tmp_path):
    files = [tmp_path / "a.csv", tmp_path / "b.csv"]
    for file in files:
        file.write_text("email\n")

    results = at_once(
        *(
            lambda file=file: jobs.begin(name=file.name, path=file, params=Params("blocklist"))
            for file in files
        )
    )

    assert sorted(isinstance(result, DomainError) for result in results) == [False, True]
    assert ImportJob.objects.count() == 1
    assert [file for file in files if file.exists()] == [Path(ImportJob.objects.get().path)]


def test_two_workers_with_one_doorbell_import_once(tmp_path):
    news = make_list()
    file = tmp_path / "a.csv"
    file.write_text("email\n" + "".join(f"p{i}@example.com\n" for i in range(3000)))
    job = jobs.begin(name="a.csv", path=file, params=Params("subscribe", lists=(news.pk,)))

    assert at_once(*[lambda: running.run(job.pk)] * 3) == [None] * 3

    job.refresh_from_db()
    assert (job.status, job.imported) == ("finished", 3000)
    assert jobs.log(job).count("Finished") == 1


def test_counts_stay_right_while_people_come_and_go_and_counts_are_compacted():
    news = make_list()
    everyone = [make_subscriber().pk for _ in range(200)]

    def come_and_go(part: list[int]) -> None:
        for _ in range(10):
            bulk.change_lists(part, bulk.Action.ADD, [news.pk])
            consent.unsubscribe(part[::2], [news.pk])
            bulk.change_lists(part[1::2], bulk.Action.REMOVE, [news.pk])

    def compact() -> None:
        for _ in range(30):
            counts.compact()

    results = at_once(
        lambda: come_and_go(everyone[:80]), lambda: come_and_go(everyone[60:]), compact, compact
    )

    assert results == [None] * 4
    kept = counts.of_lists([news.pk]), counts.of_people()
    counts.compact()
    assert (counts.of_lists([news.pk]), counts.of_people()) == kept
    assert Tally.objects.count() <= 5
    counts.recount()
    assert (counts.of_lists([news.pk]), counts.of_people()) == kept


def test_an_import_and_deletions_of_the_same_people_do_not_lock_each_other_up(tmp_path, monkeypatch):
    monkeypatch.setattr(running, "CHUNK_ROWS", 100)
    monkeypatch.setattr(bulk, "CHUNK", 50)
    news = make_list()
    ids = [make_subscriber(email=f"p{i}@example.com", lists={news: "confirmed"}).pk for i in range(400)]
    file = tmp_path / "a.csv"
    file.write_text("email,name\n" + "".join(f"p{i}@example.com,New\n" for i in reversed(range(400))))
    params = Params(
        "subscribe", lists=(news.pk,), overwrite_userinfo=True, overwrite_subscription_status=True
    )
    job = jobs.begin(name="a.csv", path=file, params=params)

    results = at_once(lambda: running.run(job.pk), lambda: bulk.delete(ids[::2]), lambda: bulk.blocklist(ids))

    job.refresh_from_db()
    assert [result for result in results if isinstance(result, Exception)] == []
    assert (job.status, job.imported, job.rejected) == ("finished", 400, 0)
    assert sum(counts.of_lists([news.pk])[news.pk].values()) == news.subscriptions.count()
    assert counts.people() == Subscriber.objects.count()
