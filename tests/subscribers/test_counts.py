"""Counts that triggers keep: every way in which rows come, change and go (see subscribers/counts.py)."""

import pytest
from django.core.management import call_command
from django.db import connection

from subscribers import counts
from subscribers.models import List, Subscriber, Subscription, Tally
from tests.factories import make_list, make_subscriber

pytestmark = pytest.mark.django_db


def true_counts() -> tuple[dict[int, dict[str, int]], dict[str, int]]:
    lists: dict[int, dict[str, int]] = {one.pk: {} for one in List.objects.all()}
    for row in Subscription.objects.all():
        lists[row.list_id][row.status] = lists[row.list_id].get(row.status, 0) + 1
    people = dict.fromkeys(Subscriber.Status.values, 0)
    for one in Subscriber.objects.all():
        people[one.status] += 1
    return lists, people


def kept_counts() -> tuple[dict[int, dict[str, int]], dict[str, int]]:
    return counts.of_lists(list(List.objects.values_list("pk", flat=True))), counts.of_people()


def test_every_kind_of_change_is_followed():
    news, offers = make_list(), make_list()
    people = [make_subscriber(lists={news: "confirmed", offers: "unconfirmed"}) for _ in range(4)]
    assert kept_counts() == true_counts()

    Subscription.objects.filter(list=news, subscriber__in=people[:2]).update(status="unsubscribed")
    Subscriber.objects.filter(pk=people[0].pk).update(status="blocklisted")
    assert kept_counts() == true_counts()

    Subscriber.objects.filter(pk=people[1].pk).update(name="a change that no count sees")
    people[2].delete()  # its subscriptions go by the foreign key
    assert kept_counts() == true_counts()

    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO subscribers_subscription (list_id, subscriber_id, status, meta, updated_at)"
            " VALUES (%s, %s, 'confirmed', '{}', now())"
            " ON CONFLICT (list_id, subscriber_id) DO UPDATE SET status = EXCLUDED.status",
            [offers.pk, people[3].pk],
        )
        cursor.execute("UPDATE subscribers_subscription SET list_id = %s WHERE list_id = -1", [news.pk])
    assert kept_counts() == true_counts()

    news.delete()
    assert kept_counts() == true_counts()


def test_compacting_changes_no_count_and_forgets_deleted_lists():
    news, gone = make_list(), make_list()
    for _ in range(5):
        make_subscriber(lists={news: "confirmed", gone: "confirmed"})
    gone.delete()
    before = kept_counts()

    counts.compact()

    assert kept_counts() == before == true_counts()
    assert Tally.objects.count() == 2
    assert counts.on_list(news.pk) == counts.on_list(news.pk, "confirmed") == counts.people() == 5
    assert counts.on_list(news.pk, "unsubscribed") == 0


def test_recounting_mends_what_was_changed_behind_the_triggers(capsys):
    make_subscriber(lists={make_list(): "confirmed"})
    Tally.objects.update(change=7)

    call_command("recount_subscribers")

    assert kept_counts() == true_counts()
    assert "enabled 7 -> 1" in capsys.readouterr().out
