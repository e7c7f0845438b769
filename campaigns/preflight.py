"""What staff see before Start: who gets it, from whom, and everything that may be wrong with it."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Literal
from urllib.parse import urlsplit

from django.core.cache import cache
from django.db import OperationalError, connection, transaction
from django.db.models import Max

from listmonk_py.api.errors import DomainError
from listmonk_py.configuration import runtime
from listmonk_py.configuration.registry import FIELDS
from listmonk_py.mail import messengers
from listmonk_py.mail.smtp_messenger import SmtpMessenger
from subscribers.models import Subscriber
from subscribers.segments.rules import Rule

from . import letter_preview, lifecycle, segmenting
from .engine import planning
from .engine.audience import ROUGHLY, Audience
from .letter_preview import Shown
from .media.models import Media
from .models import Campaign
from .recipients import recipient_of

COUNT_TIMEOUT_MS = 3000
LAST_ID = 2**62
# Gmail cuts a message off behind this much HTML and hides what follows, the unsubscribe link included.
CLIPPED_BYTES = 102 * 1024
LONGEST_SUBJECT = 70
LARGE_ATTACHMENTS = 5_000_000
TESTED_FOR_S = 30 * 24 * 3600

Level = Literal["ok", "warning", "problem"]
Place = Literal["", "content", "lists", "smtp", "general", "messengers"]

# Merge tags of other systems, and of ours where nothing replaced them.
UNRENDERED = re.compile(
    r"\{\{.{0,60}|\*\|[A-Z_]+\|\*|%[A-Z]{3,}_?[A-Z]*%|\[\[.{1,40}?\]\]|\[(?:FNAME|FIRSTNAME)\]"
)

COUNT = f"""
    SELECT count(*)
      FROM ({ROUGHLY}) candidate
      JOIN subscribers_subscriber person ON person.id = candidate.subscriber_id
     WHERE person.status = 'enabled'{{segment}}
"""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. `place` names the page where a fault can be mended."""

    level: Level
    title: str
    text: str
    place: Place = ""


@dataclass(slots=True)
class Sheet:
    """Everything on the page before Start.

    Attributes:
        recipients: after all rules: lists, statuses, blocklist.
        is_exact: False when counting would have taken too long, and this is an estimate.
        segment: its name; only people in it get the campaign. Blank: everybody on the lists.
        servers: where the mail leaves, in words.
        shown: the letter as its first recipient would see it; None when it does not render.
    """

    recipients: int
    is_exact: bool
    segment: str
    lists: list[str]
    sender: str
    servers: str
    person: Subscriber | None
    shown: Shown | None = None
    checks: list[Check] = field(default_factory=list)
    was_tested: bool = False

    @property
    def may_start(self) -> bool:
        return not any(check.level == "problem" for check in self.checks)


def sheet(campaign: Campaign) -> Sheet:
    """Look at `campaign` as it is stored. Costs at most a few seconds, on any number of people."""
    recipients, is_exact = count_recipients(campaign)
    found = Sheet(
        recipients=recipients,
        is_exact=is_exact,
        segment=campaign.segment_name,
        lists=list(campaign.campaign_lists.filter(list__isnull=False).values_list("list_name", flat=True)),  # type: ignore[attr-defined]
        sender=campaign.from_email or runtime.get("app.from_email"),
        servers=servers_of(campaign),
        person=first_recipient(campaign),
        was_tested=cache.get(_tested_key(campaign)) is not None,
    )
    found.checks.append(_sendable(campaign))
    found.checks.append(_audience(found))
    try:
        person = recipient_of(found.person) if found.person else None
        found.shown = letter_preview.of_campaign(campaign, person=person)
    except DomainError as error:
        if found.checks[0].level == "ok":
            found.checks.append(Check("problem", "Content", error.message, "content"))
    found.checks += [_root_url(), _sender(found.sender)]
    if found.shown is not None:
        found.checks += [*_content(found.shown), _attachments(campaign)]
    found.checks.append(_tested(found.was_tested))
    return found


def note_tested(campaign: Campaign) -> None:
    """Remember that this version of the campaign was sent as a test."""
    cache.set(_tested_key(campaign), True, timeout=TESTED_FOR_S)


def _tested_key(campaign: Campaign) -> str:
    return f"campaign-tested:{campaign.pk}:{campaign.version}"


def count_recipients(campaign: Campaign) -> tuple[int, bool]:
    """How many people would get it now, and whether that is counted (True) or estimated."""
    audience = Audience.of(campaign)
    if not audience.list_ids:
        return 0, True
    try:
        segmenting.check(campaign)
    except DomainError:
        return 0, True  # `check_sendable` says why
    rule = segmenting.rule_of(campaign)
    counted = _counted(audience, rule)
    if counted is not None:
        return counted, True
    newest = Subscriber.objects.aggregate(newest=Max("pk"))["newest"] or 0
    everybody = _counted(audience, None) if rule is not None else None
    if rule is not None and everybody is not None:
        return round(everybody * planning.share(audience, newest, rule)), False
    return planning.estimate(audience, newest, rule=rule), False


def _counted(audience: Audience, rule: Rule | None) -> int | None:
    """How many qualify now; None when counting would take too long."""
    condition, values = segmenting.where(rule)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = {COUNT_TIMEOUT_MS}")
            parameters = {**audience.parameters, **values, "up_to": LAST_ID}
            cursor.execute(COUNT.format(segment=condition), parameters)
            return int(cursor.fetchone()[0])
    except OperationalError:
        return None


def first_recipient(campaign: Campaign) -> Subscriber | None:
    """Somebody who would get it, to show the letter as."""
    lists = campaign.campaign_lists.filter(list__isnull=False).values("list_id")  # type: ignore[attr-defined]
    people = Subscriber.objects.filter(status=Subscriber.Status.ENABLED, subscriptions__list_id__in=lists)
    return segmenting.first_of(people.exclude(subscriptions__status="unsubscribed"), campaign)


def servers_of(campaign: Campaign) -> str:
    """The messenger in words: its name and the hosts that its mail leaves through."""
    try:
        messenger = messengers.get(campaign.messenger)
    except DomainError:
        return f"{campaign.messenger} (there is no such messenger)"
    if not isinstance(messenger, SmtpMessenger):
        return campaign.messenger
    hosts = [server.host for server in messenger.candidates(campaign.from_email)]
    return f"{campaign.messenger}: {', '.join(hosts)}" if hosts else f"{campaign.messenger}: no server"


def _sendable(campaign: Campaign) -> Check:
    try:
        lifecycle.check_sendable(campaign)
    except DomainError as error:
        return Check("problem", "Ready to send", error.message, _place_of(error.message))
    return Check("ok", "Ready to send", "It has a list, a mail server, and content that renders.")


def _place_of(message: str) -> Place:
    words: tuple[tuple[str, Place], ...] = (
        ("SMTP", "smtp"),
        ("messenger", "messengers"),
        ("list", "lists"),
    )
    return next((place for word, place in words if word in message), "content")


def _audience(sheet: Sheet) -> Check:
    if not sheet.recipients:
        return Check(
            "warning",
            "Recipients",
            "Nobody would get it: the lists have no enabled people whose subscription qualifies"
            + (f", and who are in the segment “{sheet.segment}”." if sheet.segment else "."),
            "lists",
        )
    return Check("ok", "Recipients", f"{'' if sheet.is_exact else 'About '}{sheet.recipients:,} people.")


def _root_url() -> Check:
    url = runtime.get("app.root_url")
    host = urlsplit(url).hostname or ""
    if host in ("localhost", "127.0.0.1", "::1"):
        text = f"Links in the mail begin with {url}, which only works on this machine. Set the root URL."
        return Check("warning", "Address of links", text, "general")
    return Check("ok", "Address of links", f"Links begin with {url}.")


def _sender(sender: str) -> Check:
    if sender == FIELDS["app.from_email"].default:
        text = "The sender is the example address that a new installation has. Set your own."
        return Check("warning", "Sender", text, "general")
    return Check("ok", "Sender", sender)


def _content(shown: Shown) -> list[Check]:
    whole = f"{shown.subject}\n{shown.body}"
    checks = [_subject(shown.subject), _unsubscribe(whole), _fields(whole)]
    if shown.is_html:
        checks += [*_links(shown.body), _size(shown)]
    return checks


def _subject(subject: str) -> Check:
    if len(subject) > LONGEST_SUBJECT:
        text = f"{len(subject)} characters; phones show about 40, most programs {LONGEST_SUBJECT}."
        return Check("warning", "Subject", text, "content")
    return Check("ok", "Subject", f"{len(subject)} characters.")


def _unsubscribe(text: str) -> Check:
    if "/subscription/" in text:
        return Check("ok", "Unsubscribe link", "There is one in the message.")
    header = (
        " Mail programs still show their own button." if runtime.get("privacy.unsubscribe_header") else ""
    )
    return Check(
        "warning",
        "Unsubscribe link",
        f"None in the message. Add {{{{ UnsubscribeURL }}}} to it or to its template.{header}",
        "content",
    )


def _fields(text: str) -> Check:
    found = UNRENDERED.findall(text)
    if found:
        return Check("warning", "Fields", f"Not filled in: {', '.join(sorted(set(found))[:5])}", "content")
    return Check("ok", "Fields", "All are filled in.")


class _References(HTMLParser):
    """Collects link targets, and pictures without a text for those who do not see them."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.images_without_alt = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "a" and "href" in given:
            self.links.append((given["href"] or "").strip())
        # The tracking pixel is for nobody's eyes.
        if tag == "img" and given.get("alt") is None and not (given.get("src") or "").endswith("px.png"):
            self.images_without_alt += 1


def _links(html: str) -> list[Check]:
    seen = _References()
    seen.feed(html)
    bad = sorted({link for link in seen.links if not _leads_somewhere(link)})
    if bad:
        shown = ", ".join(repr(link) for link in bad[:5])
        links = Check("warning", "Links", f"Lead nowhere: {shown}. Write complete addresses.", "content")
    else:
        links = Check("ok", "Links", f"{len(seen.links)}, all complete.")
    if not seen.images_without_alt:
        return [links]
    text = f"{seen.images_without_alt} without an alternative text, for those who do not see pictures."
    return [links, Check("warning", "Pictures", text, "content")]


def _leads_somewhere(link: str) -> bool:
    if link.startswith(("mailto:", "tel:", "sms:", "#")) and len(link) > 1:
        return True
    return link.startswith(("http://", "https://")) and "." in (urlsplit(link).netloc or "localhost.")


def _size(shown: Shown) -> Check:
    size = len(shown.body.encode())
    if size > CLIPPED_BYTES:
        text = (
            f"{size // 1024} kB of HTML. Gmail shows the first {CLIPPED_BYTES // 1024} kB and hides the rest."
        )
        return Check("warning", "Size", text, "content")
    return Check("ok", "Size", f"{max(1, size // 1024)} kB of HTML.")


def _attachments(campaign: Campaign) -> Check:
    sizes = Media.objects.filter(campaign_media__campaign=campaign).values_list("size_bytes", flat=True)
    total = sum(sizes)
    if total > LARGE_ATTACHMENTS:
        text = f"{total / 1e6:.1f} MB for every recipient. A link to the file reaches more people."
        return Check("warning", "Attachments", text, "content")
    return Check("ok", "Attachments", f"{len(sizes)}." if sizes else "None.")


def _tested(was_tested: bool) -> Check:
    if was_tested:
        return Check("ok", "Test", "This version was sent as a test.")
    return Check("warning", "Test", "This version has not been sent as a test yet.", "content")
