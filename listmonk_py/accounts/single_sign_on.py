"""Single sign-on with one OpenID Connect provider, set up at run time (contract 10.2).

django-allauth speaks the protocol (code flow with PKCE and state); here is which provider, which user
a login belongs to, and listmonk's addresses: POST /auth/oidc starts, GET /auth/oidc is the way back.
"""

import logging
from typing import Any

from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from requests import RequestException

from listmonk_py.api.errors import DomainError
from listmonk_py.configuration import runtime

from . import people
from .models import User
from .pages import login_form

logger = logging.getLogger(__name__)

PROVIDER_ID = "oidc"


def app() -> SocialApp | None:
    """The provider as allauth wants it, or None while single sign-on is off. Never stored."""
    oidc = runtime.get("security.oidc")
    if not oidc["enabled"] or not oidc["provider_url"]:
        return None
    return SocialApp(
        provider="openid_connect",
        provider_id=PROVIDER_ID,
        name=oidc["provider_name"] or "single sign-on",
        client_id=oidc["client_id"],
        secret=oidc["client_secret"],
        settings={"server_url": oidc["provider_url"].rstrip("/"), "oauth_pkce_enabled": True},
    )


class Adapter(OpenIDConnectOAuth2Adapter):
    def get_callback_url(self, request: HttpRequest, app: SocialApp) -> str:
        """What is registered with the provider: listmonk's address."""
        return f"{runtime.get('app.root_url')}/auth/oidc"


class Provider(OpenIDConnectProvider):
    oauth2_adapter_class = Adapter


@csrf_exempt
@never_cache
def entrance(request: HttpRequest) -> HttpResponse:
    """POST starts; GET is the way back from the provider, or the sign-in page when nothing was started."""
    if app() is None or request.method not in ("GET", "POST"):
        raise Http404
    if request.method == "POST":
        return _start(request)
    if "state" not in request.GET:
        return refusal(request, "This sign-in was not started here. Use the button below.")
    return _call(OAuth2CallbackView, request)


def _start(request: HttpRequest) -> HttpResponse:
    cookie, given = request.COOKIES.get("nonce", ""), request.POST.get("nonce", "")
    if not cookie or not constant_time_compare(cookie, given):
        return JsonResponse({"message": "Invalid auth request"}, status=401)
    return _call(OAuth2LoginView, request)


def _call(view: Any, request: HttpRequest) -> HttpResponse:
    try:
        response: HttpResponse = view.adapter_view(Adapter(request, PROVIDER_ID))(request)
    except DomainError as error:
        return refusal(request, error.message)
    except (RequestException, LookupError, ValueError, TypeError, AttributeError) as error:
        # Whatever a provider answers, it is no fault of ours.
        return failure(request, None, error)
    return response


def match(request: HttpRequest, login: Any) -> None:
    """Give the login its user: the one known by this identity, else by the verified address, else a new one.

    Raises:
        DomainError: the address is missing or not verified, nobody has it, or the user is disabled.
    """
    claims = _claims(login.account.extra_data)
    user = login.user if login.is_existing else _by_address(claims)
    if user.type != User.Type.USER or not user.is_active:
        raise DomainError("This account is disabled. Ask an administrator.")
    if not login.is_existing:
        login.connect(request, user)
    picture = claims.get("picture")
    if isinstance(picture, str) and picture.startswith("https://") and len(picture) <= people.MAX_TEXT:
        User.objects.filter(pk=user.pk).update(avatar=picture)


def _by_address(claims: dict[str, Any]) -> User:
    email = claims.get("email")
    if not isinstance(email, str) or "@" not in email:
        raise DomainError("The provider did not tell your e-mail address. It must allow the scope 'email'.")
    oidc = runtime.get("security.oidc")
    if claims.get("email_verified") not in (True, "true") and not oidc.get("trust_unverified_email"):
        raise DomainError(
            "The provider does not say that it has verified your e-mail address, so it cannot be trusted. "
            "If it never does, an administrator can allow that in the security settings."
        )
    user = User.objects.filter(email__iexact=email).first()
    return user if user is not None else _new_user(email.lower(), claims, oidc)


def _new_user(email: str, claims: dict[str, Any], oidc: dict[str, Any]) -> User:
    if not oidc["auto_create_users"]:
        raise DomainError("There is no account with your e-mail address. Ask an administrator for one.")
    name = claims.get("name") or claims.get("preferred_username") or email.partition("@")[0]
    fields = {
        "type": User.Type.USER,
        "username": email,
        "name": str(name)[: people.MAX_TEXT],
        "email": email,
        "status": User.Status.ENABLED,
        "user_role_id": oidc["default_user_role_id"],
        "list_role_id": oidc["default_list_role_id"],
    }
    return people.create(fields)[0]


def _claims(data: dict[str, Any]) -> dict[str, Any]:
    """What the provider says of the person: the ID token, overlaid by the user info."""
    return {**(data.get("id_token") or {}), **(data.get("userinfo") or {})}


def refusal(request: HttpRequest, text: str) -> HttpResponse:
    """The sign-in page with the reason, as listmonk answers (status 200)."""
    return login_form(request, "/admin", error=text)


def failure(request: HttpRequest, error: Any, exception: Exception | None) -> HttpResponse:
    if str(error) == "cancelled" or str(error).endswith("denied"):
        return refusal(request, "The sign-in was cancelled at the provider.")
    logger.warning("Single sign-on failed: %s", exception or error)
    return refusal(
        request, "The provider could not be reached or refused the sign-in. The log has the reason."
    )
