"""Telling staff that a campaign finished, or that the engine paused it (contract 5.5, 12.4)."""

import logging

from campaigns.models import Campaign
from listmonk_py.api.errors import DomainError
from listmonk_py.configuration import runtime
from listmonk_py.mail.system import root_url, send_system_mail

logger = logging.getLogger(__name__)


def tell_staff(campaign_id: int) -> None:
    """Mail everybody in `app.notify_emails` how the campaign stands; in the caller's transaction.

    The mails are stored with the change of status, so neither is there without the other.
    """
    campaign = Campaign.objects.defer("body", "body_source", "altbody").get(pk=campaign_id)
    context = {
        "name": campaign.name,
        "status": campaign.status,
        "reason": campaign.status_reason,
        "sent": campaign.sent,
        "to_send": campaign.to_send,
        "url": f"{root_url()}/admin/campaigns/campaign/{campaign.pk}/change/",
        "numbers": [
            ("Failed", campaign.failed),
            ("Skipped", campaign.skipped),
            ("In doubt", campaign.unknown),
        ],
    }
    for address in runtime.get("app.notify_emails"):
        try:
            send_system_mail("campaign_status", address, context)
        except DomainError as fault:
            logger.warning("%s is not told about campaign %s: %s", address, campaign_id, fault.message)
