"""Rendering Go and Jinja sources in tests."""

from typing import Any

from listmonk_py.templating.environment import environment, freeze, render
from listmonk_py.templating.golang import to_jinja

ANN = {
    "id": 7,
    "uuid": "6d4b6c2e-8c1c-4b52-a1ab-3f0f6b1f2a11",
    "email": "ann+news@example.com",
    "name": "Ann Lee Smith",
    "first_name": "Ann",
    "last_name": "Smith",
    "status": "enabled",
    "created_at": "2024-03-05T16:07:08.123456+00:00",
    "updated_at": None,
    "attribs": {
        "city": "Rome",
        "count": 3,
        "whole": 2.0,
        "half": 2.5,
        "vip": True,
        "gone": None,
        "in": "reserved",
        "html": "<b>&</b>",
        "url": "https://x.test/a b?c=d&e=f",
        "bad_url": "javascript:alert(1)",
        "tags": ["x", "y"],
        "prices": {"b": 1, "a": 2},
        "orders": [{"name": "Pen", "price": 2}, {"name": "Ink", "price": 5}],
        "nested": {"deep": {"er": "found"}},
    },
}
CAMPAIGN = {
    "id": 3,
    "uuid": "11111111-2222-3333-4444-555555555555",
    "name": "May",
    "subject": "News",
    "from_email": "a@b.c",
    "tags": ["t1"],
    "created_at": "2024-05-01T00:00:00+02:00",
    "attribs": {"issue": 5},
}


def render_jinja(source: str, *, html: bool = True, **more: Any) -> str:
    """Return what Jinja `source` prints for Ann."""
    engine = environment(html=html)
    engine.add_template("source", source)
    return render(engine, "source", freeze({"subscriber": ANN, "campaign": CAMPAIGN, **more}))


def render_go(source: str, *, html: bool = True, **more: Any) -> str:
    """Return what Go `source` prints for Ann."""
    return render_jinja(to_jinja(source, html=html), html=html, **more)
