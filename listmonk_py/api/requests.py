"""The request as our views know it."""

from typing import TYPE_CHECKING, Any

from rest_framework.request import Request as RestRequest

if TYPE_CHECKING:
    from listmonk_py.accounts.models import User

    class Request(RestRequest):
        """A request that has passed `SignedIn`: its user is one of ours, never anonymous."""

        user: User  # type: ignore[assignment]
        data: Any  # type: ignore[assignment]

else:
    Request = RestRequest
