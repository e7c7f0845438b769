"""The hosted copy of a message: `/campaign/<campaign>/<subscriber>` (contract 4)."""

from collections import OrderedDict

from django.http import HttpRequest, HttpResponse

from listmonk_py.configuration import runtime
from listmonk_py.mail.letter import CompiledLetter, RenderError, compile_letter
from subscribers.models import Subscriber
from subscribers.public_pages import PageError, public, uuid_of

from .composing import compose
from .models import Campaign
from .recipients import recipient_of

# Pictures and styles may come from anywhere, as in a mail program; scripts and forms may not run.
POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation;"
    " default-src 'none'; img-src * data:; style-src * 'unsafe-inline'; font-src * data:"
)
KEPT_LETTERS = 8

_letters: "OrderedDict[tuple[int, ...], CompiledLetter]" = OrderedDict()


@public("GET", personal=True)
def message_page(request: HttpRequest, campaign: str, subscriber: str) -> HttpResponse:
    """What was sent to this person, in whatever status the campaign is."""
    campaign_uuid, subscriber_uuid = uuid_of(campaign), uuid_of(subscriber)
    found = Campaign.objects.filter(uuid=campaign_uuid).first()
    if found is None:
        raise PageError("page.nothing.title", "page.nothing.message", status=404)
    person = Subscriber.objects.filter(uuid=subscriber_uuid).first()
    if person is None:
        raise PageError("page.nothing.title", "page.nothing.person", status=404)
    try:
        parts = letter_of(found).parts(0, recipient_of(person))
    except RenderError as error:
        raise PageError("page.unreadable.title", error.message) from error
    response = message_response(parts.html, parts.text)
    response["X-Robots-Tag"] = "noindex"
    response["Cache-Control"] = "private, no-store"
    response["Referrer-Policy"] = "no-referrer"
    return response


def letter_of(campaign: Campaign) -> CompiledLetter:
    """The campaign's letter; the last few are kept, since a mailing's readers come together."""
    key = (campaign.pk, campaign.version, runtime.version())
    letter = _letters.pop(key, None) or compile_letter(compose(campaign, as_page=True))
    _letters[key] = letter
    while len(_letters) > KEPT_LETTERS:
        _letters.popitem(last=False)
    return letter


def message_response(html: str | None, text: str | None) -> HttpResponse:
    """A message as a page of its own; nothing in it can act on our site."""
    kind = "text/plain" if html is None else "text/html"
    response = HttpResponse(text if html is None else html, content_type=f"{kind}; charset=utf-8")
    response["Content-Security-Policy"] = POLICY
    return response
