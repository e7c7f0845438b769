"""A new draft made from a campaign."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from . import writing
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
    "rate",
)
# listmonk's rule: a time that has passed becomes this much from now.
NEXT_TIME = timedelta(days=7)


def clone(campaign: Campaign, user: "User", *, name: str = "") -> Campaign:
    """A draft with everything that was written for `campaign`; nothing of what became of it.

    A time to send that is still ahead is kept, one that has passed becomes a week from now. The archive's
    slug stays with the original, so the copy is not published.

    Raises:
        DomainError: none of its lists is left, or the user may not use them.
    """
    values: dict[str, Any] = {field: getattr(campaign, field) for field in COPIED}
    values["name"] = name.strip() or f"Copy of {campaign.name}"[: writing.MAX_NAME]
    values["lists"] = list(
        campaign.campaign_lists.filter(list__isnull=False).values_list("list_id", flat=True)  # type: ignore[attr-defined]
    )
    values["media"] = list(campaign.media.values_list("pk", flat=True))
    values["template_id"] = campaign.template_id
    values["archive_template_id"] = campaign.archive_template_id
    if campaign.send_at is not None:
        now = timezone.now()
        values["send_at"] = campaign.send_at if campaign.send_at > now else now + NEXT_TIME
    return writing.create(values, user)
