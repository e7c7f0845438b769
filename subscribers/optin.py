"""Asking people to confirm their subscriptions to double opt-in lists (contract 5.10)."""

import logging
from collections.abc import Collection
from typing import Any

from . import consent
from .models import Subscriber

logger = logging.getLogger(__name__)


def send(person: Subscriber, list_ids: Collection[int] | None = None) -> int:
    """Mail `person` a link to confirm the pending ones of `list_ids` (None: of all lists).

    Returns how many lists were pending; 0 sends nothing. Whether such mails are wanted at all
    (app.send_optin_confirmation) is the caller's question: staff may always ask.
    """
    pending = consent.pending_optins(person, list_ids)
    if not pending:
        return 0
    mail: Any = getattr(consent, "send_optin", None)
    if mail is None:
        logger.warning("No opt-in mail went to subscriber %s: sending it is not set up.", person.pk)
        return len(pending)
    mail(person, [one.pk for one in pending])
    return len(pending)
