"""A new draft made from a campaign."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from listmonk_py.api.errors import DomainError

from . import pace, writing
from .models import Campaign

if TYPE_CHECKING:
    from listmonk_py.accounts.models import User

COPIED = (
    "subject",
    "from_email",
    "body",
    "body_source",
    "altbody",
    "auto_altbody",
    "content_type",
    "headers",
    "attribs",
    "tags",
    "messenger",
    "type",
    "archive_meta",
    *pace.FIELDS,
)
# listmonk's rule: a time that has passed becomes this much from now.
NEXT_TIME = timedelta(days=7)


def clone(campaign: Campaign, user: "User", *, name: str = "") -> Campaign:
    """A draft with everything that was written for `campaign`; nothing of what became of it.

    A time to send that is still ahead is kept, one that has passed becomes a week from now. The archive's
    slug stays with the original, so the copy is not published.

    Raises:
        DomainError: none of its lists is left, or its segment is not, or the user may not use them.
    """
    if campaign.segment_name and campaign.segment_id is None:
        raise DomainError(
            f"The segment “{campaign.segment_name}” that this campaign went to is deleted, so a copy would go "
            "to everybody on its lists. Write a new campaign."
        )
    values: dict[str, Any] = {field: getattr(campaign, field) for field in COPIED}
    values["name"] = name.strip() or f"Copy of {campaign.name}"[: writing.MAX_NAME]
    values["lists"] = list(
        campaign.campaign_lists.filter(list__isnull=False).values_list("list_id", flat=True)  # type: ignore[attr-defined]
    )
    values["media"] = list(campaign.media.values_list("pk", flat=True))
    values["template_id"] = campaign.template_id
    values["segment_id"] = campaign.segment_id
    values["archive_template_id"] = campaign.archive_template_id
    if campaign.send_at is not None:
        now = timezone.now()
        values["send_at"] = campaign.send_at if campaign.send_at > now else now + NEXT_TIME
    return writing.create(values, user)
