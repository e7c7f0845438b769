"""From a campaign as staff wrote it to the sources that its letter is compiled from.

Everything here happens once per campaign version, not per recipient: Go expressions become Jinja,
Markdown and MJML become HTML, the template goes around it, styles move inline, links are registered and
rewritten. `composing` makes the letter of the result, `preview` shows it.
"""

from dataclasses import dataclass
from typing import Any

from listmonk_py.configuration import runtime
from listmonk_py.templating.content import has_content_place, inline_css, plain_text, to_html, wrap
from listmonk_py.templating.golang import to_jinja
from listmonk_py.templating.links import Register, Tracking, Urls, expand
from listmonk_py.templating.trial import TrialSource

from .models import Campaign, Template


@dataclass(frozen=True, slots=True)
class Sources:
    """What a letter is compiled from; every text is Jinja, with no Go and no URL functions left.

    Attributes:
        body: HTML, or text when `is_html` is False.
        altbody: the plain-text alternative, or None.
        headers: name and source of each custom header, in order.
    """

    subject: str
    body: str
    is_html: bool
    altbody: str | None
    headers: tuple[tuple[str, str], ...]

    def trial(self, *, with_headers: bool = False) -> list[TrialSource]:
        """Subject, body, the text part if there is one, and on demand the headers, to be rendered in a child."""
        parts = [
            TrialSource("subject", self.subject, html=False),
            TrialSource("campaign body", self.body, html=self.is_html),
        ]
        if self.altbody:
            parts.append(TrialSource("plain text", self.altbody, html=False))
        if with_headers:
            parts += [TrialSource(f"header {name}", value, html=False) for name, value in self.headers]
        return parts


def prepare(campaign: Campaign, *, urls: Urls, tracking: Tracking, register: Register) -> Sources:
    """
    Raises:
        TemplateError: something does not translate or compile, with the line.
        DomainError: a link cannot be registered.
    """
    is_html = campaign.content_type != Campaign.ContentType.PLAIN
    body = framed_body(campaign, is_html=is_html)
    altbody = alternative(campaign, body) if is_html else None

    def expanded(source: str, *, html: bool) -> str:
        return expand(to_jinja(source, html=html), urls=urls, tracking=tracking, register=register, html=html)

    return Sources(
        subject=expanded(campaign.subject, html=False),
        body=expanded(inline_css(body) if is_html else body, html=is_html),
        is_html=is_html,
        altbody=None if altbody is None else expanded(altbody, html=False),
        headers=tuple(
            (name, expanded(value, html=False)) for entry in campaign.headers for name, value in entry.items()
        ),
    )


def prepare_for_trial(campaign: Campaign) -> Sources:
    """`prepare` for looking at: no link is registered, and nothing in the result counts as an open or click.

    Raises:
        TemplateError: something does not translate or compile, with the line.
    """
    return prepare(
        campaign,
        urls=urls_of(campaign, preview=True),
        tracking=tracking_now(),
        register=lambda links: {},
    )


def framed_body(campaign: Campaign, *, is_html: bool) -> str:
    """The campaign's body inside its template. Without one, the default template's (contract 2.5)."""
    body = to_html(campaign.body, campaign.content_type)
    if campaign.content_type in (Campaign.ContentType.VISUAL, Campaign.ContentType.MJML):
        return body  # whole documents, which have no place inside another
    template = campaign.template or Template.objects.default()
    if template is None or not has_content_place(template.body):
        return body
    return wrap(body, template.body)


def alternative(campaign: Campaign, html: str) -> str | None:
    """The text part: what staff wrote, or made from the HTML where they asked for it."""
    if campaign.altbody:
        return campaign.altbody
    return plain_text(html) if campaign.auto_altbody else None


def tracking_now() -> Tracking:
    """How opens and clicks are tracked by the settings in force (contract 4.4)."""
    if runtime.get("privacy.disable_tracking"):
        return Tracking.DISABLED
    return Tracking.INDIVIDUAL if runtime.get("privacy.individual_tracking") else Tracking.ANONYMOUS


def urls_of(campaign: Campaign, *, preview: bool = False) -> Urls:
    return Urls(
        root=runtime.get("app.root_url"),
        campaign_uuid=str(campaign.uuid),
        preview=preview,
        logo_url=runtime.get("app.logo_url"),
    )


def constants_of(campaign: Campaign) -> dict[str, Any]:
    """`campaign` in templates (contract 6.2): the same in every copy."""
    return {
        "id": campaign.pk,
        "uuid": str(campaign.uuid),
        "name": campaign.name,
        "subject": campaign.subject,
        "from_email": campaign.from_email,
        "type": campaign.type,
        "status": campaign.status,
        "content_type": campaign.content_type,
        "tags": list(campaign.tags),
        "headers": list(campaign.headers),
        "attribs": campaign.attribs or {},
        "send_at": _iso(campaign.send_at),
        "started_at": _iso(campaign.started_at),
        "created_at": _iso(campaign.created_at),
        "updated_at": _iso(campaign.updated_at),
        "template_id": campaign.template_id,
        "messenger": campaign.messenger,
        "archive": campaign.archive,
        "archive_slug": campaign.archive_slug or "",
        "to_send": campaign.to_send,
        "sent": campaign.sent,
    }


def _iso(moment: Any) -> str | None:
    return moment.isoformat() if hasattr(moment, "isoformat") else None
