"""What an import is asked to do (contract 7.1)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from listmonk_py.api import body
from listmonk_py.api.errors import DomainError, Forbidden

from ..models import List, Subscription
from ..people import sees_everybody

if TYPE_CHECKING:
    from listmonk_py.accounts.models import User

SUBSCRIBE = "subscribe"
BLOCKLIST = "blocklist"
COLUMNS = ("email", "name", "attributes")


@dataclass(frozen=True, slots=True)
class Params:
    """Checked parameters.

    Attributes:
        mode: `subscribe` or `blocklist`.
        subscription_status: of new subscriptions.
        delim: the one character between fields.
        lists: ids of existing lists that the importer may change; empty for blocklisting.
        overwrite_userinfo: names and attributes in the file replace stored ones.
        overwrite_subscription_status: so does the status.
        within: only people on one of these lists, or nobody's yet, are written to; None: everybody is.
        columns: other names in the header -> `email`, `name` or `attributes` (ours).
    """

    mode: str
    delim: str = ","
    subscription_status: str = Subscription.Status.UNCONFIRMED
    lists: tuple[int, ...] = ()
    overwrite_userinfo: bool = False
    overwrite_subscription_status: bool = False
    within: tuple[int, ...] | None = None
    columns: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Params":
        known = {key: stored[key] for key in cls.__slots__ if key in stored}
        within = known.get("within")
        known |= {
            "lists": tuple(known.get("lists", ())),
            "within": None if within is None else tuple(within),
        }
        return cls(**known)


def parse(text: str, user: "User") -> Params:
    """Read and check the `params` field of the upload.

    Raises:
        DomainError: it is no JSON object, or a value is wrong.
        Forbidden: subscribing, and no list is given that the user may change.
    """
    try:
        sent = orjson.loads(text or "")
    except orjson.JSONDecodeError as error:
        raise DomainError(f"Invalid params: {error}") from None
    if not isinstance(sent, dict):
        raise DomainError("Invalid params: expected a JSON object.")
    mode = body.text(sent, "mode")
    if mode not in (SUBSCRIBE, BLOCKLIST):
        raise DomainError("Invalid mode")
    overwrite = body.flag(sent, "overwrite")
    return Params(
        mode=mode,
        delim=_delimiter(body.text(sent, "delim")),
        subscription_status=_status(body.text(sent, "subscription_status"), mode),
        lists=_lists(body.ids(sent, "lists") or [], user) if mode == SUBSCRIBE else (),
        overwrite_userinfo=overwrite or body.flag(sent, "overwrite_userinfo"),
        overwrite_subscription_status=overwrite or body.flag(sent, "overwrite_subscription_status"),
        within=None if sees_everybody(user) else tuple(sorted(user.readable_list_ids() or ())),
        columns=_columns(body.mapping(sent, "columns") or {}),
    )


def _delimiter(text: str) -> str:
    if len(text.encode()) != 1 or text in '"\r\n\0':
        raise DomainError("Delimiter should be a single character.")
    return text


def _status(text: str, mode: str) -> str:
    if not text:
        return Subscription.Status.UNCONFIRMED if mode == SUBSCRIBE else Subscription.Status.UNSUBSCRIBED
    if text not in Subscription.Status.values:
        raise DomainError("Invalid subscription status")
    return text


def _lists(asked: list[int], user: "User") -> tuple[int, ...]:
    permitted = List.objects.manageable_by(user).filter(pk__in=asked).values_list("pk", flat=True)
    found = tuple(sorted(permitted))
    if not found:
        if asked and user.manageable_list_ids() is None:
            raise DomainError("None of these lists exists. Choose others.")
        raise Forbidden("Permission denied: lists")
    return found


def _columns(sent: dict[str, Any]) -> dict[str, str]:
    for header, column in sent.items():
        if column not in COLUMNS:
            raise DomainError(f"columns: {header} can stand for email, name or attributes.")
    return {header.strip().lower(): column for header, column in sent.items()}
