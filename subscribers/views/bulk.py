"""Changes to many people at once, by ids or by query (contract 3.5)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rest_framework.response import Response

from listmonk_py.api import body
from listmonk_py.api.errors import DomainError
from listmonk_py.api.requests import Request
from listmonk_py.api.views import ApiView, pk

from .. import bulk, finding, people
from ..models import Subscription
from ..segments import saved
from ..segments.rules import both
from ..segments.rules import parse as parse_rule

if TYPE_CHECKING:
    from listmonk_py.accounts.models import User

MANAGE = ("subscribers:manage",)


def given_ids(request: Request, message: str) -> list[int]:
    """The `ids` of the body, all of which the caller may change.

    Raises:
        DomainError: there are none.
        Forbidden: one of them is out of reach.
    """
    ids = body.ids(ApiView.body(request), "ids")
    if not ids:
        raise DomainError(message)
    people.check_manageable(ids, request.user)
    return ids


def asked_people(sent: dict[str, Any], user: "User") -> finding.Asked:
    given = None if sent.get("segment") is None else parse_rule(sent["segment"])
    segment_id = body.id(sent, "segment_id")
    kept = saved.rule_of(saved.readable(segment_id, user)) if segment_id else None
    return finding.Asked(
        search=body.text(sent, "search"),
        condition=body.text(sent, "query", most=20_000),
        list_ids=tuple(body.ids(sent, "list_ids") or ()),
        subscription_status=body.text(sent, "subscription_status"),
        segment=both(given, kept),
    )


def chosen_ids(request: Request, *, everybody_by_default: bool = False) -> Sequence[int]:
    """The people that the body's search, query and lists describe.

    Raises:
        DomainError: nothing narrows it down, and `all` does not say that this is meant.
    """
    sent = ApiView.body(request)
    asked = asked_people(sent, request.user)
    narrowed = asked.is_narrowed or body.flag(sent, "all")
    if not narrowed and not everybody_by_default:
        raise DomainError("Invalid fields: query. Give search or query, or say all: true.")
    return finding.matching_ids(asked, request.user, manage=True)


def target_lists(request: Request) -> list[int]:
    """
    Raises:
        DomainError: there are none.
        Forbidden: the caller may change none of them.
    """
    ids = body.ids(ApiView.body(request), "target_list_ids")
    if not ids:
        raise DomainError("No lists given.")
    return people.permitted_lists(ids, request.user)


def asked_change(request: Request) -> tuple[bulk.Action, str]:
    """The action and, for adding, the subscription status; blank is unconfirmed."""
    sent = ApiView.body(request)
    action = bulk.parse_action(body.text(sent, "action"))
    return action, body.choice(sent, "status", Subscription.Status.values)


class Blocklist(ApiView):
    needs = {"PUT": MANAGE}

    def put(self, request: Request) -> Response:
        bulk.blocklist(given_ids(request, "One or more IDs are invalid: ids"))
        return self.data(True)


class Lists(ApiView):
    """Add people to lists, take them off, unsubscribe them. With an id in the path, that person alone;
    the body needs ids all the same, as in listmonk."""

    needs = {"PUT": MANAGE}

    def put(self, request: Request, subscriber_id: str | None = None) -> Response:
        ids = given_ids(request, "No IDs given.")
        if subscriber_id is not None:
            ids = [pk(subscriber_id)]
            people.check_manageable(ids, request.user)
        action, status = asked_change(request)
        bulk.change_lists(ids, action, target_lists(request), status=status)
        return self.data(True)


class QueryDelete(ApiView):
    needs = {"POST": MANAGE}

    def post(self, request: Request) -> Response:
        bulk.delete(chosen_ids(request))
        return self.data(True)


class QueryBlocklist(ApiView):
    needs = {"PUT": MANAGE}

    def put(self, request: Request) -> Response:
        bulk.blocklist(chosen_ids(request))
        return self.data(True)


class QueryLists(ApiView):
    """As `Lists`, for whom a query finds. Adding leaves subscriptions alone that are there already."""

    needs = {"PUT": MANAGE}

    def put(self, request: Request) -> Response:
        action, status = asked_change(request)
        lists = target_lists(request)
        ids = chosen_ids(request, everybody_by_default=True)
        bulk.change_lists(ids, action, lists, status=status, overwrite=False)
        return self.data(True)
