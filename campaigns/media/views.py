"""The media part of the API, and the files themselves (contract 3.9)."""

from typing import Any

from django.db.models import QuerySet
from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response

from listmonk_py.api import paging
from listmonk_py.api.errors import DomainError, envelope
from listmonk_py.api.requests import Request
from listmonk_py.api.views import ApiView, pk

from . import storage, uploading
from .models import Media

READ = ("media:get",)
WRITE = ("media:manage",)

# Shown in a browser by these types only; the others are downloads, so that none runs as our page.
INLINE = ("image/png", "image/jpeg", "image/gif", "text/plain", "application/pdf")


def media_out(media: Media) -> dict[str, Any]:
    return {
        "id": media.pk,
        "uuid": media.uuid,
        "filename": media.filename,
        "content_type": media.content_type,
        "created_at": media.created_at,
        "thumb_url": storage.url(media.thumb, media.provider) if media.thumb else None,
        "provider": media.provider,
        "meta": media.meta,
        "url": storage.url(media.filename, media.provider),
    }


class MediaListView(ApiView):
    needs = {"GET": READ, "POST": WRITE}
    parser_classes = (MultiPartParser,)

    def get_queryset(self) -> "QuerySet[Media]":
        return Media.objects.visible_to(self.request.user).filter(provider=storage.provider())

    def get(self, request: Request) -> Response:
        page = paging.asked(request)
        rows = self.get_queryset()
        text = request.query_params.get("query", "")
        if text:
            rows = rows.filter(filename__icontains=text)
        found = page.of(rows.order_by("-created_at", "-id"))
        return self.data(paging.envelope([media_out(row) for row in found], rows.count(), page))

    def post(self, request: Request) -> Response:
        file = request.FILES.get("file")
        if file is None:
            raise DomainError("Invalid file: send one in the form field `file`.")
        media = uploading.upload(file)
        return self.data(media_out(Media.objects.get(pk=media.pk)))


class MediaView(ApiView):
    needs = {"GET": READ, "DELETE": WRITE}

    def get_queryset(self) -> "QuerySet[Media]":
        return Media.objects.visible_to(self.request.user)

    def get(self, request: Request, id: str) -> Response:
        return self.data(media_out(uploading.find(pk(id))))

    def delete(self, request: Request, id: str) -> Response:
        uploading.remove(pk(id))
        return self.data(True)


@require_safe
def serve(request: HttpRequest, name: str) -> HttpResponse | FileResponse | JsonResponse:
    """A stored file, by the exact name of a media row or its thumbnail; nothing else in the folder."""
    media = Media.objects.called(name, prefer=storage.provider())
    try:
        if media is None:
            raise storage.FileIsGone("Not Found")
        file = storage.opened(name, media.provider)
    except storage.FileIsGone:
        return JsonResponse(envelope("Not Found"), status=404)
    except DomainError as error:
        return JsonResponse(envelope(error.message), status=503)
    content_type = media.content_type if name == media.filename else "image/png"
    response = FileResponse(file, content_type=content_type)
    response["Cache-Control"] = "public, max-age=31536000, immutable"
    response["X-Content-Type-Options"] = "nosniff"
    # An SVG may carry scripts: the sandbox keeps them from running when it is opened by itself.
    response["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
    )
    if content_type not in INLINE and not content_type.startswith("image/"):
        response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
