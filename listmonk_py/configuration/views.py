"""GET and PUT /api/settings (contract 3.3). Changes act at once: nothing is ever restarted."""

import urllib.parse
from typing import Any

from rest_framework.response import Response

from listmonk_py.api.requests import Request
from listmonk_py.api.views import ApiView

from . import presenting, runtime, validation


class SettingsView(ApiView):
    needs = {"GET": ("settings:get",), "PUT": ("settings:manage",)}

    def get(self, request: Request) -> Response:
        return self.data(presenting.shown())

    def put(self, request: Request) -> Response:
        runtime.save(validation.checked(self.body(request)), by=request.user)
        return self.data(True)


class SettingView(ApiView):
    """One key; the body is its JSON value. A key that nobody knows is ignored, as in listmonk."""

    needs = {"PUT": ("settings:manage",)}

    def put(self, request: Request, key: str) -> Response:
        value: Any = request.data
        runtime.save(validation.checked({urllib.parse.unquote(key): value}), by=request.user)
        return self.data(True)


class ReloadView(ApiView):
    """listmonk restarts here; we have nothing to restart, but read the settings afresh."""

    needs = {"POST": ("settings:manage",)}

    def post(self, request: Request) -> Response:
        runtime.forget()
        return self.data(True)
