"""`/admin/custom.css` and `/admin/custom.js`: what staff have put into the appearance settings, verbatim."""

from django.http import HttpResponse
from rest_framework.response import Response

from listmonk_py.accounts.pages import redirect_to_login
from listmonk_py.api.errors import Forbidden
from listmonk_py.api.requests import Request
from listmonk_py.api.views import ApiView
from listmonk_py.configuration import runtime


class CustomFileView(ApiView):
    """For any login; without one listmonk leads to signing in, like every page of the admin."""

    needs = {"GET": ()}
    setting = ""
    content_type = ""

    def get(self, request: Request) -> HttpResponse:
        return HttpResponse(runtime.get(self.setting), content_type=f"{self.content_type}; charset=utf-8")

    def handle_exception(self, error: Exception) -> Response | HttpResponse:  # type: ignore[override]
        response = super().handle_exception(error)
        if isinstance(error, Forbidden) or response.status_code == Forbidden.status:
            return redirect_to_login(self.request._request)
        return response


class CustomCssView(CustomFileView):
    setting = "appearance.admin.custom_css"
    content_type = "text/css"


class CustomJsView(CustomFileView):
    setting = "appearance.admin.custom_js"
    content_type = "application/javascript"
