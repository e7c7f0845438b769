"""Pages for strangers and subscribers that show people and lists only: landing page, sign-up form, opt-in
page, deletion of one's data, robots.txt, custom styles (contract 4, 4.1, 4.3).

No page here reads a cookie; GET changes nothing.
"""

import logging
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any
from uuid import UUID

from csp.decorators import csp_update
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
)
from django.views.decorators.csrf import csrf_exempt
from redis.exceptions import RedisError

from listmonk_py.api.errors import DomainError
from listmonk_py.configuration import languages, runtime
from listmonk_py.configuration.public_page import language_of, message, page, speak

from . import consent, sign_up_guard
from .models import List, Subscriber, Subscription
from .reader_language import language_of as language_of_person

logger = logging.getLogger(__name__)

View = Callable[..., HttpResponse]

ROBOTS = """User-agent: *
Allow: /subscription/form
Disallow: /subscription/
Disallow: /campaign/
Disallow: /link/
"""
OLD_STATIC = {"style.css": "text/css; charset=utf-8", "favicon.svg": "image/svg+xml"}
HCAPTCHA = ["https://hcaptcha.com", "https://*.hcaptcha.com"]


class PageError(Exception):
    """A request that ends in a page with a message; `title` and `text` are keys of texts."""

    def __init__(self, title: str, text: str, *, status: int = 400) -> None:
        super().__init__(text)
        self.title = title
        self.text = text
        self.status = status


def public(*methods: str, personal: bool = False) -> Callable[[View], View]:
    """A view for these methods; others are 404, as in listmonk. Domain errors become pages."""

    def decorate(view: View) -> View:
        @csrf_exempt
        @wraps(view)
        def wrapped(request: HttpRequest, *args: Any, **more: Any) -> HttpResponse:
            if (request.method if request.method != "HEAD" else "GET") not in methods:
                raise Http404
            try:
                return view(request, *args, **more)
            except PageError as error:
                return message(request, error.title, error.text, status=error.status, personal=personal)
            except DomainError as error:
                title, text = "page.failed.title", in_words(request, error)
                return message(request, title, text, status=error.status, personal=personal)
            except (OperationalError, InterfaceError, RedisError) as error:
                logger.warning("%s has to wait: a server is away (%s)", request.path, str(error).strip())
                return _away(request, personal=personal)

        return wrapped

    return decorate


def _away(request: HttpRequest, *, personal: bool) -> HttpResponse:
    """503: a mail provider that unsubscribes by one click (RFC 8058) tries again."""
    answer = message(request, "page.away.title", "page.away.text", status=503, personal=personal)
    answer["Retry-After"] = "60"
    return answer


def in_words(request: HttpRequest, error: DomainError | PageError) -> str:
    """What an error says, in the language of the page. In English it is the error's own, which tells more."""
    language = language_of(request)
    if isinstance(error, PageError):
        return languages.translate(error.text, language)
    if error.text_key and language != languages.DEFAULT:
        return languages.translate(error.text_key, language, **error.values)
    return getattr(error, "reason", "") or error.message


def uuid_of(text: str) -> UUID:
    """
    Raises:
        PageError: it is no UUID in the usual form.
    """
    try:
        found = UUID(text)
    except ValueError:
        found = None
    if found is None or str(found) != text.lower():
        raise PageError("page.damaged.title", "page.damaged.text")
    return found


def subscriber_of(request: HttpRequest, text: str) -> Subscriber:
    """The person with this UUID, whose language the answer is in from now on.

    Raises:
        PageError: nobody has this UUID (404), or it is none (400).
    """
    found = Subscriber.objects.filter(uuid=uuid_of(text)).first()
    if found is None:
        raise PageError("page.nothing.title", "page.nothing.person", status=404)
    speak(request, language_of_person(found))
    return found


def masked(email: str) -> str:
    """The address so that its owner knows it, and nobody learns it from a forwarded mail."""
    local, _, domain = email.rpartition("@")
    return f"{local[:2] if len(local) > 3 else local[:1]}…@{domain}"


def shown(request: HttpRequest, lists: Iterable[List]) -> list[dict[str, Any]]:
    """Lists for a page; several private ones are told as what they are, without their names."""
    private = languages.translate("public.subPrivateList", language_of(request))
    return [
        {
            "uuid": one.uuid,
            "shown_name": one.name if one.type == List.Type.PUBLIC else private,
            "shown_description": one.description if one.type == List.Type.PUBLIC else "",
        }
        for one in lists
    ]


@public("GET")
def home(request: HttpRequest) -> HttpResponse:
    return page(request, "home")


@public("GET")
def robots(request: HttpRequest) -> HttpResponse:
    return HttpResponse(ROBOTS, content_type="text/plain; charset=utf-8")


@public("GET")
def custom_css(request: HttpRequest) -> HttpResponse:
    return HttpResponse(runtime.get("appearance.public.custom_css"), content_type="text/css; charset=utf-8")


@public("GET")
def custom_js(request: HttpRequest) -> HttpResponse:
    script = runtime.get("appearance.public.custom_js")
    return HttpResponse(script, content_type="application/javascript; charset=utf-8")


@public("GET")
def altcha_challenge(request: HttpRequest) -> HttpResponse:
    try:
        answer = JsonResponse(sign_up_guard.challenge())
    except DomainError as error:
        return JsonResponse({"message": error.message}, status=error.status)
    answer["Cache-Control"] = "no-store"
    return answer


# -- the sign-up form -------------------------------------------------------------------------------


@csp_update({"script-src": HCAPTCHA, "frame-src": HCAPTCHA, "style-src": HCAPTCHA, "connect-src": HCAPTCHA})
@public("GET", "POST")
def form(request: HttpRequest) -> HttpResponse:
    """The form, and signing up with it."""
    if not runtime.get("app.enable_public_subscription_page"):
        if request.method == "POST":
            return JsonResponse({"message": "That feature is not available."}, status=404)
        raise PageError("page.notOffered.title", "page.notOffered.form", status=404)
    return _sign_up(request) if request.method == "POST" else _form(request, request.GET)


def _form(
    request: HttpRequest, filled: Any, *, error: str = "", status: int = 200, email: str = "", name: str = ""
) -> HttpResponse:
    """The form with what was entered. No list is ticked that the visitor did not tick."""
    lists = list(List.objects.public().order_by("name"))
    if not lists:
        raise PageError("page.noLists.title", "page.noLists.text", status=404)
    chosen = set(request.POST.getlist("l"))
    context = {
        "lists": [
            {
                "uuid": one.uuid,
                "name": one.name,
                "description": one.description,
                "is_chosen": str(one.uuid) in chosen,
            }
            for one in lists
        ],
        "error": error,
        "email": email or filled.get("email", ""),
        "name": name or filled.get("name", ""),
        "next": filled.get("next", ""),
        # What the answer to a sign-up, and the mails after it, shall be in.
        "reader_language": language_of(request) if language_of(request) != languages.of_site() else "",
        "captcha": sign_up_guard.provider(),
        "captcha_key": sign_up_guard.hcaptcha_key(),
    }
    return page(request, "form", context, status=status)


def _sign_up(request: HttpRequest) -> HttpResponse:
    fields = request.POST
    language = languages.match([fields.get("lang", "")[:100]])
    if language:
        speak(request, language)
    try:
        sign_up_guard.check(fields, ip=request.META.get("REMOTE_ADDR", ""))
        done = consent.sign_up(
            email=fields.get("email", ""),
            name=fields.get("name", ""),
            list_uuids=[uuid_of(text) for text in fields.getlist("l")],
            language=language or "",
        )
    except sign_up_guard.Robot as error:
        return JsonResponse({"message": error.message}, status=error.status)
    except (DomainError, PageError) as error:
        if not List.objects.public().exists():
            raise
        return _form(request, fields, error=in_words(request, error), status=error.status)
    mailed = ask_to_confirm(done)
    if _is_trusted(fields.get("next", "")):
        return HttpResponseRedirect(fields["next"], status=303)
    if mailed:
        return message(request, "page.mailed.title", "page.mailed.text")
    return message(request, "page.subscribed.title", "page.subscribed.text")


def ask_to_confirm(done: consent.SignUp) -> bool:
    """Send the opt-in mail that a sign-up calls for; True when one was due (`has_optin` of the API)."""
    if not done.pending or not runtime.get("app.send_optin_confirmation"):
        return False
    if sign_up_guard.may_mail_optin(done.subscriber.pk):
        consent.send_optin(done.subscriber)
    return True


def _is_trusted(url: str) -> bool:
    return bool(url) and url != "*" and url in (runtime.get("security.trusted_urls") or [])


# -- opt-in, deletion -------------------------------------------------------------------------------


@public("GET", "POST", personal=True)
def optin(request: HttpRequest, subscriber: str) -> HttpResponse:
    """Confirm subscriptions: those asked for with `l`, else all that wait."""
    asked = [uuid_of(text) for text in (request.POST.getlist("l") or request.GET.getlist("l"))]
    person = subscriber_of(request, subscriber)
    lists = List.objects.filter(
        subscriptions__subscriber_id=person.pk,
        subscriptions__status=Subscription.Status.UNCONFIRMED,
    ).order_by("name", "pk")
    if asked:
        lists = lists.filter(uuid__in=asked)
    waiting = list(lists)
    if not waiting or person.status == Subscriber.Status.BLOCKLISTED:
        return message(request, "public.noSubTitle", "page.optin.nothing", personal=True)
    if request.method == "POST" and request.POST.get("confirm") == "true":
        consent.confirm_optin(person, [one.pk for one in waiting], ip=request.META.get("REMOTE_ADDR"))
        return message(request, "page.confirmed.title", "page.confirmed.text", personal=True)
    context = {
        "lists": shown(request, waiting),
        "who": masked(person.email),
        # A page that submits itself: the visitor needs no second click, and a mail scanner's GET,
        # which runs no scripts, confirms nothing.
        "at_once": request.method == "GET" and not runtime.get("app.show_optin_page"),
    }
    return page(request, "optin", context, personal=True)


@public("POST", personal=True)
def wipe(request: HttpRequest, subscriber: str) -> HttpResponse:
    """Delete the person who asks."""
    if not runtime.get("privacy.allow_wipe"):
        raise PageError("page.notOffered.title", "page.notOffered.wipe")
    consent.wipe(subscriber_of(request, subscriber))
    return message(request, "page.wiped.title", "page.wiped.text", personal=True)


@public("GET")
def old_static(request: HttpRequest, name: str) -> HttpResponse:
    """The style sheet where listmonk has it, for pages of others that link to it."""
    if name not in OLD_STATIC:
        raise Http404
    path = settings.BASE_DIR / "templates" / "static" / "public" / name
    return HttpResponse(path.read_bytes(), content_type=OLD_STATIC[name])
