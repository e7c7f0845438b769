"""Where the admin is mounted: signing in is ours, listmonk's addresses lead to our pages.

Everything under `/admin/` that needs a session is Django's admin site with Unfold's look. Its own sign-in
pages are never shown; they lead to those of `accounts`.
"""

from urllib.parse import urlencode

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, URLResolver, path, resolve, reverse

from listmonk_py.accounts.pages import redirect_to_login

from . import admin_pages

# listmonk's screens (contract 11) and the names of ours.
DEEP_LINKS = {
    "lists": "admin:subscribers_list_changelist",
    "lists/<int:pk>": "admin:subscribers_list_change",
    "lists/forms": "admin:subscribers_list_changelist",
    "subscribers": "admin:subscribers_subscriber_changelist",
    "subscribers/<int:pk>": "admin:subscribers_subscriber_change",
    "subscribers/import": "admin:subscribers_importjob_changelist",
    "subscribers/bounces": "admin:bounces_bounce_changelist",
    "campaigns": "admin:campaigns_campaign_changelist",
    "campaigns/new": "admin:campaigns_campaign_add",
    "campaigns/<int:pk>": "admin:campaigns_campaign_change",
    "campaigns/media": "admin:media_media_changelist",
    "campaigns/templates": "admin:campaigns_template_changelist",
    "campaigns/analytics": "admin:campaigns_campaign_changelist",
    "users": "admin:accounts_user_changelist",
    "users/<int:pk>": "admin:accounts_user_change",
    "users/roles/users": "admin:accounts_role_changelist",
    "users/roles/lists": "admin:accounts_role_changelist",
    "user/profile": "account_profile",
    "settings": "admin:configuration_setting_changelist",
    "settings/maintenance": "maintenance",
    "settings/logs": "logs",
}
# The filter that an address of listmonk's carries in its path or under another name.
ROLE_TYPES = {"users/roles/users": "user", "users/roles/lists": "list"}


def deep_link(request: HttpRequest, name: str, pk: int | None = None, **fixed: str) -> HttpResponse:
    """One of listmonk's addresses; what stands after `?` goes along."""
    if not request.user.is_authenticated:
        return redirect_to_login(request)
    query = {**request.GET.dict(), **fixed}
    target = reverse(name, args=[] if pk is None else [pk])
    return HttpResponseRedirect(f"{target}?{urlencode(query)}" if query else target)


def people_of_list(request: HttpRequest, pk: int) -> HttpResponse:
    """`/admin/subscribers/lists/3?subscription_status=confirmed`."""
    return deep_link(request, "admin:subscribers_subscriber_changelist", None, list=str(pk))


def to_login(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
    """The admin's own sign-in page leads to ours, which knows second factors and single sign-on."""
    return HttpResponseRedirect(f"/admin/login?{urlencode({'next': request.GET.get('next', '/admin/')})}")


def unknown(request: HttpRequest, rest: str) -> HttpResponse:
    """What the site does not know: perhaps only a slash is missing (APPEND_SLASH is off, because `/api`
    counts it). Strangers are asked to sign in first, as in listmonk."""
    if not request.user.is_authenticated:
        return redirect_to_login(request)
    if rest.endswith("/") or resolve(f"/admin/{rest}/").func is unknown:
        raise Http404
    query = request.META.get("QUERY_STRING")
    return HttpResponseRedirect(f"/admin/{rest}/{'?' + query if query else ''}")


def urlpatterns() -> list[URLPattern | URLResolver]:
    links = [
        path(
            f"admin/{address}",
            deep_link,
            {"name": name, **({"type": ROLE_TYPES[address]} if address in ROLE_TYPES else {})},
        )
        for address, name in DEEP_LINKS.items()
    ]
    admin.site.final_catch_all_view = False  # ours is `unknown`
    admin.site.index_title = "Dashboard"
    return [
        path("admin/login/", to_login),
        path("admin/logout/", lambda request: HttpResponseRedirect("/admin/logout")),
        path(
            "admin/password_change/", lambda request: HttpResponseRedirect(reverse("account_change_password"))
        ),
        path("admin/subscribers/lists/<int:pk>", people_of_list),
        *links,
        *admin_pages.urls(),
        path("admin/", admin.site.urls),
        path("admin/<path:rest>", unknown),
    ]
