"""A campaign as the letter that is compiled from it (contract 5.6)."""

from dataclasses import replace
from urllib.parse import urlsplit

from campaigns.media import storage
from campaigns.media.models import Media
from listmonk_py.configuration import runtime, template_texts
from listmonk_py.mail.letter_spec import LetterSpec
from listmonk_py.mail.outgoing import Attachment
from listmonk_py.mail.signing import signer_of
from listmonk_py.templating.images import embed_images
from listmonk_py.templating.links import link_function
from tracking import links

from . import preparing
from .models import Campaign


def compose(campaign: Campaign, *, message_id_suffix: str = "", as_page: bool = False) -> LetterSpec:
    """The letter of `campaign`: everything that is the same for all recipients, attachments read.

    Registers the tracked links. Costs milliseconds; keep the compiled letter.

    Args:
        message_id_suffix: keeps copies apart that are not the campaign's own, such as test sends.
        as_page: for reading in a browser: no files, and pictures keep their addresses.

    Raises:
        TemplateError: a source does not compile, with the line.
        DomainError: a link or a DKIM key cannot be used.
        OSError: a file cannot be read.
    """
    urls, tracking = preparing.urls_of(campaign), preparing.tracking_now()
    sources = preparing.prepare(campaign, urls=urls, tracking=tracking, register=links.register)
    attachments = [] if as_page else _attachments(campaign)
    if sources.is_html and not as_page:
        body, images = _inline_images(sources.body)
        sources = replace(sources, body=body)
        attachments += images
    from_email = campaign.from_email or runtime.get("app.from_email")
    root_url = urls.base
    return LetterSpec(
        from_email=from_email,
        subject=sources.subject,
        body=sources.body,
        content_type="html" if sources.is_html else "plain",
        altbody=sources.altbody,
        headers=sources.headers,
        attachments=attachments,
        constants={"campaign": preparing.constants_of(campaign)},
        functions={
            **template_texts.functions(),
            "track_link": link_function(urls, tracking, links.register),
        },
        campaign_uuid=str(campaign.uuid),
        message_id_suffix=message_id_suffix,
        list_id=_list_id(campaign, root_url),
        feedback_id=_feedback_id(campaign, root_url),
        unsubscribe=runtime.get("privacy.unsubscribe_header"),
        root_url=root_url,
        signer=signer_of(from_email),
    )


def _attachments(campaign: Campaign) -> list[Attachment]:
    files = Media.objects.filter(campaign_media__campaign=campaign).order_by("campaign_media__pk")
    return [
        Attachment(one.filename, storage.read(one.filename, one.provider), one.content_type) for one in files
    ]


def _inline_images(html: str) -> tuple[str, list[Attachment]]:
    """The body with its `data-embed` images pointing at parts, and those parts. Unknown files stay URLs."""

    def exists(name: str) -> bool:
        return Media.objects.filter(filename=name).exists()

    html, found = embed_images(html, exists)
    in_force = storage.provider()
    rows = Media.objects.filter(filename__in=list(found))
    media = {one.filename: one for one in sorted(rows, key=lambda one: one.provider == in_force)}
    images = [
        Attachment(
            name, storage.read(name, media[name].provider), media[name].content_type, inline_id=inline_id
        )
        for name, inline_id in found.items()
    ]
    return html, images


def _list_id(campaign: Campaign, root_url: str) -> str:
    """RFC 2919: names one list, so a campaign to several has none."""
    found = list(campaign.lists.all()[:2])
    host = urlsplit(root_url).hostname or ""
    if len(found) != 1 or "." not in host:
        return ""
    return f"{found[0].name} <{found[0].uuid}.{host}>"


def _feedback_id(campaign: Campaign, root_url: str) -> str:
    """What Gmail's postmaster tools count complaints by: campaign, kind, and the sender at the end."""
    host = urlsplit(root_url).hostname or "localhost"
    return f"{campaign.uuid}:{campaign.type}:campaign:{host}"
