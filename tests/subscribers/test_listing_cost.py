"""What a page of a listing costs, in rows and blocks that PostgreSQL touches rather than in time."""

import re

import pytest
from django.db import connection

from subscribers import finding
from subscribers.models import Subscriber
from tests.factories import make_list, make_user

pytestmark = pytest.mark.django_db

PEOPLE = 20_000
FILL = """
    WITH people AS (
        INSERT INTO subscribers_subscriber (uuid, email, name, attribs, status, created_at, updated_at)
        SELECT gen_random_uuid(), 'p' || n || '@example.com', 'Person ' || n, '{}',
               CASE n %% 10 WHEN 0 THEN 'blocklisted' ELSE 'enabled' END,
               now() - n * interval '1 second', now() - n * interval '1 second'
          FROM generate_series(1, %s) n RETURNING id)
    INSERT INTO subscribers_subscription (list_id, subscriber_id, status, meta, updated_at)
    SELECT %s, id, 'confirmed', '{}', now() FROM people
"""


@pytest.fixture
def crowd():
    news = make_list()
    with connection.cursor() as cursor:
        cursor.execute(FILL, [PEOPLE, news.pk])
        cursor.execute("ANALYZE subscribers_subscriber, subscribers_subscription")
    return news


def blocks(rows) -> int:
    """Blocks that reading `rows` touches."""
    plan = rows.explain(analyze=True, buffers=True)
    hit = re.search(r"Buffers: shared(?: hit=(\d+))?(?: read=(\d+))?", plan)
    assert hit, plan
    return int(hit[1] or 0) + int(hit[2] or 0)


def page_after(last: Subscriber, order: finding.Order, asked: finding.Asked, user) -> int:
    """Blocks for the page that follows the person `last`."""
    cursor = finding._write_cursor(last, order)
    found, _ = finding.after(asked, user, order, cursor, 20)
    assert len(found) == 20
    return blocks(finding.continued(asked, user, order, cursor)[:21])


@pytest.mark.parametrize("name", ["id", "email", "name", "status", "created_at", "updated_at"])
def test_a_page_far_down_costs_what_the_first_costs(crowd, name):
    user, order, asked = make_user(superadmin=True), finding.Order(name), finding.Asked()
    ordered = list(order.apply(Subscriber.objects.all())[:: PEOPLE // 10])

    first = page_after(ordered[0], order, asked, user)
    far = page_after(ordered[-2], order, asked, user)

    assert far <= first + 20, (first, far)
    assert far < 100


def test_a_page_of_one_list_far_down_costs_what_the_first_costs(crowd):
    user, order = make_user(superadmin=True), finding.Order()
    asked = finding.Asked(list_ids=(crowd.pk,))
    ordered = list(order.apply(Subscriber.objects.all())[:: PEOPLE // 10])

    first = page_after(ordered[0], order, asked, user)
    far = page_after(ordered[-2], order, asked, user)

    assert far <= first + 50, (first, far)


def test_totals_without_a_filter_do_not_read_the_people(crowd, django_assert_num_queries):
    user = make_user(superadmin=True)
    for asked in (finding.Asked(), finding.Asked(list_ids=(crowd.pk,))):
        rows = finding.people(asked, user)
        with django_assert_num_queries(1) as captured:
            assert finding.total(asked, user, rows) == PEOPLE
        assert "subscribers_tally" in captured[0]["sql"]
