"""Mails that the product itself writes: opt-in confirmations, data exports, reports to staff.

Rendered from templates/mail and stored in the caller's transaction, then sent through messenger "email"
on the transactional lane: no page waits for a mail server, and none of these mails is lost. A mail in
doubt after a crash is sent again; to get one twice does no harm.
"""

import base64
import html
import logging
import random
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone
from kombu.exceptions import OperationalError

from listmonk_py.celery import app
from listmonk_py.configuration import languages, runtime
from listmonk_py.templating.content import inline_css, plain_text

from . import messengers
from .addresses import normalise_email
from .letter import CompiledLetter, LetterSpec, RenderError, compile_letter
from .models import SystemMail
from .outgoing import Attachment, Outcome, Result
from .signing import signer_of

logger = logging.getLogger(__name__)

TASK = "listmonk_py.mail.tasks.send_system_mails"
ROWS = 20
LEASE = timedelta(seconds=120)
WAIT_S = 60
MAX_ATTEMPTS = 8
# Against servers that are away no attempt is counted; after this long, nobody waits for the mail.
GIVE_UP_AFTER = timedelta(days=2)
FIRST_RETRY_S, LONGEST_RETRY_S = 30, 3600
KEEP = timedelta(days=30)
TITLE = re.compile(r"<title>(.*?)</title>", re.DOTALL | re.IGNORECASE)

Status = SystemMail.Status


def send_system_mail(
    template: str,
    to: str,
    context: Mapping[str, Any],
    *,
    language: str = languages.DEFAULT,
    headers: Sequence[tuple[str, str]] = (),
    attachments: Sequence[Attachment] = (),
) -> SystemMail:
    """Store templates/mail/<template>.html, rendered, as a mail to `to`; it leaves after the commit.

    The template's <title> is the subject. Its text alternative is made from the HTML.

    Args:
        language: of the texts; mails to staff are English.
        headers: more header fields; values are taken literally.

    Raises:
        InvalidEmail: `to` is no address.
    """
    site = {"site_name": runtime.get("app.site_name"), "root_url": root_url()}
    body = render_to_string(f"mail/{template}.html", {**site, "language": language, **context})
    title = TITLE.search(body)
    mail = SystemMail.objects.create(
        template=template,
        to=normalise_email(to),
        subject=" ".join(html.unescape(title[1]).split()) if title else site["site_name"],
        html=inline_css(body),
        headers=[[name, value] for name, value in headers],
        attachments=[
            [one.name, one.content_type, base64.b64encode(one.content).decode()] for one in attachments
        ],
    )
    transaction.on_commit(ring)
    return mail


def root_url() -> str:
    """The base of links in mails, without a slash at its end."""
    return str(runtime.get("app.root_url")).rstrip("/")


def ring() -> None:
    """Queue one run of `send_due`; while Redis is away the next beat does it."""
    try:
        app.send_task(TASK, queue="transactional", ignore_result=True)
    except OperationalError as error:
        logger.warning("System mail waits for the next beat: the queue does not answer (%s).", error)


def send_due() -> int:
    """Send what is due; return how many left. Two callers at once never send the same mail."""
    sent = 0
    while claimed := _claim():
        sent += sum(_send(mail) for mail in claimed)
    return sent


def forget_old() -> int:
    """Delete rows of mails that ended long ago."""
    ended = SystemMail.objects.exclude(status=Status.WAITING)
    return ended.filter(created_at__lt=timezone.now() - KEEP).delete()[0]


@transaction.atomic
def _claim() -> list[SystemMail]:
    due = SystemMail.objects.filter(status=Status.WAITING, next_at__lte=timezone.now())
    claimed = list(due.order_by("next_at").select_for_update(skip_locked=True)[:ROWS])
    lease = timezone.now() + LEASE
    SystemMail.objects.filter(pk__in=[mail.pk for mail in claimed]).update(next_at=lease)
    return claimed


def _send(mail: SystemMail) -> bool:
    try:
        messenger = messengers.get()
        letter = compile_letter(_spec(mail))
        outgoing: Any = _written(mail, letter, wire=messenger.wants == "wire")
    except Exception as error:  # a mail that cannot be written must not stop the others
        logger.exception("The mail %s to %s cannot be written", mail.template, mail.to)
        return _settle(mail, Result(mail.pk, Outcome.FAILED, 0, "", str(error), ""))
    transmission = messenger.open("transactional", runtime.get("app.from_email"))
    try:
        transmission.send([outgoing])
        results = transmission.wait(WAIT_S)
    finally:
        transmission.close(5.0)
    results = results or transmission.wait(0)
    if not results:
        return _settle(mail, Result(mail.pk, Outcome.SERVER, 0, "", "The mail server does not answer.", ""))
    return _settle(mail, results[0])


def _written(mail: SystemMail, letter: CompiledLetter, *, wire: bool) -> Any:
    recipient = {
        "id": 0,
        # The letter itself writes this field, from the recipient.
        "uuid": dict(mail.headers).get("X-Listmonk-Subscriber", ""),
        "email": mail.to,
        "name": "",
        "first_name": "",
        "last_name": "",
        "status": "",
        "attribs": {},
        "created_at": "",
        "updated_at": "",
    }
    extra = {"mail": {"subject": mail.subject, "html": mail.html, "text": plain_text(mail.html)}}
    for number, (_, value) in enumerate(mail.headers):
        extra["mail"][f"header{number}"] = value
    write = letter.wire if wire else letter.parts
    try:
        return write(mail.pk, recipient, extra, message_id=mail.uuid.hex)
    except RenderError as error:
        raise ValueError(error.message) from error


def _spec(mail: SystemMail) -> LetterSpec:
    """Texts enter as data, so that nothing in them is taken for template syntax."""
    return LetterSpec(
        from_email=runtime.get("app.from_email"),
        subject="{{ mail.subject }}",
        body="{{ mail.html|safe }}",
        altbody="{{ mail.text }}",
        headers=tuple((name, f"{{{{ mail.header{n} }}}}") for n, (name, _) in enumerate(mail.headers)),
        attachments=tuple(
            Attachment(name, base64.b64decode(content), content_type)
            for name, content_type, content in mail.attachments
        ),
        extra_names=("mail",),
        auto_submitted="auto-generated",
        root_url=root_url(),
        signer=signer_of(runtime.get("app.from_email")),
    )


def _settle(mail: SystemMail, result: Result) -> bool:
    """Write down what became of a mail; True when it is out."""
    row = SystemMail.objects.filter(pk=mail.pk)
    if result.outcome == Outcome.ACCEPTED:
        row.update(status=Status.SENT, html="", attachments=[], error="", attempts=mail.attempts + 1)
        return True
    attempts = mail.attempts + (result.outcome != Outcome.SERVER)
    given_up = timezone.now() - mail.created_at > GIVE_UP_AFTER or attempts >= MAX_ATTEMPTS
    if result.outcome == Outcome.FAILED or given_up:
        logger.error("The mail %s to %s failed: %s", mail.template, mail.to, result.text)
        row.update(status=Status.FAILED, html="", attachments=[], error=result.text, attempts=attempts)
        return False
    pause_s = min(FIRST_RETRY_S * 2**attempts, LONGEST_RETRY_S) * random.uniform(0.8, 1.2)
    later = timezone.now() + timedelta(seconds=pause_s)
    row.update(next_at=later, error=result.text, attempts=attempts)
    return False
