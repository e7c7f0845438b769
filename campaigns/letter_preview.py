"""A campaign's letter as one person would see it: the subject line and the body, saved or not."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from listmonk_py.templating.preview import demo_context
from listmonk_py.templating.trial import rendered

from . import preparing, preview
from .models import Campaign


@dataclass(frozen=True, slots=True)
class Shown:
    """What arrives. `body` is HTML, or text when `is_html` is False; `altbody` is the text part, if any."""

    subject: str
    body: str
    is_html: bool
    altbody: str | None = None

    @property
    def size_bytes(self) -> int:
        """About the size of the message without attachments, as it travels."""
        return len(self.body.encode()) + len((self.altbody or "").encode()) + 2000


def of_campaign(campaign: Campaign, *, person: Mapping[str, Any] | None = None) -> Shown:
    """Render `campaign`, which may hold unsaved changes. Nothing is registered or counted.

    Args:
        person: the fields of a recipient (`recipients.recipient_of`); None shows the demo subscriber.

    Raises:
        TemplateError: something does not compile or render, with the line.
    """
    sources = preparing.prepare_for_trial(campaign)
    context = demo_context(campaign=preview.shown_fields(campaign), subscriber=person)
    subject, body, *rest = rendered(sources.trial(), context)
    return Shown(subject, body, sources.is_html, rest[0] if rest else None)
