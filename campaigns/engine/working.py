"""A sender process's share of the work: lease one batch, send, give back."""

import logging

from django.db import InterfaceError, OperationalError, transaction
from redis.exceptions import RedisError

from campaigns.models import Campaign
from campaigns.status import Status
from listmonk_py.api.errors import DomainError
from listmonk_py.mail.pacing import Pacer

from . import doorbell, heartbeats, jobs, leases, notifying, server_faults, stopping
from .leases import Lease
from .redis_client import client
from .sending import Sender

logger = logging.getLogger(__name__)

# How long a transmission may take to let go of what is still pending at its end; normally nothing is.
CLOSE_S = 5.0


def send_batch(batch_id: int) -> None:
    """Send this batch, and further ones of its campaign, for about two seconds.

    Called twice, the second finds the batch leased and leaves. If the process dies, the lease expires and
    the scan offers the batch again; see `checkpoint` for what is then known of each recipient.
    """
    if stopping.asked():
        return
    lease = leases.claim(batch_id)
    if lease is None:
        return
    heartbeats.working()
    try:
        _work(lease)
    finally:
        heartbeats.idle()
    doorbell.ring()


def _work(lease: Lease) -> None:
    try:
        job = jobs.prepare(lease.campaign_id)
    except Campaign.DoesNotExist:
        return
    except (DomainError, OSError) as fault:
        _pause(lease, f"The campaign cannot be sent: {getattr(fault, 'message', fault)}")
        return
    except (OperationalError, InterfaceError, RedisError):
        raise  # a server behind us is away: the lease expires, and the batch is offered again
    except Exception as fault:
        # Trying again would end the same way for ever, and nobody would hear of it.
        logger.exception("Campaign %s cannot be prepared", lease.campaign_id)
        _pause(lease, f"The campaign cannot be sent: an unexpected {type(fault).__name__}; it is in the log.")
        return
    transmission = job.messenger.open("campaign", job.from_email)
    sender = Sender(job, transmission, Pacer(client()), stopping=stopping.asked)
    try:
        sender.run(lease)
    finally:
        transmission.close(CLOSE_S)
    _note_servers(lease.campaign_id, sender)


def _pause(lease: Lease, reason: str) -> None:
    logger.error("Campaign %s is paused: %s", lease.campaign_id, reason)
    leases.release(lease)
    with transaction.atomic():
        if Campaign.objects.move(lease.campaign_id, Status.RUNNING, Status.PAUSED, status_reason=reason):
            notifying.tell_staff(lease.campaign_id)


def _note_servers(campaign_id: int, sender: Sender) -> None:
    """Remember since when no server could be used; the scan pauses the campaign after too long."""
    try:
        if sender.answered_any:
            server_faults.clear(campaign_id)
        elif sender.transmission.fault:
            server_faults.note(campaign_id, sender.transmission.fault)
    except OperationalError as fault:
        logger.warning("PostgreSQL does not answer: %s", fault)
