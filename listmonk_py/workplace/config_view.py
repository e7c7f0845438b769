"""`GET /api/config`: what a client needs to know about this installation before anything else."""

from typing import Any

from django.conf import settings
from rest_framework.response import Response

from listmonk_py.accounts.permissions import GROUPS
from listmonk_py.api.requests import Request
from listmonk_py.api.views import ApiView
from listmonk_py.configuration import languages, runtime
from listmonk_py.mail import messengers


class ConfigView(ApiView):
    needs = {"GET": ()}

    def get(self, request: Request) -> Response:
        return self.data(config())


class HealthView(ApiView):
    """Whether the process answers and the caller's credentials are good."""

    needs = {"GET": ()}

    def get(self, request: Request) -> Response:
        return self.data(True)


def config() -> dict[str, Any]:
    """The whole answer of `GET /api/config` (contract 3.3). Nothing in it is secret."""
    return {
        "root_url": runtime.get("app.root_url"),
        "from_email": runtime.get("app.from_email"),
        "public_subscription": public_subscription(),
        "privacy": {
            "disable_tracking": runtime.get("privacy.disable_tracking"),
            "individual_tracking": runtime.get("privacy.individual_tracking"),
        },
        "media_provider": runtime.get("upload.provider"),
        "messengers": messengers.names(),
        "langs": [dict(one) for one in languages.available()],
        "lang": runtime.get("app.lang"),
        "permissions": [{"group": group, "permissions": list(names)} for group, names in GROUPS.items()],
        "update": None,  # nobody is asked about new versions: an installation does not phone home
        "needs_restart": False,
        "has_legacy_user": False,
        "version": f"v{settings.VERSION}",
    }


def public_subscription() -> dict[str, Any]:
    """How the public form asks; ALTCHA wins when both captchas are on, as in listmonk."""
    captcha = runtime.get("security.captcha")
    altcha, hcaptcha = captcha["altcha"], captcha["hcaptcha"]
    provider = "altcha" if altcha["enabled"] else "hcaptcha" if hcaptcha["enabled"] else None
    redirects = [url for url in runtime.get("security.trusted_urls") if url != "*"]
    return {
        "enabled": runtime.get("app.enable_public_subscription_page"),
        "captcha_enabled": provider is not None,
        "captcha_provider": provider,
        "captcha_key": hcaptcha["key"] if provider == "hcaptcha" else None,
        "altcha_complexity": altcha["complexity"] if provider == "altcha" else 0,
        "redirect_urls": redirects or None,
    }
