"""What a preview shows in place of a real subscriber, campaign and content (contract 6.5)."""

from collections.abc import Mapping
from typing import Any

from listmonk_py.templating.links import DUMMY_UUID
from listmonk_py.templating.people import first_name, last_name
from listmonk_py.templating.values import freeze

DEMO_NAME = "Demo Subscriber"
DEMO_EMAIL = "demo@listmonk.app"

# Stands for a campaign's body in the preview of a template.
LOREM_IPSUM = """\
<h2>A heading for the eye</h2>
<p>Lorem ipsum dolor sit amet: these words mean nothing and are here to show how a paragraph of a
few lines looks, how wide it runs and where it breaks.</p>
<p>A second paragraph holds <strong>something important</strong>, <em>something quiet</em> and
<a href="https://example.com">a link to nowhere in particular</a>.</p>
<h3>A smaller heading</h3>
<ul>
<li>A first point</li>
<li>A second, somewhat longer point</li>
</ul>
"""

# The time in previews, so that the same template always gives the same picture.
_SHOWN_TIME = "2024-01-15T09:30:00+00:00"


def demo_subscriber() -> dict[str, Any]:
    """Return the person that a preview is rendered for."""
    return {
        "id": 0,
        "uuid": DUMMY_UUID,
        "email": DEMO_EMAIL,
        "name": DEMO_NAME,
        "first_name": first_name(DEMO_NAME),
        "last_name": last_name(DEMO_NAME),
        "status": "enabled",
        "attribs": {"city": "Bengaluru"},
        "created_at": _SHOWN_TIME,
        "updated_at": _SHOWN_TIME,
        "lists": [],
    }


def demo_campaign() -> dict[str, Any]:
    """Return the campaign that a template's preview belongs to."""
    return {
        "id": 0,
        "uuid": DUMMY_UUID,
        "name": "Demo campaign",
        "subject": "A demo subject",
        "from_email": f"{DEMO_NAME} <{DEMO_EMAIL}>",
        "type": "regular",
        "status": "draft",
        "content_type": "richtext",
        "tags": ["demo"],
        "headers": [],
        "attribs": {},
        "send_at": None,
        "started_at": None,
        "created_at": _SHOWN_TIME,
        "updated_at": _SHOWN_TIME,
        "template_id": None,
        "messenger": "email",
        "archive": False,
        "archive_slug": None,
        "archive_template_id": None,
        "archive_meta": {},
        "to_send": 0,
        "sent": 0,
        "views": 0,
        "clicks": 0,
        "bounces": 0,
        "lists": [],
        "media": [],
        "altbody": None,
        "body": "",
        "body_source": None,
    }


def demo_tx() -> dict[str, Any]:
    """Return a transactional message without data."""
    return {
        "data": {},
        "subject": "A demo subject",
        "from_email": DEMO_EMAIL,
        "subscriber_email": DEMO_EMAIL,
        "subscriber_id": 0,
        "subscriber_emails": [DEMO_EMAIL],
        "subscriber_ids": [0],
        "template_id": 0,
        "headers": [],
        "content_type": "html",
        "messenger": "email",
        "altbody": "",
    }


def demo_context(
    *, campaign: Mapping[str, Any] | None = None, subscriber: Mapping[str, Any] | None = None
) -> Mapping[str, Any]:
    """Return a frozen context for a preview or a trial; what is given replaces the demo's fields."""
    context: Mapping[str, Any] = freeze(
        {
            "subscriber": {**demo_subscriber(), **(subscriber or {})},
            "campaign": {**demo_campaign(), **(campaign or {})},
            "tx": demo_tx(),
        }
    )
    return context
