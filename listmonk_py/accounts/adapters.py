"""What django-allauth asks the product: no open sign-up, our own names, addresses and secrets."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp
from django.http import HttpRequest

from listmonk_py.api.errors import DomainError
from listmonk_py.configuration import runtime, secrets
from listmonk_py.mail.outbound_session import checked

from . import single_sign_on
from .signing_in import HOME, safe_next

# Said by the page one lands on anyway.
_SILENT = ("account/messages/logged_in.txt", "account/messages/logged_out.txt")


class AccountAdapter(DefaultAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Accounts are made by staff, by the first-run page, or by single sign-on."""
        return False

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        return HOME

    def is_safe_url(self, url: str) -> bool:
        """Only paths on this site."""
        return bool(url) and safe_next(url) == url

    def get_client_ip(self, request: HttpRequest) -> str:
        """The server in front of Django has settled which proxies to believe."""
        return request.META.get("REMOTE_ADDR") or "0.0.0.0"  # noqa: S104 - an unknown address

    def add_message(
        self, request: HttpRequest, level: int, message_template: str | None = None, *args: Any, **kwargs: Any
    ) -> None:
        if message_template not in _SILENT:
            super().add_message(request, level, message_template, *args, **kwargs)


class SocialAccountAdapter(DefaultSocialAccountAdapter):
    """Single sign-on with the one provider of the runtime setting `security.oidc`."""

    def list_apps(
        self, request: HttpRequest, provider: str | None = None, client_id: str | None = None
    ) -> list[SocialApp]:
        app = single_sign_on.app()
        if app is None or (provider and provider not in (app.provider, app.provider_id)):
            return []
        return [app] if client_id in (None, app.client_id) else []

    def get_provider(self, request: HttpRequest, provider: str, client_id: str | None = None) -> Any:
        return single_sign_on.Provider(request, app=self.get_app(request, provider, client_id))

    def get_requests_session(self) -> Any:
        """Requests to the provider obey the rule for addresses that a user has typed in."""
        return checked(super().get_requests_session())

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        """New people are made in `pre_social_login`, by our own rules, or not at all."""
        return False

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        try:
            single_sign_on.match(request, sociallogin)
        except DomainError as error:
            raise ImmediateHttpResponse(single_sign_on.refusal(request, error.message)) from error

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Any,
        error: Any = None,
        exception: Exception | None = None,
        extra_context: dict[str, Any] | None = None,
    ) -> None:
        raise ImmediateHttpResponse(single_sign_on.failure(request, error, exception))


class MFAAdapter(DefaultMFAAdapter):
    def get_totp_issuer(self) -> str:
        return str(runtime.get("app.site_name"))

    def encrypt(self, text: str) -> str:
        return secrets.encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        return secrets.decrypt(encrypted_text)
