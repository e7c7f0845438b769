"""The admin's sidebar: every page in one flat, grouped list, and only what the user may see."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse

from listmonk_py.configuration import runtime


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the sidebar.

    Attributes:
        title: a few words.
        icon: a name of Material Symbols.
        page: name of the page in the admin.
        needs: permission that opens it, Django's (`app.view_model`) or ours (`group:name`); "" opens it to
            everybody who signs in.
        under: the entry is marked on all pages whose address begins with one of these, relative to
            `/admin/`; by default the page's own.
        but: but not on those that begin with one of these.
    """

    title: str
    icon: str
    page: str
    needs: str = ""
    under: tuple[str, ...] = ()
    but: tuple[str, ...] = ()


NAVIGATION: tuple[tuple[str, tuple[Entry, ...]], ...] = (
    ("", (Entry("Dashboard", "space_dashboard", "admin:index"),)),
    (
        "Audience",
        (
            Entry(
                "Subscribers",
                "group",
                "admin:subscribers_subscriber_changelist",
                "subscribers.view_subscriber",
            ),
            Entry("Lists", "list_alt", "admin:subscribers_list_changelist", "subscribers.view_list"),
            Entry(
                "Segments",
                "filter_alt",
                "admin:subscribers_segment_changelist",
                "subscribers.view_segment",
            ),
            Entry(
                "Import",
                "upload_file",
                "admin:subscribers_importjob_changelist",
                "subscribers.view_importjob",
            ),
            Entry("Bounces", "undo", "admin:bounces_bounce_changelist", "bounces.view_bounce"),
            Entry(
                "Mails not understood",
                "mark_email_unread",
                "admin:bounces_asidemail_changelist",
                "bounces.view_asidemail",
            ),
        ),
    ),
    (
        "Mail",
        (
            Entry("Campaigns", "campaign", "admin:campaigns_campaign_changelist", "campaigns.view_campaign"),
            Entry("Templates", "dashboard", "admin:campaigns_template_changelist", "campaigns.view_template"),
            Entry("Media", "image", "admin:media_media_changelist", "media.view_media"),
            Entry("Links", "link", "admin:tracking_link_changelist", "tracking.view_link"),
            Entry(
                "Transactional",
                "outgoing_mail",
                "admin:transactional_txmessage_changelist",
                "transactional.view_txmessage",
            ),
        ),
    ),
    (
        "Installation",
        (
            Entry(
                "Settings",
                "settings",
                "admin:configuration_setting_changelist",
                "configuration.view_setting",
            ),
            Entry("Mailbox providers", "speed", "admin:mail_domaingroup_changelist", "mail.view_domaingroup"),
            Entry("Users", "person", "admin:accounts_user_changelist", "accounts.view_user"),
            Entry("Roles", "badge", "admin:accounts_role_changelist", "accounts.view_role"),
            Entry("API tokens", "key", "admin:accounts_apitoken_changelist", "accounts.view_apitoken"),
            Entry(
                "Periodic tasks",
                "schedule",
                "admin:django_celery_beat_periodictask_changelist",
                "django_celery_beat.view_periodictask",
                under=("django_celery_beat/",),
            ),
            Entry("Maintenance", "cleaning_services", "maintenance", "settings:maintain"),
            Entry("Log", "receipt_long", "logs", "settings:get"),
        ),
    ),
)


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """What Unfold draws; groups without an entry for this user are left out."""
    groups = []
    for title, entries in NAVIGATION:
        items = [_item(entry, request) for entry in entries if _may(request, entry.needs)]
        if items:
            groups.append({"title": title, "separator": bool(title), "items": items})
    return groups


def _may(request: HttpRequest, permission: str) -> bool:
    if ":" in permission:
        return bool(request.user.may(permission))  # type: ignore[union-attr]
    return not permission or request.user.has_perm(permission)


def _item(entry: Entry, request: HttpRequest) -> dict[str, Any]:
    link = reverse(entry.page)
    return {
        "title": entry.title,
        "icon": entry.icon,
        "link": link,
        "active": _is_active(entry, link, request.path),
    }


def _is_active(entry: Entry, link: str, path: str) -> bool:
    root = reverse("admin:index")
    if link == root:
        return path == root
    prefixes = [root + one for one in entry.under] or [link]
    excluded = tuple(root + one for one in entry.but)
    return path.startswith(tuple(prefixes)) and not (excluded and path.startswith(excluded))


def account_links(request: HttpRequest) -> list[dict[str, str]]:
    """The menu under one's own name."""
    return [
        {"title": "Profile", "link": reverse("account_profile")},
        {"title": "Password", "link": reverse("account_change_password")},
        {"title": "Second factors", "link": reverse("mfa_index")},
        {"title": "Sessions", "link": reverse("usersessions_list")},
    ]


def every_page(request: HttpRequest) -> dict[str, Any]:
    """Whether staff have their own CSS and JavaScript for the admin."""
    return {
        "has_custom_css": bool(runtime.get("appearance.admin.custom_css")),
        "has_custom_js": bool(runtime.get("appearance.admin.custom_js")),
    }


def stylesheet(request: HttpRequest) -> str:
    """Address of our own rules beside Unfold's."""
    return static("admin_extra/admin.css")


def script(request: HttpRequest) -> str:
    return static("admin_extra/admin.js")


def favicon(request: HttpRequest) -> str:
    return static("admin_extra/favicon.svg")
