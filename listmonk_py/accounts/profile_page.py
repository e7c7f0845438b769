"""`/admin/account/profile/`: one's own name, address, language and time zone."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from listmonk_py.api.errors import DomainError
from listmonk_py.configuration import languages

from . import locale, people

FIELDS = ("name", "email", "language", "time_zone")


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    user: Any = request.user
    if request.method == "GET":
        return _page(request, {name: getattr(user, name) for name in FIELDS})
    given = {name: request.POST.get(name, "") for name in FIELDS}
    try:
        people.change_own(user, given, session_key=request.session.session_key)
    except DomainError as error:
        return _page(request, given, error=error.message)
    messages.success(request, "Your profile is saved.")
    return HttpResponseRedirect(reverse("account_profile"))


def _page(request: HttpRequest, given: dict[str, str], *, error: str = "") -> HttpResponse:
    context = {
        "given": given,
        "error": error,
        "languages": languages.available(),
        "time_zones": locale.time_zones(),
        "site_language": languages.of_site(),
        "site_time_zone": settings.TIME_ZONE,
    }
    return TemplateResponse(request, "accounts/profile.html", context, status=400 if error else 200)
