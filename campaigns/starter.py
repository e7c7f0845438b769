"""What an empty database starts with, as listmonk's does (contract 1.5): something to try things with."""

import logging
from pathlib import Path

from django.conf import settings
from django.db import transaction

from listmonk_py.mail.pacing import Pacer, PacerUnavailable
from subscribers.models import List, Subscriber, Subscription

from .engine.redis_client import client
from .models import Campaign, CampaignList, Template

logger = logging.getLogger(__name__)

FOLDER = Path(settings.BASE_DIR) / "templates" / "campaigns" / "starter"


def text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


@transaction.atomic
def install() -> bool:
    """Fill an empty database; False, and nothing changed, when it has lists or templates already."""
    if List.objects.exists() or Template.objects.exists() or Campaign.objects.exists():
        return False
    lists = _lists()
    _people(lists)
    template, archive = _templates()
    campaign = Campaign.objects.create(
        name="Test campaign",
        subject="Welcome, {{ .Subscriber.FirstName }}",
        from_email="No Reply <noreply@yoursite.com>",
        body=text("welcome.html"),
        tags=["test-campaign"],
        template=template,
        archive_slug="welcome-to-listmonk",
        archive_template=archive,
        archive_meta={"name": "Subscriber"},
    )
    CampaignList.objects.create(campaign=campaign, list=lists[0], list_name=lists[0].name)
    transaction.on_commit(_nothing_was_sent)
    return True


def _nothing_was_sent() -> None:
    """Let the first campaign leave at once: a pacer that knows no past waits for its first window to pass."""
    try:
        Pacer(client()).vouch()
    except PacerUnavailable as fault:
        logger.warning("The first campaign may wait for its limits: %s", fault)


def _lists() -> tuple[List, List]:
    default = List.objects.create(name="Default list", tags=["test"])
    optin = List.objects.create(
        name="Opt-in list", type=List.Type.PUBLIC, optin=List.Optin.DOUBLE, tags=["test"]
    )
    return default, optin


def _people(lists: tuple[List, List]) -> None:
    attribs = (
        {"type": "known", "good": True, "city": "Bengaluru"},
        {"type": "unknown", "good": True, "city": "Bengaluru"},
    )
    names = (("john@example.com", "John Doe"), ("anon@example.com", "Anon Doe"))
    for (email, name), known, row in zip(names, attribs, lists, strict=True):
        person = Subscriber.objects.create(email=email, name=name, attribs=known)
        Subscription.objects.create(subscriber=person, list=row)


def _templates() -> tuple[Template, Template]:
    """In listmonk's order, which some clients know by number."""
    default = Template.objects.create(
        name="Default campaign template", body=text("campaign.html"), is_default=True
    )
    archive = Template.objects.create(name="Default archive template", body=text("archive.html"))
    Template.objects.create(
        name="Sample transactional template",
        type=Template.Type.TX,
        subject="Hello {{ .Subscriber.FirstName }}",
        body=text("transactional.html"),
    )
    Template.objects.create(
        name="Sample visual template",
        type=Template.Type.CAMPAIGN_VISUAL,
        body=text("visual.html"),
        body_source=text("visual.json"),
    )
    return default, archive
