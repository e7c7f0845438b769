"""What staff may write: creating, changing, deleting campaigns (contract 3.7, with its defects mended)."""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from listmonk_py.api.errors import Conflict, DomainError, Forbidden, NotFound, PreconditionFailed
from listmonk_py.configuration import runtime
from listmonk_py.mail import messengers
from listmonk_py.mail.addresses import DomainRules, InvalidEmail, parse_mailbox
from subscribers.models import List
from subscribers.tags import normalised

from . import checking, pace, segmenting, slugs
from .media.models import CampaignMedia, Media
from .models import Campaign, CampaignList, Template
from .optin import optin_body
from .status import Status

if TYPE_CHECKING:
    from listmonk_py.accounts.models import User

MAX_NAME = 2000
MAX_SUBJECT = 5000

# Fields copied as they are; the others have rules of their own below.
PLAIN_FIELDS = ("body", "body_source", "altbody", "auto_altbody", "attribs", "archive")


def find(campaign_id: int, user: "User", *, manage: bool = False) -> Campaign:
    """The campaign, when the user may see it (or change it).

    Raises:
        NotFound: there is none with this id.
        Forbidden: it goes to no list that the user may read (or manage).
    """
    if not Campaign.objects.filter(pk=campaign_id).exists():
        raise NotFound("Campaign not found")
    rows = Campaign.objects.manageable_by(user) if manage else Campaign.objects.visible_to(user)
    found = rows.filter(pk=campaign_id).prefetch_related("campaign_lists", "campaign_media").first()
    if found is None:
        raise Forbidden(f"Permission denied: campaigns:{'manage' if manage else 'get'}")
    return found


@transaction.atomic
def create(values: dict[str, Any], user: "User") -> Campaign:
    """A new draft.

    Raises:
        DomainError: a field is missing or wrong; the message names it.
        Conflict: the archive slug belongs to another campaign.
    """
    campaign = Campaign(
        type=_type(values.get("type")),
        from_email=runtime.get("app.from_email"),
        messenger="email",
        template=Template.objects.default(),
    )
    lists = _lists(values.get("lists"), user)
    values = {"name": "", "subject": "", **values}
    if values.get("template_id") is None:
        values.pop("template_id", None)  # null is not given: the default template's
    if campaign.type == Campaign.Type.OPTIN:
        values["body"] = optin_body(lists)
    _apply(campaign, values)
    if values.get("archive_template_id"):
        campaign.archive_template = _template(values["archive_template_id"])
    segmenting.choose(campaign, values.get("segment_id"), user)
    checking.check(campaign)
    _save(campaign)
    _set_lists(campaign, lists)
    _set_media(campaign, values.get("media") or [])
    return campaign


@transaction.atomic
def update(
    campaign_id: int, values: dict[str, Any], user: "User", *, if_match: int | None = None
) -> Campaign:
    """Change a campaign that is not being sent. What is not given stays, but `lists` is always required.

    Args:
        if_match: the version the editor started from; None does not check.

    Raises:
        DomainError: it is running or finished, or a field is wrong.
        PreconditionFailed: somebody else saved it since version `if_match`.
    """
    find(campaign_id, user, manage=True)
    campaign = Campaign.objects.select_for_update().get(pk=campaign_id)
    if if_match is not None and campaign.version != if_match:
        raise PreconditionFailed("Somebody else has changed this campaign. Reload it and try again.")
    if not Status(campaign.status).is_editable:
        raise DomainError("Cannot update a running or a finished campaign.")
    lists = _lists(values.get("lists"), user)
    values.pop("type", None)
    stored_date = campaign.send_at
    _apply(campaign, values)
    if "send_at" not in values and stored_date is not None and stored_date <= timezone.now():
        raise DomainError("Scheduled date should be in the future.")
    if "archive_template_id" in values:
        campaign.archive_template = _template(values["archive_template_id"])
    if "segment_id" in values:
        segmenting.choose(campaign, values["segment_id"], user)
    if campaign.status == Status.SCHEDULED and campaign.send_at is None:
        campaign.status = Status.DRAFT
    if campaign.content_type == Campaign.ContentType.VISUAL:
        campaign.template = campaign.archive_template = None
    checking.check(campaign)
    campaign.version += 1
    _save(campaign)
    _set_lists(campaign, lists, keep_beyond=user)
    if values.get("media") is not None:
        _set_media(campaign, values["media"])
    return campaign


def overlay(campaign: Campaign, values: dict[str, Any], user: "User") -> None:
    """Lay `values` over a campaign in memory, for a test send; checked like a save.

    Raises:
        DomainError: a field is missing or wrong.
    """
    _lists(values.get("lists"), user)
    _apply(campaign, {"name": campaign.name, "subject": campaign.subject, **values})
    checking.check(campaign)


@transaction.atomic
def set_archive(campaign_id: int, values: dict[str, Any], user: "User") -> dict[str, Any]:
    """Publish a campaign in the archive or take it out; allowed in any status.

    An omitted slug clears it; an omitted or zero template keeps the stored one.
    """
    campaign = find(campaign_id, user, manage=True)
    campaign.archive = values.get("archive", False)
    campaign.archive_slug = slugs.normalise(values.get("archive_slug"))
    campaign.archive_meta = values.get("archive_meta") or {}
    if values.get("archive_template_id"):
        campaign.archive_template = _template(values["archive_template_id"])
    _save(campaign, fields=("archive", "archive_slug", "archive_meta", "archive_template", "updated_at"))
    return {
        "archive": campaign.archive,
        "archive_template_id": values.get("archive_template_id") or 0,
        "archive_meta": values.get("archive_meta"),
        "archive_slug": campaign.archive_slug or "",
    }


def touch_content_of(template: Template) -> None:
    """A template changed: the compiled forms of its campaigns are stale (they act on resume)."""
    template.campaigns.update(version=F("version") + 1)


def _apply(campaign: Campaign, values: dict[str, Any]) -> None:
    """Set the fields that `values` has, each by its rule."""
    _apply_texts(campaign, values)
    for name in PLAIN_FIELDS:
        if name in values:
            setattr(campaign, name, values[name])
    pace.apply(campaign, values)
    campaign.body = campaign.body or ""
    campaign.attribs = campaign.attribs if campaign.attribs is not None else {}
    if "content_type" in values:
        known = values["content_type"] in Campaign.ContentType.values
        campaign.content_type = values["content_type"] if known else Campaign.ContentType.RICHTEXT
    if "send_at" in values:
        campaign.send_at = _future(values["send_at"])
    if values.get("messenger"):
        campaign.messenger = _messenger(values["messenger"])
    if "tags" in values:
        campaign.tags = normalised(values["tags"] or [])
    if "headers" in values:
        campaign.headers = _headers(values["headers"] or [])
    if "archive_slug" in values:
        campaign.archive_slug = slugs.normalise(values["archive_slug"])
    if "archive_meta" in values:
        campaign.archive_meta = values["archive_meta"] or {}
    _apply_template(campaign, values)


def _apply_texts(campaign: Campaign, values: dict[str, Any]) -> None:
    if "name" in values:
        campaign.name = _sized(values["name"], "name", MAX_NAME)
    if "subject" in values:
        campaign.subject = _sized(values["subject"], "subject", MAX_SUBJECT)
    if values.get("from_email"):
        campaign.from_email = _sender(values["from_email"].strip())


def _sender(text: str) -> str:
    """A From that mail can carry; the domain rules apply to bare addresses (contract 3.7)."""
    try:
        mailbox = parse_mailbox(text)
    except InvalidEmail as error:
        raise DomainError(
            f"Invalid `from_email`: use `Name <name@example.com>` or an address. {error.reason}"
        ) from None
    if not mailbox.name:
        rules = DomainRules(
            allow=runtime.get("privacy.domain_allowlist"), block=runtime.get("privacy.domain_blocklist")
        )
        rules.check(mailbox.address)
    return text


def _apply_template(campaign: Campaign, values: dict[str, Any]) -> None:
    """A visual template is copied into the campaign; any other is referred to."""
    if "template_id" in values:
        template = _template(values["template_id"])
        if template is not None and template.type == Template.Type.CAMPAIGN_VISUAL:
            if not values.get("body"):
                campaign.body, campaign.body_source = template.body, template.body_source
            template = None
        elif template is not None and template.type == Template.Type.TX:
            raise DomainError("This template is for transactional mail. Choose a campaign template.")
        campaign.template = template
    if campaign.content_type == Campaign.ContentType.VISUAL:
        campaign.template = None
    else:
        campaign.body_source = None


def _sized(text: str, field: str, limit: int) -> str:
    if not text.strip() or len(text) > limit:
        raise DomainError(f"Invalid length for {field}: it needs 1 to {limit} characters.")
    return text


def _type(text: str | None) -> str:
    if text in ("", None):
        return Campaign.Type.REGULAR
    if text not in Campaign.Type.values:
        raise DomainError("type: use `regular` or `optin`.")
    return str(text)


def _future(moment: datetime | None) -> datetime | None:
    if moment is not None and moment <= timezone.now():
        raise DomainError("Scheduled date should be in the future.")
    return moment


def _messenger(name: str) -> str:
    """A known messenger; a named SMTP server that is gone falls back to `email`."""
    if name in messengers.names():
        return name
    if name == "email" or name.startswith("email-"):
        return "email"
    raise DomainError(f"Unknown messenger {name}. Known are: {', '.join(messengers.names()) or 'none'}.")


def _headers(headers: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    kept = [dict(entry) for entry in headers if entry]
    for entry in kept:
        for name, value in entry.items():
            if not checking.is_header_name(name) or any(char in value for char in "\r\n\0"):
                raise DomainError(f"headers: `{name}` is not a header that mail can carry.")
    return kept


def _template(template_id: int | None) -> Template | None:
    """The template, or None when there is none with this id (listmonk stores null then)."""
    return Template.objects.filter(pk=template_id).first() if template_id else None


def _lists(ids: Iterable[int] | None, user: "User") -> list[List]:
    """Those of the asked lists that the user may send to.

    Raises:
        DomainError: none is left.
    """
    wanted = set(ids or ())
    rows = List.objects.all() if user.may("campaigns:manage_all") else List.objects.visible_to(user)
    found = list(rows.filter(pk__in=wanted).order_by("pk"))
    if not found:
        raise DomainError("Invalid list IDs.")
    return found


def _set_lists(campaign: Campaign, lists: list[List], *, keep_beyond: "User | None" = None) -> None:
    """Send to `lists`; lists that the user cannot see stay as they are."""
    rows = CampaignList.objects.filter(campaign=campaign)
    if keep_beyond is not None:
        readable = keep_beyond.readable_list_ids()
        rows = rows if readable is None else rows.filter(list_id__in=readable)
    rows.exclude(list__in=lists).delete()
    CampaignList.objects.bulk_create(
        [CampaignList(campaign=campaign, list=row, list_name=row.name) for row in lists],
        ignore_conflicts=True,
    )


def _set_media(campaign: Campaign, ids: Iterable[int]) -> None:
    files = list(Media.objects.filter(pk__in=list(ids)).order_by("pk"))
    CampaignMedia.objects.filter(campaign=campaign).exclude(media__in=files).delete()
    CampaignMedia.objects.bulk_create(
        [CampaignMedia(campaign=campaign, media=row, filename=row.filename) for row in files],
        ignore_conflicts=True,
    )


def _save(campaign: Campaign, *, fields: tuple[str, ...] | None = None) -> None:
    try:
        with transaction.atomic():
            campaign.save(update_fields=fields)
    except IntegrityError as error:
        if "archive_slug" in str(error):
            raise Conflict(
                f"The archive slug `{campaign.archive_slug}` belongs to another campaign."
            ) from None
        raise
