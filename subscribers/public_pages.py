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
from listmonk_py.configuration import runtime
from listmonk_py.configuration.public_page import message, page

from . import consent, sign_up_guard
from .models import List, Subscriber, Subscription

logger = logging.getLogger(__name__)

View = Callable[..., HttpResponse]

ROBOTS = """User-agent: *
Allow: /subscription/form
Disallow: /subscription/
Disallow: /campaign/
Disallow: /link/
"""
PRIVATE_LIST = "A private list"
OLD_STATIC = {"style.css": "text/css; charset=utf-8", "favicon.svg": "image/svg+xml"}
HCAPTCHA = ["https://hcaptcha.com", "https://*.hcaptcha.com"]


class PageError(Exception):
    """A request that ends in a page with a message."""

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
                title = "That did not work"
                return message(request, title, error.message, status=error.status, personal=personal)
            except (OperationalError, InterfaceError, RedisError) as error:
                logger.warning("%s has to wait: a server is away (%s)", request.path, str(error).strip())
                return _away(request, personal=personal)

        return wrapped

    return decorate


def _away(request: HttpRequest, *, personal: bool) -> HttpResponse:
    """503: a mail provider that unsubscribes by one click (RFC 8058) tries again."""
    text = "We cannot do this at the moment. Please try again in a few minutes."
    answer = message(request, "Please try again", text, status=503, personal=personal)
    answer["Retry-After"] = "60"
    return answer


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
        raise PageError("This link is damaged", "Please open the link in the mail again, as a whole.")
    return found


def subscriber_of(text: str) -> Subscriber:
    """
    Raises:
        PageError: nobody has this UUID (404), or it is none (400).
    """
    found = Subscriber.objects.filter(uuid=uuid_of(text)).first()
    if found is None:
        raise PageError("Nothing here", "This link belongs to nobody on our lists.", status=404)
    return found


def masked(email: str) -> str:
    """The address so that its owner knows it, and nobody learns it from a forwarded mail."""
    local, _, domain = email.rpartition("@")
    return f"{local[:2] if len(local) > 3 else local[:1]}…@{domain}"


def shown(lists: Iterable[List]) -> list[dict[str, Any]]:
    """Lists for a page; several private ones are told as what they are, without their names."""
    return [
        {
            "uuid": one.uuid,
            "shown_name": one.name if one.type == List.Type.PUBLIC else PRIVATE_LIST,
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
        raise PageError("Not available", "This site has no public sign-up form.", status=404)
    return _sign_up(request) if request.method == "POST" else _form(request, request.GET)


def _form(
    request: HttpRequest, filled: Any, *, error: str = "", status: int = 200, email: str = "", name: str = ""
) -> HttpResponse:
    """The form with what was entered. No list is ticked that the visitor did not tick."""
    lists = list(List.objects.public().order_by("name"))
    if not lists:
        raise PageError("Nothing to subscribe to", "There are no public lists at the moment.", status=404)
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
        "captcha": sign_up_guard.provider(),
        "captcha_key": sign_up_guard.hcaptcha_key(),
    }
    return page(request, "form", context, status=status)


def _sign_up(request: HttpRequest) -> HttpResponse:
    fields = request.POST
    try:
        sign_up_guard.check(fields, ip=request.META.get("REMOTE_ADDR", ""))
        done = consent.sign_up(
            email=fields.get("email", ""),
            name=fields.get("name", ""),
            list_uuids=[uuid_of(text) for text in fields.getlist("l")],
        )
    except sign_up_guard.Robot as error:
        return JsonResponse({"message": error.message}, status=error.status)
    except (DomainError, PageError) as error:
        if not List.objects.public().exists():
            raise
        text = getattr(error, "reason", "") or getattr(error, "text", "") or str(error)
        return _form(request, fields, error=text, status=getattr(error, "status", 400))
    mailed = ask_to_confirm(done)
    if _is_trusted(fields.get("next", "")):
        return HttpResponseRedirect(fields["next"], status=303)
    if mailed:
        text = "We have sent you a mail with a link. Please open it to confirm your subscription."
        return message(request, "Check your mail", text)
    return message(request, "You are subscribed", "Thank you. The next mail will reach you too.")


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
    person = subscriber_of(subscriber)
    lists = List.objects.filter(
        subscriptions__subscriber_id=person.pk,
        subscriptions__status=Subscription.Status.UNCONFIRMED,
    ).order_by("name", "pk")
    if asked:
        lists = lists.filter(uuid__in=asked)
    waiting = list(lists)
    if not waiting or person.status == Subscriber.Status.BLOCKLISTED:
        text = "There is no subscription of yours that waits for a confirmation."
        return message(request, "Nothing to confirm", text, personal=True)
    if request.method == "POST" and request.POST.get("confirm") == "true":
        consent.confirm_optin(person, [one.pk for one in waiting], ip=request.META.get("REMOTE_ADDR"))
        text = "Thank you. Your subscription is confirmed."
        return message(request, "Confirmed", text, personal=True)
    context = {
        "lists": shown(waiting),
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
        raise PageError("Not available", "This site does not offer to delete one's data here.")
    consent.wipe(subscriber_of(subscriber))
    text = "Your subscriptions and everything stored about you are gone."
    return message(request, "Your data is deleted", text, personal=True)


@public("GET")
def old_static(request: HttpRequest, name: str) -> HttpResponse:
    """The style sheet where listmonk has it, for pages of others that link to it."""
    if name not in OLD_STATIC:
        raise Http404
    path = settings.BASE_DIR / "templates" / "static" / "public" / name
    return HttpResponse(path.read_bytes(), content_type=OLD_STATIC[name])
