"""Answers to what no view took: JSON under /api, an HTML page elsewhere, as in listmonk."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse

from listmonk_py.configuration.public_page import message

JSON_PATHS = ("/api/",)


def _answer(request: HttpRequest, status: int, title: str, text: str) -> HttpResponse:
    if request.path.startswith(JSON_PATHS):
        return JsonResponse({"message": text}, status=status)
    return message(request, title, text, status=status)


def bad_request(request: HttpRequest, exception: Any = None) -> HttpResponse:
    return _answer(request, 400, "Bad request", "This request cannot be understood.")


def forbidden(request: HttpRequest, exception: Any = None) -> HttpResponse:
    return _answer(request, 403, "Not allowed", str(exception or "permission denied"))


def not_found(request: HttpRequest, exception: Any = None) -> HttpResponse:
    return _answer(request, 404, "Not found", "There is nothing at this address.")


def server_error(request: HttpRequest) -> HttpResponse:
    return _answer(
        request, 500, "Something went wrong", "Something went wrong on our side. It is in the log."
    )
