"""What a campaign or template looks like, rendered for a demo subscriber or a chosen one.

Text is rendered in a child process with limits, since it may be unsaved and hostile; and shown under a
policy that runs none of its scripts.
"""

from collections.abc import Mapping
from typing import Any

from listmonk_py.templating.content import to_html, wrap
from listmonk_py.templating.golang import to_jinja
from listmonk_py.templating.links import Tracking, expand
from listmonk_py.templating.preview import LOREM_IPSUM, demo_context
from listmonk_py.templating.trial import TrialSource, rendered

from . import preparing
from .models import Campaign, Template

# Pictures and styles may come from anywhere, as in a mail program; scripts and forms may not run.
HEADERS = {
    "Content-Type": "text/html; charset=UTF-8",
    "Content-Security-Policy": (
        "sandbox; default-src 'none'; img-src * data:; style-src * 'unsafe-inline'; font-src *"
    ),
    "X-Content-Type-Options": "nosniff",
}
TEXT_HEADERS = {**HEADERS, "Content-Type": "text/plain; charset=UTF-8"}


def of_campaign(campaign: Campaign, *, person: Mapping[str, Any] | None = None) -> tuple[str, dict[str, str]]:
    """The body as it would arrive, and the headers to serve it with. Nothing in it counts as an open.

    Args:
        campaign: may hold unsaved changes.
        person: fields of a subscriber in place of the demo one.

    Raises:
        TemplateError: it does not compile or render, with the line.
    """
    sources = preparing.prepare_for_trial(campaign)
    context = demo_context(campaign=shown_fields(campaign), subscriber=person)
    source = TrialSource("campaign body", sources.body, html=sources.is_html)
    return rendered([source], context)[0], HEADERS if sources.is_html else TEXT_HEADERS


def of_template(template: Template) -> str:
    """A template with filler text in place of the content.

    Raises:
        TemplateError: it does not compile or render, with the line.
    """
    body = template.body
    if template.type == Template.Type.CAMPAIGN:
        body = wrap(LOREM_IPSUM, body)
    urls = preparing.urls_of(Campaign(), preview=True)
    source = expand(
        to_jinja(to_html(body, "html")), urls=urls, tracking=Tracking.ANONYMOUS, register=lambda links: {}
    )
    return rendered([TrialSource("template", source)], demo_context())[0]


def shown_fields(campaign: Campaign) -> dict[str, Any]:
    """Fields of `campaign` in the preview; its UUID stays the dummy one, so that nothing is counted."""
    shown = preparing.constants_of(campaign)
    del shown["uuid"]
    return shown
