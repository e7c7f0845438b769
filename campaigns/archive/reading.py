"""The public archive: which campaigns it holds, and how each reads there (contract 4.5).

A campaign is read with the archive's template and its `archive_meta` in place of a subscriber.
"""

import logging
import uuid
from collections import OrderedDict
from typing import Any

from django.db.models import QuerySet

from campaigns import preparing
from campaigns.composing import compose
from campaigns.models import Campaign
from campaigns.recipients import recipient_of
from campaigns.status import Status
from listmonk_py.api.errors import DomainError
from listmonk_py.configuration import runtime
from listmonk_py.mail.letter import CompiledLetter, LetterSpec, RenderError, compile_letter
from listmonk_py.mail.outgoing import Parts
from listmonk_py.mail.system import root_url
from listmonk_py.templating.golang import to_jinja
from listmonk_py.templating.links import expand
from listmonk_py.templating.people import first_name, last_name
from subscribers.models import Subscriber
from tracking.events import NOBODY

logger = logging.getLogger(__name__)

READABLE = (Status.RUNNING, Status.PAUSED, Status.FINISHED)
KEPT_LETTERS = 32

_letters: "OrderedDict[tuple[Any, ...], CompiledLetter]" = OrderedDict()


def archived() -> "QuerySet[Campaign]":
    """What the archive shows, newest first. Drafts are not in it, whatever their flag says."""
    rows = Campaign.objects.filter(archive=True, type=Campaign.Type.REGULAR, status__in=READABLE)
    return rows.select_related("template", "archive_template").order_by("-created_at", "-pk")


def find(name: str) -> Campaign | None:
    """By slug, or by UUID."""
    found = archived().filter(archive_slug=name).first()
    if found is None:
        try:
            found = archived().filter(uuid=uuid.UUID(name)).first()
        except ValueError:
            return None
    return found


def url_of(campaign: Campaign) -> str:
    return f"{root_url()}/archive/{campaign.archive_slug or campaign.uuid}"


def reader_of(campaign: Campaign) -> dict[str, Any]:
    """`archive_meta` as the subscriber that templates see; nobody where it says nothing."""
    meta = campaign.archive_meta if isinstance(campaign.archive_meta, dict) else {}
    name = str(meta.get("name") or "")
    attribs = meta.get("attribs")
    return {
        **recipient_of(Subscriber()),
        "uuid": str(meta.get("uuid") or NOBODY),
        "email": str(meta.get("email") or "reader@example.com"),
        "name": name,
        "first_name": first_name(name),
        "last_name": last_name(name),
        "status": str(meta.get("status") or "enabled"),
        "attribs": attribs if isinstance(attribs, dict) else {},
    }


def subject_of(campaign: Campaign) -> str:
    """The rendered subject; the campaign's name when it cannot be rendered, so that one broken template
    does not take the whole archive down.
    """
    try:
        source = expand(
            to_jinja(campaign.subject, html=False),
            urls=preparing.urls_of(campaign),
            tracking=preparing.tracking_now(),
            register=lambda links: {},
            html=False,
        )
        spec = LetterSpec(
            from_email=runtime.get("app.from_email"),
            subject=source,
            body="",
            content_type="plain",
            constants={"campaign": preparing.constants_of(campaign)},
        )
        return compile_letter(spec).parts(0, reader_of(campaign)).subject
    except (DomainError, RenderError) as error:
        logger.warning("The subject of archived campaign %s cannot be rendered: %s", campaign.pk, error)
        return campaign.name


def message_of(campaign: Campaign) -> Parts:
    """The whole message.

    Raises:
        DomainError: it does not compile or render.
    """
    if campaign.content_type != Campaign.ContentType.VISUAL:
        campaign.template = campaign.archive_template
    key = (campaign.pk, campaign.version, _template_version(campaign), runtime.version())
    letter = _letters.pop(key, None) or compile_letter(compose(campaign, as_page=True))
    _letters[key] = letter
    while len(_letters) > KEPT_LETTERS:
        _letters.popitem(last=False)
    try:
        return letter.parts(0, reader_of(campaign))
    except RenderError as error:
        raise DomainError(error.message) from error


def _template_version(campaign: Campaign) -> tuple[Any, ...]:
    template = campaign.archive_template
    return (template.pk, template.updated_at) if template else ()
