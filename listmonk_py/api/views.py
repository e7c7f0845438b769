"""Base classes of all REST views.

A view states `needs` (who may call it) and, when it shows rows, has a `get_queryset` that calls
`visible_to(user)`; a test walks the URL resolver and fails on any view that does neither.
"""

from typing import Any

from rest_framework.response import Response
from rest_framework.views import APIView

from listmonk_py.api.requests import Request

from .errors import DomainError, NotBuilt
from .permissions import Public


class ApiView(APIView):
    """A signed-in view. `needs` maps methods to permissions of which one is enough."""

    needs: dict[str, tuple[str, ...]] = {}
    request: Request

    @staticmethod
    def data(value: Any, status: int = 200) -> Response:
        """The success envelope `{"data": ...}`."""
        return Response({"data": value}, status=status)

    @staticmethod
    def body(request: Request) -> dict[str, Any]:
        """The JSON object of the request.

        Raises:
            DomainError: the body is JSON, but not an object.
        """
        if not isinstance(request.data, dict):
            raise DomainError("The body must be a JSON object.")
        return request.data


class PublicView(ApiView):
    """Open to strangers."""

    authentication_classes = ()
    permission_classes = (Public,)


class NotBuiltView(ApiView):
    """A route of listmonk's that is not served yet: 501 with a sentence, never an empty shape."""

    needs = {"*": ()}
    feature = "This feature"

    def dispatch_missing(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        raise NotBuilt(f"{self.feature} is not available in this version.")

    get = post = put = patch = delete = dispatch_missing


def pk(text: str) -> int:
    """A path's `:id`.

    Raises:
        DomainError: it is not a positive number (listmonk answers 400 `invalid ID`).
    """
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 2**31:
        raise DomainError("invalid ID")
    return int(text)
