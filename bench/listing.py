"""What a page of GET /api/subscribers costs at the start and far down, by cursor and by page number.

    .venv/bin/python bench/listing.py [people]

Prints one JSON line per order and place: `blocks` that PostgreSQL touches for the page's rows (EXPLAIN
ANALYZE, BUFFERS), and `ms` of a whole request through Django, the median of ten. By cursor, page 10,000
costs what page 1 costs; by page number every row before it is read.
"""

import json
import statistics
import sys
import time
from typing import Any

from engine_stage import Stage

PER_PAGE = 20
FAR = 10_000
ORDERS = ("id", "email", "name", "created_at")


def blocks(rows: Any) -> int:
    """Shared blocks that reading `rows` touches, cached or not."""
    plan = json.loads(rows.explain(format="json", analyze=True, buffers=True))[0]["Plan"]
    return int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"])


def milliseconds(client: Any, path: str) -> float:
    """Median of ten requests, after one to warm up."""
    taken = []
    for _ in range(11):
        started = time.perf_counter()
        assert client.get(path).status_code == 200
        taken.append((time.perf_counter() - started) * 1000)
    return round(statistics.median(taken[1:]), 2)


def main(people: int) -> None:
    stage = Stage()
    lists = stage.people(people)

    from django.conf import settings
    from django.test import Client

    from listmonk_py.accounts.models import ApiToken, User
    from listmonk_py.accounts.permissions import SUPER_ADMIN_ROLE_ID
    from subscribers import finding

    settings.ALLOWED_HOSTS = ["*"]
    user = User.objects.create(
        username="bench", type="api", status="enabled", user_role_id=SUPER_ADMIN_ROLE_ID
    )
    client = Client(headers={"Authorization": f"token bench:{ApiToken.issue(user)}"})
    far = min(FAR, people // PER_PAGE - 1)

    for list_ids in ((), (lists[0].pk,)):
        asked = finding.Asked(list_ids=list_ids)
        wanted = "".join(f"&list_id={pk}" for pk in list_ids)
        for name in ORDERS:
            order = finding.Order(name)
            ordered = order.apply(finding.people(asked, user))
            base = f"/api/subscribers?per_page={PER_PAGE}&order_by={name}{wanted}"
            for page in (1, far):
                cursor = ""
                if page > 1:
                    last = ordered[(page - 1) * PER_PAGE - 1]
                    cursor = finding._write_cursor(last, order)
                skipped = (page - 1) * PER_PAGE
                following = finding.continued(asked, user, order, cursor)[: PER_PAGE + 1]
                line = {
                    "people": people,
                    "one_list": bool(list_ids),
                    "order_by": name,
                    "page": page,
                    "cursor_blocks": blocks(following),
                    "cursor_ms": milliseconds(client, f"{base}&cursor={cursor}"),
                    "page_number_blocks": blocks(ordered[skipped : skipped + PER_PAGE]),
                    "page_number_ms": milliseconds(client, f"{base}&page={page}"),
                }
                print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
