"""Who looks into a mailbox: one at a time, in the whole deployment, by a lease in PostgreSQL.

Session locks would not pass a pooler in transaction mode, and a killed scanner would keep none anyway. Should
two look at once after all (a lease ran out while a server was slow), they record the same events, which count once.
"""

import uuid
from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.db.models.functions import Now

from bounces.models import MailboxScan

LEASE = timedelta(minutes=5)


class LeaseLost(Exception):
    """Somebody else looks into the mailbox now."""


def take(mailbox: uuid.UUID) -> uuid.UUID | None:
    """The token of a new lease; None while somebody has one."""
    MailboxScan.objects.get_or_create(mailbox=mailbox)
    token = uuid.uuid4()
    free = MailboxScan.objects.filter(Q(lease_until=None) | Q(lease_until__lte=Now()), mailbox=mailbox)
    taken = free.update(token=token, lease_until=Now() + LEASE, started_at=Now())
    return token if taken else None


def renew(mailbox: uuid.UUID, token: uuid.UUID, **progress: Any) -> None:
    """Write the progress and go on.

    Raises:
        LeaseLost: see there.
    """
    held = MailboxScan.objects.filter(mailbox=mailbox, token=token)
    if not held.update(lease_until=Now() + LEASE, **progress):
        raise LeaseLost


def give_back(mailbox: uuid.UUID, token: uuid.UUID, **result: Any) -> None:
    """Write the result and let others look; nothing when the lease was lost."""
    held = MailboxScan.objects.filter(mailbox=mailbox, token=token)
    held.update(token=None, lease_until=None, finished_at=Now(), **result)
