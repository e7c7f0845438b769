"""What looks across everything: dashboard, about, logs, languages, maintenance (contract 3.3, 3.13)."""

from datetime import datetime

import redis
from django.conf import settings
from django.http import HttpResponseBase, StreamingHttpResponse
from django.utils.dateparse import parse_datetime
from rest_framework.response import Response

from listmonk_py.api.errors import DomainError
from listmonk_py.api.requests import Request
from listmonk_py.api.times import in_utc
from listmonk_py.api.views import ApiView
from listmonk_py.configuration import languages

from . import about, event_export, figures, log_ring, maintenance, smtp_test


class DashboardCountsView(ApiView):
    needs = {"GET": ()}

    def get(self, request: Request) -> Response:
        return self.data(figures.counts(request.user))


class DashboardChartsView(ApiView):
    needs = {"GET": ()}

    def get(self, request: Request) -> Response:
        return self.data(figures.charts(request.user))


class AboutView(ApiView):
    """Not enveloped, as in listmonk."""

    needs = {"GET": ()}

    def get(self, request: Request) -> Response:
        return Response(about.about())


class LogsView(ApiView):
    needs = {"GET": ("settings:get",)}

    def get(self, request: Request) -> Response:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=5) as client:
            return self.data(log_ring.lines(client))


class LanguageView(ApiView):
    needs = {"GET": ()}

    def get(self, request: Request, code: str) -> Response:
        return self.data(dict(languages.texts(code)))


class SmtpTestView(ApiView):
    """In this room because it joins settings and mail."""

    needs = {"POST": ("settings:manage",)}

    def post(self, request: Request) -> Response:
        return self.data(smtp_test.send(self.body(request)))


class MaintenanceView(ApiView):
    needs = {"*": ("settings:maintain",)}


class MaintainSubscribersView(MaintenanceView):
    def delete(self, request: Request, kind: str) -> Response:
        return self.data({"count": maintenance.delete_people(kind)})


class MaintainSubscriptionsView(MaintenanceView):
    def delete(self, request: Request) -> Response:
        return self.data({"count": maintenance.delete_unconfirmed(moment(request, "before_date"))})


class MaintainAnalyticsView(MaintenanceView):
    def delete(self, request: Request, kind: str) -> Response:
        maintenance.delete_events(kind, moment(request, "before_date"))
        return self.data(True)


class ExportAnalyticsView(MaintenanceView):
    def get(self, request: Request, kind: str) -> HttpResponseBase:
        rows = event_export.csv_rows(kind, since=moment(request, "since"))
        response = StreamingHttpResponse(rows, content_type="text/csv")
        response["Content-Disposition"] = f"attachment; filename=campaign_{kind}.csv"
        response["Cache-Control"] = "no-cache"
        return response


def moment(request: Request, name: str) -> datetime:
    """A time of the query string.

    Raises:
        DomainError: it is missing, or not RFC 3339 with a zone.
    """
    text = request.query_params.get(name, "")
    try:
        found = parse_datetime(text)
        if found is not None and found.tzinfo is not None:
            return in_utc(found)
    except ValueError:
        pass
    raise DomainError(f"Invalid data: {name} must be a time like 2026-01-31T00:00:00Z.")
