"""The page that imports: upload, live progress, rejected rows, and what was imported before."""

from functools import partial
from typing import Any

import orjson
from django import forms
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelect2MultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from listmonk_py.accounts.admin_base import StaffAdmin, told
from listmonk_py.api.errors import DomainError

from . import tasks
from .importing import files, jobs, params
from .models import ImportJob, List, Subscription

MOST_SHOWN = 20
MOST_REJECTS = 10


class ImportForm(forms.Form):
    file = forms.FileField(
        widget=UnfoldAdminFileFieldWidget,
        label="CSV file, or a ZIP with one in it",
        help_text="The first row names the columns: email, and if you have them name and attributes.",
    )
    mode = forms.ChoiceField(
        choices=[(params.SUBSCRIBE, "Subscribe to lists"), (params.BLOCKLIST, "Blocklist")],
        widget=UnfoldAdminSelectWidget,
        label="What to do with these people",
    )
    lists = forms.ModelMultipleChoiceField(
        queryset=List.objects.none(), required=False, widget=UnfoldAdminSelect2MultipleWidget
    )
    subscription_status = forms.ChoiceField(
        choices=[
            (Subscription.Status.UNCONFIRMED, "Not confirmed"),
            (Subscription.Status.CONFIRMED, "Confirmed: they have agreed already"),
            (Subscription.Status.UNSUBSCRIBED, "Unsubscribed"),
        ],
        widget=UnfoldAdminSelectWidget,
        label="New subscriptions are",
    )
    overwrite_userinfo = forms.BooleanField(
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        label="Replace names and attributes that are stored already",
    )
    overwrite_subscription_status = forms.BooleanField(
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        label="Change subscriptions that exist already",
        help_text="May subscribe people again who have left. Blocklisted people stay so.",
    )
    delim = forms.CharField(
        initial=",",
        max_length=1,
        strip=False,
        widget=UnfoldAdminTextInputWidget,
        label="Separator of columns",
    )

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        mine: Any = self.fields["lists"]
        mine.queryset = List.objects.manageable_by(user).order_by("name")

    def begin(self, user: Any) -> ImportJob:
        """Store the file and start the import.

        Raises:
            DomainError: the parameters or the file cannot be used, or another import is under way.
        """
        values = dict(self.cleaned_data)
        upload = values.pop("file")
        values["lists"] = [one.pk for one in values["lists"]]
        asked = params.parse(orjson.dumps(values).decode(), user)
        kept = files.keep(upload)
        job = jobs.begin(name=upload.name or kept.name, path=kept, params=asked, by=user)
        transaction.on_commit(partial(tasks.ring, job.pk))
        return job


class ImportPage(StaffAdmin):
    """The admin of ImportJob: its listing is the page where one imports."""

    def get_urls(self) -> list[URLPattern]:
        return [
            path(
                "stop/",
                self.admin_site.admin_view(require_POST(self.stop_view)),
                name="subscribers_importjob_stop",
            ),
            path(
                "<int:pk>/rejects.csv",
                self.admin_site.admin_view(self.rejects_view),
                name="subscribers_importjob_rejects",
            ),
            *super().get_urls(),
        ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # the page itself imports

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and obj is None

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        form = ImportForm(request.POST or None, request.FILES or None, user=request.user)
        if request.method == "POST" and form.is_valid():
            try:
                form.begin(request.user)
            except DomainError as error:
                form.add_error(None, error.message)
            else:
                return HttpResponseRedirect(request.path)
        latest = jobs.latest()
        current = None if latest is None or latest.cleared else latest
        mine = jobs.readable(request.user)  # type: ignore[arg-type]
        shown = current if current is not None and mine.filter(pk=current.pk).exists() else None
        context = {
            "form": form,
            "media": form.media,
            "job": current,
            "is_under_way": current is not None and current.status in jobs.UNDER_WAY,
            "log": jobs.log(shown),
            "rejects": shown.lines.filter(rejected=True).order_by("id")[:MOST_REJECTS] if shown else (),  # type: ignore[attr-defined]
            "earlier": mine.select_related("by")[:MOST_SHOWN],
        }
        return self.page(request, "subscribers/admin/import.html", "Import", context)

    def change_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:subscribers_importjob_changelist"))

    def stop_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_change_permission(request):
            raise PermissionDenied

        def stop() -> str:
            jobs.stop_or_clear()
            return ""

        told(request, stop)
        return HttpResponseRedirect(reverse("admin:subscribers_importjob_changelist"))

    def rejects_view(self, request: HttpRequest, pk: int) -> StreamingHttpResponse:
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        job = jobs.readable(request.user).filter(pk=pk).first()  # type: ignore[arg-type]
        if job is None:
            raise Http404
        answer = StreamingHttpResponse(jobs.rejects(job), content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="rejected-{pk}.csv"'
        return answer
