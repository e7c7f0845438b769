"""The media library in the admin: a grid to look at, several uploads at once."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST

from listmonk_py.accounts.admin_base import BigTableAdmin, told
from listmonk_py.accounts.admin_paging import BELOW, below_in, newest, walk_down
from listmonk_py.api.errors import DomainError

from . import storage, uploading
from .models import Media

PER_PAGE = 48


@admin.register(Media)
class MediaAdmin(BigTableAdmin):
    search_fields = ("filename",)
    search_is_indexed = False

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.remove_view))
        return [path("<int:pk>/remove/", view, name="media_media_remove"), *super().get_urls()]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # the grid itself uploads

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and obj is None  # files are replaced, not edited

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        may_change = self.has_delete_permission(request)
        if request.method == "POST":
            if not may_change:
                raise PermissionDenied
            self._upload(request)
            return HttpResponseRedirect(request.get_full_path())
        rows = self.get_queryset(request).filter(provider=storage.provider())
        text = request.GET.get("q", "").replace("\0", "").strip()
        if text:
            rows = rows.filter(filename__icontains=text)
        below = request.GET.get(BELOW, "")
        try:
            page = newest(rows, walk_down(Media.objects.all()), below=below_in(below), most=PER_PAGE)
        except ValueError:
            return HttpResponseRedirect(request.path)
        context = {
            "files": [(one, _address(one.thumb), _address(one.filename)) for one in page.rows],
            "is_first": not below,
            "next_below": page.next_below,
            "looked_at": page.looked_at,
            "q": text,
            "may_change": may_change,
        }
        return self.page(request, "media/admin/grid.html", "Media", context)

    def change_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:media_media_changelist"))

    def _upload(self, request: HttpRequest) -> None:
        """Each file by itself, so that one that is refused does not hold up the others."""
        done = 0
        for file in request.FILES.getlist("files"):
            try:
                uploading.upload(file)
                done += 1
            except DomainError as error:
                messages.error(request, f"{file.name}: {error.message}")
        if done:
            messages.success(request, f"{done} uploaded.")

    def remove_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        media = self.one(request, str(pk))
        if not self.has_delete_permission(request, media):
            raise PermissionDenied

        def remove() -> str:
            uploading.remove(media.pk)
            return f"{media.filename} is deleted."

        told(request, remove)
        return HttpResponseRedirect(reverse("admin:media_media_changelist"))


def _address(name: str) -> str:
    """Where this page shows a file from; a file of ours by its path, so that any host name works."""
    if not name:
        return ""
    if storage.provider() == "filesystem":
        return f"{storage.uri()}/{name}"
    try:
        return storage.url(name)
    except DomainError:
        return ""
