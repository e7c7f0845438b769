"""Sending transactional mail: lease, render, send, settle. A lane of its own, ahead of every campaign.

When it runs twice: a row has one lease, so it is sent by one. When the worker dies: rows that are
`sending` with an expired lease are in doubt; they are sent once more, flagged `possible_duplicate`, and
in doubt a second time they end as `unknown`.
"""

import logging
import random
import uuid
from datetime import timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from campaigns.engine import stopping
from campaigns.engine.redis_client import client
from campaigns.models import Template
from campaigns.recipients import recipient_of
from listmonk_py.api.errors import DomainError
from listmonk_py.configuration import runtime
from listmonk_py.configuration.durations import parse_duration
from listmonk_py.mail import messengers
from listmonk_py.mail.allowances import send_within
from listmonk_py.mail.letter import RenderError
from listmonk_py.mail.outgoing import Outcome, Outgoing, Parts, Result, Transmission
from listmonk_py.mail.pacing import Pacer, PacerUnavailable
from subscribers.models import Subscriber

from . import letters
from .models import TxAttachment, TxMessage

logger = logging.getLogger(__name__)

ROWS = 50
LEASE_S = 120
SERVER_RETRY_S = 15
WAIT_S = 90
# A window's next place may be hours away, but limits change: look once a minute.
LONGEST_PACED_S = 60.0
Status = TxMessage.Status

# Why SQL: claiming, and telling the doubtful from the fresh, is one statement. FOR UPDATE SKIP LOCKED
# lets any number of workers claim without waiting for each other.
CLAIM = """
    WITH due AS (
        SELECT id, status AS before
          FROM transactional_txmessage
         WHERE (status IN ('queued', 'deferred') AND next_at <= clock_timestamp())
            OR (status = 'sending' AND lease_until < clock_timestamp())
         ORDER BY next_at
         LIMIT %(rows)s
           FOR UPDATE SKIP LOCKED
    )
    UPDATE transactional_txmessage m
       SET status             = CASE WHEN due.before = 'sending' AND m.possible_duplicate
                                     THEN 'unknown' ELSE 'sending' END,
           text               = CASE WHEN due.before = 'sending' AND m.possible_duplicate
                                     THEN 'In doubt twice: a worker died while sending it.' ELSE m.text END,
           possible_duplicate = m.possible_duplicate OR due.before = 'sending',
           token              = %(token)s,
           lease_until        = clock_timestamp() + make_interval(secs => %(lease_s)s),
           updated_at         = clock_timestamp()
      FROM due
     WHERE m.id = due.id
    RETURNING m.id, m.status
"""


def send_due() -> int:
    """Send what is due now; return how many messages were settled or put off."""
    total = 0
    while not stopping.asked():
        claimed = claim()
        if not claimed:
            break
        total += len(claimed)
        send(claimed)
    return total


def claim() -> list[TxMessage]:
    """Lease up to 50 messages that are due, oldest first."""
    token = uuid.uuid4()
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, {"rows": ROWS, "token": token, "lease_s": LEASE_S})
        mine = [pk for pk, status in cursor.fetchall() if status == Status.SENDING]
    return list(TxMessage.objects.filter(pk__in=mine, token=token).select_related("template", "subscriber"))


def send(claimed: list[TxMessage]) -> None:
    """Render and send leased messages, each settled by its token."""
    by_messenger: dict[str, list[TxMessage]] = {}
    for message in claimed:
        by_messenger.setdefault(message.messenger, []).append(message)
    for name, messages in by_messenger.items():
        try:
            messenger = messengers.get(name)
        except DomainError as error:
            for message in messages:
                settle(message, Status.FAILED, text=error.message)
            continue
        _send_through(messenger, messages)


def _send_through(messenger: Any, messages: list[TxMessage]) -> None:
    waiting: dict[int, TxMessage] = {}
    by_sender: dict[str, list[Outgoing | Parts]] = {}
    for message in messages:
        rendered = _rendered(message, wire=messenger.wants == "wire")
        if rendered is not None:
            waiting[message.pk] = message
            by_sender.setdefault(message.payload["from_email"], []).append(rendered)
    for from_email, outgoing in by_sender.items():
        transmission = messenger.open("transactional", from_email)
        try:
            keys = _hand_over(transmission, outgoing, waiting)
            deadline = timezone.now() + timedelta(seconds=WAIT_S)
            while keys and timezone.now() < deadline:
                for result in transmission.wait(1.0):
                    keys.discard(result.key)
                    take(waiting.pop(result.key), result)
        finally:
            transmission.close(5.0)
    # No answer within the lease: they stay `sending`, and the next holder treats them as in doubt.


def _hand_over(
    transmission: Transmission, outgoing: list[Outgoing | Parts], waiting: dict[int, TxMessage]
) -> set[int]:
    """Send what the servers' own limits allow now and put the others off; returns the keys that are out."""
    try:
        sent, wait_s = send_within(transmission, outgoing, Pacer(client()))
        reason = "The server's own limit is reached."
    except PacerUnavailable as fault:
        sent, wait_s, reason = transmission.pending, SERVER_RETRY_S, str(fault)
    for item in outgoing[sent:]:
        wait = timedelta(seconds=min(max(wait_s, 0.2), LONGEST_PACED_S))
        _put_off(waiting.pop(item.key), wait, attempt=False, code=0, text=reason)
    return {item.key for item in outgoing[:sent]}


def _rendered(message: TxMessage, *, wire: bool) -> "Outgoing | Parts | None":
    """The message to hand over; None when it cannot be written, which settles it as failed."""
    # Without a subscriber, only the address is known.
    recipient = recipient_of(message.subscriber or Subscriber(email=message.email))
    extra = {"tx": tx_of(message)}
    try:
        letter = letters.letter_for(message)
        write = letter.wire if wire else letter.parts
        return write(message.pk, recipient, extra, message_id=message.uuid.hex)
    except RenderError as error:
        settle(message, Status.FAILED, text=f"It could not be rendered: {error.message}")
    except DomainError as error:
        settle(message, Status.FAILED, text=error.message)
    except Template.DoesNotExist as error:
        settle(message, Status.FAILED, text=str(error))
    return None


def tx_of(message: TxMessage) -> dict[str, Any]:
    """`.Tx` in templates (contract 6.2), for this recipient alone."""
    payload = message.payload
    return {
        "data": payload["data"],
        "subject": payload["subject"],
        "from_email": payload["from_email"],
        "subscriber_emails": [message.email],
        "subscriber_ids": [message.subscriber_id] if message.subscriber_id else [],
        "template_id": message.template_id,
        "headers": payload["headers"],
        "content_type": payload["content_type"],
        "messenger": message.messenger,
        "altbody": payload["altbody"],
    }


def take(message: TxMessage, result: Result) -> None:
    """Settle a message by what its server said."""
    said: dict[str, Any] = {"code": result.code, "text": result.text}
    match result.outcome:
        case Outcome.ACCEPTED:
            settle(message, Status.SENT, **said)
        case Outcome.FAILED:
            settle(message, Status.FAILED, **said)
        case Outcome.SERVER:
            _put_off(message, timedelta(seconds=SERVER_RETRY_S), attempt=False, **said)
        case Outcome.DEFERRED:
            _put_off(message, _back_off(message.attempts), attempt=True, **said)
        case Outcome.UNKNOWN if message.possible_duplicate:
            settle(message, Status.UNKNOWN, **said)
        case Outcome.UNKNOWN:
            message.possible_duplicate = True
            TxMessage.objects.filter(pk=message.pk).update(possible_duplicate=True)
            _put_off(message, timedelta(0), attempt=False, **said)


def _back_off(attempts: int) -> timedelta:
    """Exponential with jitter, so that retries of one outage do not come back together."""
    base = parse_duration(runtime.get("engine.retry_base")).total_seconds()
    return timedelta(seconds=min(base * 2**attempts, 4 * 3600) * random.uniform(0.75, 1.25))


def _put_off(message: TxMessage, wait: timedelta, *, attempt: bool, code: int, text: str) -> None:
    attempts = message.attempts + attempt
    total = parse_duration(runtime.get("engine.retry_total"))
    too_late = timezone.now() + wait > message.created_at + total
    if attempts >= runtime.get("engine.max_attempts") or too_late:
        settle(message, Status.FAILED, code=code, text=text, attempts=attempts)
        return
    settle(message, Status.DEFERRED, code=code, text=text, attempts=attempts, next_at=timezone.now() + wait)


def settle(message: TxMessage, status: str, *, code: int = 0, text: str = "", **changes: Any) -> None:
    """Write the outcome, unless the lease has passed to somebody else; files go with their last message."""
    text = text.replace("\0", "")[:1000]
    rows = TxMessage.objects.filter(pk=message.pk, token=message.token, status=Status.SENDING)
    if not rows.update(status=status, code=code, text=text, updated_at=timezone.now(), token=None, **changes):
        logger.warning("The lease on transactional message %s had passed on.", message.pk)
        return
    open_ones = TxMessage.objects.filter(
        request=message.request, status__in=(Status.QUEUED, Status.SENDING, Status.DEFERRED)
    )
    if not open_ones.exists():
        TxAttachment.objects.filter(request=message.request).delete()
