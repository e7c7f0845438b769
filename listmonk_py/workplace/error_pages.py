"""Answers to what no view took: JSON under /api, an HTML page elsewhere, as in listmonk."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse

from listmonk_py.configuration.languages import DEFAULT, translate
from listmonk_py.configuration.public_page import message

JSON_PATHS = ("/api/",)


def _answer(request: HttpRequest, status: int, title: str, text: str) -> HttpResponse:
    """`title` and `text` are keys of texts, or sentences; the API speaks English."""
    if request.path.startswith(JSON_PATHS):
        return JsonResponse({"message": translate(text, DEFAULT)}, status=status)
    return message(request, title, text, status=status)


def bad_request(request: HttpRequest, exception: Any = None) -> HttpResponse:
    return _answer(request, 400, "page.badRequest.title", "page.badRequest.text")


def forbidden(request: HttpRequest, exception: Any = None) -> HttpResponse:
    return _answer(request, 403, "page.forbidden.title", str(exception or "permission denied"))


def not_found(request: HttpRequest, exception: Any = None) -> HttpResponse:
    return _answer(request, 404, "page.notFound.title", "page.notFound.text")


def server_error(request: HttpRequest) -> HttpResponse:
    return _answer(request, 500, "page.serverError.title", "page.serverError.text")
