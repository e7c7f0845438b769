"""`/api/import/subscribers` (contract 3.6, 7)."""

from functools import partial

from django.db import transaction
from django.http import StreamingHttpResponse
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response

from listmonk_py.api.errors import DomainError
from listmonk_py.api.parsing import Json
from listmonk_py.api.requests import Request
from listmonk_py.api.views import ApiView

from .. import tasks
from ..importing import files, jobs, params

IMPORT = ("subscribers:import",)


class Import(ApiView):
    """Starting an import, watching it, stopping it or clearing it away."""

    needs = {"*": IMPORT}
    parser_classes = (MultiPartParser, Json)

    def get(self, request: Request) -> Response:
        return self.data(jobs.status())

    def post(self, request: Request) -> Response:
        sent = request.data.get("params") if hasattr(request.data, "get") else None
        if not isinstance(sent, str):
            raise DomainError("Invalid params: send a multipart form with params and file.")
        asked = params.parse(sent, request.user)
        upload = request.FILES.get("file")
        if upload is None:
            raise DomainError("Invalid file: there is none in the form.")
        path = files.keep(upload)
        job = jobs.begin(name=upload.name or path.name, path=path, params=asked, by=request.user)
        transaction.on_commit(partial(tasks.ring, job.pk))
        return self.data(jobs.shape(job))

    def delete(self, request: Request) -> Response:
        return self.data(jobs.stop_or_clear())


class Log(ApiView):
    """The log of the last import whose rows one may read, as text."""

    needs = {"GET": IMPORT}

    def get(self, request: Request) -> Response:
        return self.data(jobs.log(jobs.readable(request.user).first()))


class Rejects(ApiView):
    """The rejected rows of the last import whose rows one may read, as CSV (ours)."""

    needs = {"GET": IMPORT}

    def get(self, request: Request) -> StreamingHttpResponse:
        job = jobs.readable(request.user).first()
        if job is None:
            raise DomainError("There is no import.")
        return StreamingHttpResponse(
            jobs.rejects(job),
            content_type="text/csv; charset=utf-8",
            headers={
                "Content-Disposition": 'attachment; filename="rejected.csv"',
                "Cache-Control": "no-cache",
            },
        )
