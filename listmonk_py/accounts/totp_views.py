"""Two-factor authentication of the caller (contract 3.12); the id in the path is ignored, as in listmonk."""

from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.response import Response

from listmonk_py.api.errors import DomainError
from listmonk_py.api.parsing import Json
from listmonk_py.api.requests import Request
from listmonk_py.api.views import ApiView

from . import totp


def _field(request: Request, name: str) -> str:
    value = request.data.get(name, "") if hasattr(request.data, "get") else ""
    if not isinstance(value, str):
        raise DomainError(f"Invalid fields: {name} must be text.")
    return value


class TotpView(ApiView):
    needs = {"GET": ()}

    def get(self, request: Request, pk_text: str) -> Response:
        return self.data(totp.offer(request.user))


class TwofaView(ApiView):
    """Form bodies, as listmonk takes them; JSON works too."""

    needs = {"PUT": (), "DELETE": ()}
    parser_classes = (FormParser, MultiPartParser, Json)

    def put(self, request: Request, pk_text: str) -> Response:
        if _field(request, "type") != "totp":
            raise DomainError("Invalid fields: type must be totp.")
        totp.switch_on(request.user, _field(request, "secret"), _field(request, "code"))
        return self.data(True)

    def delete(self, request: Request, pk_text: str) -> Response:
        totp.switch_off(request.user, _field(request, "password"))
        return self.data(True)
