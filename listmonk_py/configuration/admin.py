"""Settings in the admin: a page per group, generated from the registry, in force within two seconds."""

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse

from listmonk_py.accounts.admin_base import StaffAdmin

from .models import Setting
from .setting_forms import SettingsPage
from .setting_pages import PAGES, SMTP_PRESETS


@admin.register(Setting)
class SettingAdmin(StaffAdmin):
    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.group_view)
        return [path("group/<str:group>/", view, name="configuration_setting_group"), *super().get_urls()]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: object = None) -> HttpResponse:
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        return HttpResponseRedirect(reverse("admin:configuration_setting_group", args=["general"]))

    def change_view(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:configuration_setting_group", args=["general"]))

    def group_view(self, request: HttpRequest, group: str) -> HttpResponse:
        if group not in PAGES:
            raise Http404
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        may_change = self.has_change_permission(request)
        if request.method == "POST":
            if not may_change:
                raise PermissionDenied
            page = SettingsPage(group, request.POST)
            if page.save(request.user):
                messages.success(request, "Saved, and in force already.")
                return HttpResponseRedirect(request.path)
        else:
            page = SettingsPage(group)
        title, about = PAGES[group]
        context = {
            "page": page,
            "rows": page.rows(),
            "pages": [(name, words[0]) for name, words in PAGES.items()],
            "group": group,
            "about": about,
            "may_change": may_change,
            "presets": dict(SMTP_PRESETS) if group == "smtp" else None,
            "own_address": request.user.email or "",  # type: ignore[union-attr]
        }
        return self.page(request, "configuration/admin/group.html", title, context)
