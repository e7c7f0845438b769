"""The pages behind every mail's unsubscribe link: leaving, preferences, one's own data (contract 4.2).

GET never changes anything. POST works without cookies and without a CSRF token, as RFC 8058 asks for:
who knows the UUID got the mail.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from listmonk_py.configuration import languages, runtime
from listmonk_py.configuration.public_page import message, page, speak
from subscribers import consent
from subscribers.models import List, Subscriber, Subscription
from subscribers.public_pages import PageError, masked, public, shown, subscriber_of, uuid_of
from subscribers.reader_language import language_of

from . import data_mail
from .models import Campaign, CampaignList


@public("GET", "POST", personal=True)
def subscription(request: HttpRequest, campaign: str, subscriber: str) -> HttpResponse:
    """Unsubscribe from the lists a mail went to; with `manage=true`, choose what to get."""
    campaign_uuid = uuid_of(campaign)
    person = subscriber_of(request, subscriber)
    if request.method == "POST":
        return _change(request, person, campaign_uuid)
    if person.status == Subscriber.Status.BLOCKLISTED:
        return _already_blocklisted(request, person)
    if request.GET.get("manage") == "true" and runtime.get("privacy.allow_preferences"):
        return preferences(request, person)
    context = {"lists": shown(request, active(person, lists_of(request, person, campaign_uuid)))}
    return page(request, "subscription", {**_common(person), **context}, personal=True)


def _change(request: HttpRequest, person: Subscriber, campaign_uuid: UUID) -> HttpResponse:
    """Do what was posted; a one-click POST (RFC 8058 section 3.2) says nothing but that."""
    fields = request.POST
    wants_blocklist = fields.get("blocklist") == "true" and runtime.get("privacy.allow_blocklist")
    if person.status == Subscriber.Status.BLOCKLISTED:
        return _already_blocklisted(request, person)
    if wants_blocklist:
        consent.blocklist([person.pk])
        context = {"lists": [], "blocklisted": True}
        return page(request, "unsubscribed", {**_common(person), **context}, personal=True)
    if fields.get("undo") == "true":
        return _undo(request, person)
    if fields.get("manage") == "true":
        return save_preferences(request, person)
    lists = active(person, lists_of(request, person, campaign_uuid))
    consent.unsubscribe([person.pk], [one.pk for one in lists])
    return page(request, "unsubscribed", {**_common(person), "lists": shown(request, lists)}, personal=True)


def _undo(request: HttpRequest, person: Subscriber) -> HttpResponse:
    asked = [uuid_of(text) for text in request.POST.getlist("l")]
    lists = List.objects.filter(uuid__in=asked, status=List.Status.ACTIVE)
    consent.resubscribe(person, [one.pk for one in lists], ip=request.META.get("REMOTE_ADDR"))
    return message(request, "page.again.title", "page.again.text", personal=True)


def lists_of(request: HttpRequest, person: Subscriber, campaign_uuid: UUID) -> Sequence[int]:
    """Ids of the lists that the mail was about.

    A campaign's mail: the campaign's lists. An opt-in mail (no campaign): those its link names, else
    those that wait for a confirmation. When nothing tells (the campaign is deleted), every list: who
    asks to leave must not be kept by a detail of ours.
    """
    campaign = Campaign.objects.filter(uuid=campaign_uuid).only("pk").first()
    if campaign is not None:
        named = CampaignList.objects.filter(campaign=campaign, list__isnull=False)
        return list(named.values_list("list_id", flat=True))
    mine = Subscription.objects.filter(subscriber_id=person.pk)
    if asked := [uuid_of(text) for text in request.GET.getlist("l")]:
        return list(mine.filter(list__uuid__in=asked).values_list("list_id", flat=True))
    waiting = mine.filter(status=Subscription.Status.UNCONFIRMED)
    if str(campaign_uuid) == consent.NO_CAMPAIGN and waiting.exists():
        mine = waiting
    return list(mine.values_list("list_id", flat=True))


def active(person: Subscriber, list_ids: Sequence[int]) -> list[List]:
    """Those of the lists that the person is on and has not left."""
    return list(
        List.objects.filter(
            pk__in=list_ids,
            subscriptions__in=Subscription.objects.active().filter(subscriber_id=person.pk),
        ).order_by("name", "pk")
    )


def preferences(
    request: HttpRequest, person: Subscriber, *, error: str = "", status: int = 200
) -> HttpResponse:
    """The public lists the person is on, and those they have left, to come back; the name, the language.

    Args:
        error: the key of a text.
    """
    mine = Subscription.objects.filter(subscriber_id=person.pk).select_related("list").order_by("list__name")
    lists: list[dict[str, Any]] = [
        {
            "uuid": row.list.uuid,
            "name": row.list.name,
            "description": row.list.description,
            "is_on": row.status != Subscription.Status.UNSUBSCRIBED,
        }
        for row in mine.filter(list__type=List.Type.PUBLIC, list__status=List.Status.ACTIVE)
    ]
    context = {
        "lists": lists,
        "name": person.name,
        "error": error,
        "languages": [(one["code"], one["name"].rpartition(" (")[0]) for one in languages.available()],
        "own_language": language_of(person),
    }
    return page(request, "preferences", {**_common(person), **context}, status=status, personal=True)


def save_preferences(request: HttpRequest, person: Subscriber) -> HttpResponse:
    if not runtime.get("privacy.allow_preferences"):
        raise PageError("page.notOffered.title", "page.notOffered.preferences")
    fields = request.POST
    name = fields.get("name", "")
    if not name.strip() or len(name.strip()) > consent.LONGEST_PREFERENCES_NAME:
        return preferences(request, person, error="page.prefs.nameMissing", status=400)
    keep = [uuid_of(text) for text in fields.getlist("l")]
    consent.save_preferences(
        person, name=name, keep=keep, language=fields.get("lang"), ip=request.META.get("REMOTE_ADDR")
    )
    speak(request, language_of(person))
    return message(request, "page.saved.title", "page.saved.text", personal=True)


@public("POST", personal=True)
def export(request: HttpRequest, subscriber: str) -> HttpResponse:
    """Mail people a file with what is stored about them; it never leaves by this page."""
    person = subscriber_of(request, subscriber)
    if not runtime.get("privacy.allow_export"):
        raise PageError("page.notOffered.title", "page.notOffered.export")
    data_mail.send(person)
    values = {"email": masked(person.email)}
    return message(request, "page.dataSent.title", "page.dataSent.text", values=values, personal=True)


def _already_blocklisted(request: HttpRequest, person: Subscriber) -> HttpResponse:
    context = {"lists": [], "blocklisted": True}
    return page(request, "unsubscribed", {**_common(person), **context}, personal=True)


def _common(person: Subscriber) -> dict[str, Any]:
    return {
        "who": masked(person.email),
        "subscriber_uuid": person.uuid,
        "may_blocklist": runtime.get("privacy.allow_blocklist"),
        "may_manage": runtime.get("privacy.allow_preferences"),
        "may_export": runtime.get("privacy.allow_export"),
        "may_wipe": runtime.get("privacy.allow_wipe"),
    }
