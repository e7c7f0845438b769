"""What staff and integrations ask of a campaign: schedule, start, pause, resume, cancel, retry (contract 2.1)."""

from typing import Any, Literal

from django.db import transaction
from django.db.models import Exists, F, OuterRef
from django.utils import timezone

from listmonk_py.api.errors import Conflict, DomainError
from listmonk_py.mail import messengers
from listmonk_py.mail.smtp_messenger import SmtpMessenger
from listmonk_py.templating.people import first_name, last_name
from listmonk_py.templating.preview import demo_subscriber
from listmonk_py.templating.trial import trial_render
from subscribers.models import Subscriber, Subscription

from . import preparing, segmenting
from .engine import closing, doorbell, ledger, planning
from .models import Campaign
from .status import IllegalTransition, Status

# From where a person may ask for which status; the engine may do more (`status.TRANSITIONS`).
ASKED_FROM: dict[Status, frozenset[Status]] = {
    Status.DRAFT: frozenset({Status.SCHEDULED}),
    Status.SCHEDULED: frozenset({Status.DRAFT, Status.PAUSED}),
    Status.RUNNING: frozenset({Status.DRAFT, Status.PAUSED}),
    Status.PAUSED: frozenset({Status.RUNNING}),
    Status.CANCELLED: frozenset({Status.RUNNING, Status.PAUSED}),
}
REFUSALS = {
    Status.DRAFT: "Only scheduled campaigns can be made drafts again.",
    Status.SCHEDULED: "Only drafts and paused campaigns can be scheduled.",
    Status.RUNNING: "Only paused campaigns and drafts can be started.",
    Status.PAUSED: "Only running campaigns can be paused.",
    Status.CANCELLED: "Only running and paused campaigns can be cancelled.",
    Status.FINISHED: "A campaign finishes by itself when everybody had their turn.",
}


def parse_status(text: object) -> Status:
    """
    Raises:
        DomainError: there is no such status.
    """
    try:
        return Status(str(text))
    except ValueError:
        known = ", ".join(status for status in Status if status != Status.FINISHED)
        raise DomainError(f"There is no campaign status {text!r}. Ask for one of: {known}.") from None


def change_status(campaign: Campaign, *, status: Status) -> Campaign:
    """Do what asking for `status` means, and return the campaign as it is stored then.

    Starting a campaign that has a `send_at` schedules it.

    Raises:
        IllegalTransition: it cannot go there from its status. Nothing was written.
        Conflict: it was changed elsewhere meanwhile.
        DomainError: it cannot be sent as it is, in words (`check_sendable`).
    """
    source = Status(campaign.status)
    if source not in ASKED_FROM.get(status, frozenset()):
        raise IllegalTransition(REFUSALS[status])
    match status:
        case Status.RUNNING if campaign.send_at is None:
            return start(campaign)
        case Status.RUNNING | Status.SCHEDULED:
            return _schedule(campaign)
        case Status.CANCELLED:
            return cancel(campaign)
    _move(campaign, source, status)
    campaign.refresh_from_db()
    return campaign


def _schedule(campaign: Campaign) -> Campaign:
    if campaign.send_at is None:
        raise DomainError("Campaign needs a date to be scheduled.")
    check_sendable(campaign)
    _move(campaign, Status(campaign.status), Status.SCHEDULED, status_reason="")
    campaign.refresh_from_db()
    if campaign.send_at and campaign.send_at <= timezone.now():
        doorbell.ring()
    return campaign


def start(campaign: Campaign) -> Campaign:
    """Start or resume now: freeze the audience and let the planning begin.

    Raises:
        DomainError: it cannot be sent as it is. Nothing was written.
        Conflict: its status was changed meanwhile.
    """
    check_sendable(campaign)
    with transaction.atomic():
        locked = Campaign.objects.select_for_update(no_key=True).get(pk=campaign.pk)
        if locked.status != campaign.status:
            raise Conflict("The campaign was changed elsewhere. Reload it and try again.")
        _begin(locked)
        transaction.on_commit(doorbell.ring, robust=True)
    locked.refresh_from_db()
    return locked


def _begin(locked: Campaign) -> None:
    """Make it run; the caller holds its row."""
    _move(locked, Status(locked.status), Status.RUNNING, run_errors=0, status_reason="", finished_at=None)
    planning.begin(locked, again=locked.started_at is not None)


def start_due() -> int:
    """Start the scheduled campaigns whose time has come; return how many. What cannot be sent is then paused."""
    due = Campaign.objects.filter(status=Status.SCHEDULED, send_at__lte=timezone.now())
    started = 0
    for campaign_id in due.values_list("pk", flat=True):
        with transaction.atomic():
            locked = due.select_for_update(skip_locked=True, no_key=True).filter(pk=campaign_id).first()
            if locked is not None:
                _begin(locked)
                started += 1
    return started


def cancel(campaign: Campaign) -> Campaign:
    """Cancel for good. Who is on the wire is still delivered; the scan closes what nobody holds."""
    with transaction.atomic():
        locked = Campaign.objects.select_for_update(no_key=True).get(pk=campaign.pk)
        _move(locked, Status(campaign.status), Status.CANCELLED, finished_at=timezone.now(), status_reason="")
        closing.finish_cancelled(locked)  # at once when no batch is left, else the scan comes to it
        transaction.on_commit(doorbell.ring, robust=True)
    locked.refresh_from_db()
    return locked


def _move(campaign: Campaign, source: Status, target: Status, **changes: object) -> None:
    if not Campaign.objects.move(campaign.pk, source, target, **changes):
        raise Conflict("The campaign was changed elsewhere. Reload it and try again.")


def retry_failed(campaign: Campaign) -> int:
    """Give everybody who failed another try; return how many. A finished campaign runs again.

    Called twice at once, the second finds nobody left.

    Raises:
        DomainError: the campaign never ran, or is cancelled; or nobody failed.
    """
    with transaction.atomic():
        locked = _lock_for_retry(campaign)
        count = ledger.queue_failed(locked)
        if not count:
            raise DomainError("Nobody is listed as failed, so there is nothing to retry.")
        Campaign.objects.filter(pk=locked.pk).update(
            failed=F("failed") - count, deferred=F("deferred") + count
        )
        _run_again(locked)
    return count


def resolve_unknown(campaign: Campaign, action: Literal["accept", "resend"]) -> int:
    """Take everybody in doubt as reached, or send to them once more; return how many.

    Raises:
        DomainError: the campaign never ran, or is cancelled and cannot send; or nobody is in doubt.
    """
    with transaction.atomic():
        locked = _lock_for_retry(campaign, sends=action == "resend")
        if action == "accept":
            count = ledger.accept_unknown(locked)
            changes = {"sent": F("sent") + count}
        else:
            count = ledger.queue_unknown(locked)
            changes = {"deferred": F("deferred") + count}
        if not count:
            raise DomainError("Nobody is in doubt, so there is nothing to resolve.")
        Campaign.objects.filter(pk=locked.pk).update(unknown=F("unknown") - count, **changes)
        if action == "resend":
            _run_again(locked)
    return count


def _lock_for_retry(campaign: Campaign, *, sends: bool = True) -> Campaign:
    locked = Campaign.objects.select_for_update(no_key=True).get(pk=campaign.pk)
    allowed = {Status.RUNNING, Status.PAUSED, Status.FINISHED} | (set() if sends else {Status.CANCELLED})
    if locked.status not in allowed:
        raise DomainError(f"A campaign that is {locked.status} cannot send to anybody again.")
    return locked


def _run_again(locked: Campaign) -> None:
    """Let a finished campaign run for its retry batches; a paused one stays paused until it is resumed."""
    if locked.status == Status.FINISHED:
        _move(locked, Status.FINISHED, Status.RUNNING, run_errors=0, status_reason="", finished_at=None)
    transaction.on_commit(doorbell.ring, robust=True)


def check_sendable(campaign: Campaign) -> None:
    """See before Start what would stop the campaign.

    Raises:
        DomainError: it has no list, its segment cannot be evaluated, its messenger is gone or has no server,
            or its content does not render; the message says what to do.
    """
    if not campaign.campaign_lists.filter(list__isnull=False).exists():
        raise DomainError("The campaign has no list. Choose at least one list to send it to.")
    segmenting.check(campaign)
    messenger = messengers.get(campaign.messenger)
    if isinstance(messenger, SmtpMessenger) and not messenger.candidates(campaign.from_email):
        raise DomainError("No SMTP server is enabled. Add or enable one under Settings, SMTP.")
    _check_content(campaign)


def _check_content(campaign: Campaign) -> None:
    parts = preparing.prepare_for_trial(campaign).trial(with_headers=True)
    context = {"subscriber": _somebody(campaign), "campaign": preparing.constants_of(campaign)}
    trial_render(parts, context, functions=("track_link",))


def _somebody(campaign: Campaign) -> dict[str, Any]:
    """One of the recipients, whose attributes the content counts on; a demo person when there is none yet."""
    lists = list(campaign.lists.values_list("pk", flat=True))
    members = Subscription.objects.filter(list_id__in=lists)
    if campaign.segment_id is None:
        first = members.order_by("list_id", "subscriber_id").values("subscriber_id")[:1]
        person = Subscriber.objects.filter(pk__in=first).first()
    else:
        is_member = Exists(members.filter(subscriber=OuterRef("pk")))
        person = segmenting.first_of(Subscriber.objects.filter(is_member), campaign)
    if person is None:
        return demo_subscriber()
    return {
        "id": person.pk,
        "uuid": str(person.uuid),
        "email": person.email,
        "name": person.name,
        "first_name": first_name(person.name),
        "last_name": last_name(person.name),
        "status": person.status,
        "attribs": person.attribs,
        "created_at": person.created_at,
        "updated_at": person.updated_at,
    }
