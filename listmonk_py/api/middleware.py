"""What every request passes before Django's own middleware: the size limit, and CORS (contract 3.1)."""

from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

from listmonk_py.configuration import runtime

# Routes whose body may be a file: they have the larger limit and stream to disk.
UPLOADS = ("/api/import/", "/api/media", "/api/tx", "/admin/")

CORS_METHODS = "GET,HEAD,PUT,PATCH,POST,DELETE"
CORS_HEADERS = "Origin, Content-Type, Accept, Authorization"


class BodyLimit:
    """Refuse a body over the limit before reading it (RFC 9110 section 15.5.14)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        limit_mb = settings.MAX_UPLOAD_MB if request.path.startswith(UPLOADS) else settings.MAX_BODY_MB
        length = request.META.get("CONTENT_LENGTH") or "0"
        if length.isdigit() and int(length) > limit_mb * 1024 * 1024:
            return JsonResponse({"message": f"The request body is larger than {limit_mb} MB."}, status=413)
        return self.get_response(request)


class TrustedOrigins:
    """CORS for the origins in security.trusted_urls; off while that is empty."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        origin = request.META.get("HTTP_ORIGIN", "")
        if not origin or not request.path.startswith("/api/"):
            return self.get_response(request)
        allowed = allowed_origin(origin)
        preflight = request.method == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in request.META
        response = HttpResponse(status=204) if allowed and preflight else self.get_response(request)
        if allowed:
            response["Access-Control-Allow-Origin"] = allowed
            response["Vary"] = "Origin"
            if preflight:
                response["Access-Control-Allow-Methods"] = CORS_METHODS
                response["Access-Control-Allow-Headers"] = CORS_HEADERS
        return response


def allowed_origin(origin: str) -> str | None:
    """What Access-Control-Allow-Origin should say to `origin`, or None when it is not trusted."""
    trusted = runtime.get("security.trusted_urls") or []
    if "*" in trusted:
        return "*"
    origins = {f"{url.scheme}://{url.netloc}" for url in map(urlsplit, trusted)}
    return origin if origin in origins else None
