"""`/api/subscribers/export` (contract 7.6)."""

from django.http import StreamingHttpResponse
from django.utils.cache import patch_vary_headers

from listmonk_py.api.query import is_set
from listmonk_py.api.requests import Request
from listmonk_py.api.views import ApiView

from .. import exporting
from .subscribers import READ, asked_people


class Export(ApiView):
    """The people of a filter as CSV; `lists=true` adds a column with their lists."""

    needs = {"GET": READ}

    def get(self, request: Request) -> StreamingHttpResponse:
        with_lists = is_set(request, "lists")
        pieces = exporting.rows(asked_people(request), request.user, with_lists=with_lists)
        gzip = "gzip" in request.headers.get("Accept-Encoding", "")
        response = StreamingHttpResponse(
            exporting.zipped(pieces) if gzip else pieces, content_type="text/csv"
        )
        response["Content-Disposition"] = "attachment; filename=subscribers.csv"
        response["Cache-Control"] = "no-cache"
        if gzip:
            response["Content-Encoding"] = "gzip"
        patch_vary_headers(response, ("Accept-Encoding",))
        return response
