"""`/api/subscribers` and single subscribers (contract 3.5)."""

from typing import Any

import orjson
from django.db.models import QuerySet
from rest_framework.response import Response

from listmonk_py.api import body, paging
from listmonk_py.api.errors import DomainError
from listmonk_py.api.requests import Request
from listmonk_py.api.views import ApiView, pk

from .. import bulk, consent, finding, people, presenting, raw_conditions
from ..models import Subscriber
from ..segments import saved
from ..segments.rules import Rule, both
from ..segments.rules import parse as parse_rule

READ = ("subscribers:get", "subscribers:get_all")
MANAGE = ("subscribers:manage",)

LONGEST_EMAIL = 1000


def asked_values(request: Request) -> dict[str, Any]:
    """The fields of a subscriber in the body, of the right JSON types; None where one is absent."""
    sent = ApiView.body(request)
    return {
        "email": body.text(sent, "email", most=LONGEST_EMAIL) if sent.get("email") is not None else None,
        "name": body.text(sent, "name", most=people.LONGEST_NAME),
        "status": body.choice(sent, "status", Subscriber.Status.values),
        "attribs": body.mapping(sent, "attribs"),
        "lists": body.ids(sent, "lists"),
        "preconfirm_subscriptions": body.flag(sent, "preconfirm_subscriptions"),
    }


def asked_people(request: Request) -> finding.Asked:
    """The filters of the query string, for the listing and the export."""
    asked = request.query_params
    return finding.Asked(
        search=asked.get("search", ""),
        condition=asked.get("query", ""),
        list_ids=tuple(paging.ids(request, "list_id", fail=DomainError)),
        subscription_status=asked.get("subscription_status", ""),
        ids=tuple(paging.ids(request, "id", fail=DomainError)),
        segment=both(asked_segment(asked.get("segment", "")), asked_saved(request)),
    )


def asked_segment(text: str) -> Rule | None:
    """The rule in the parameter `segment` (ours), a JSON object.

    Raises:
        DomainError: it is no rule.
    """
    if not text:
        return None
    try:
        return parse_rule(orjson.loads(text))
    except orjson.JSONDecodeError as error:
        raise DomainError(f"segment is not valid JSON: {error}") from None


def asked_saved(request: Request) -> Rule | None:
    """The rule of the saved segment that the parameter `segment_id` (ours) names.

    Raises:
        DomainError: there is none.
    """
    ids = paging.ids(request, "segment_id", fail=DomainError)
    if len(ids) > 1:
        raise DomainError("Give one segment_id.")
    return saved.rule_of(saved.readable(ids[0], request.user)) if ids else None


def asked_order(request: Request) -> finding.Order:
    name = request.query_params.get("order_by", "")
    ascending = request.query_params.get("order") == "asc"
    return finding.Order(name if name in finding.ORDERS else "id", ascending)


class Subscribers(ApiView):
    """A page of people; creating one; deleting several."""

    needs = {"GET": READ, "POST": MANAGE, "DELETE": MANAGE}

    def get_queryset(self) -> QuerySet[Subscriber]:
        return Subscriber.objects.visible_to(self.request.user)

    def get(self, request: Request) -> Response:
        asked, order, page = asked_people(request), asked_order(request), paging.asked(request)
        cursor = request.query_params.get("cursor")
        further = {}
        with raw_conditions.reading():
            rows = finding.people(asked, request.user)
            total = finding.total(asked, request.user, rows)
            finding.check_size(min(page.per_page or total, total))
            if cursor is None or page.per_page == 0:
                shown = list(page.of(order.apply(rows)))
            else:
                shown, further["next_cursor"] = finding.after(
                    asked, request.user, order, cursor, page.per_page
                )
            results = presenting.shapes(shown, readable=request.user.readable_list_ids())
        answer = paging.envelope(results, total, page, query=asked.condition, search=asked.search)
        return self.data({**answer, **further})

    def post(self, request: Request) -> Response:
        person = people.create(asked_values(request), request.user)
        return self.data(presenting.shape(person, readable=request.user.readable_list_ids()))

    def delete(self, request: Request) -> Response:
        ids = paging.ids(request, "id", fail=DomainError)
        if not ids:
            raise DomainError("One or more IDs are invalid: ids")
        people.check_manageable(ids, request.user)
        bulk.delete(ids)
        return self.data(True)


class OneSubscriber(ApiView):
    """One person, by id."""

    needs = {"GET": READ, "PUT": MANAGE, "PATCH": MANAGE, "DELETE": MANAGE}

    def get_queryset(self) -> QuerySet[Subscriber]:
        return Subscriber.objects.visible_to(self.request.user)

    def get(self, request: Request, subscriber_id: str) -> Response:
        return self._shown(people.readable(pk(subscriber_id), request.user))

    def put(self, request: Request, subscriber_id: str) -> Response:
        return self._shown(people.replace(pk(subscriber_id), asked_values(request), request.user))

    def patch(self, request: Request, subscriber_id: str) -> Response:
        return self._shown(people.amend(pk(subscriber_id), asked_values(request), request.user))

    def delete(self, request: Request, subscriber_id: str) -> Response:
        number = pk(subscriber_id)
        people.check_manageable([number], request.user)
        bulk.delete([number])
        return self.data(True)

    def _shown(self, person: Subscriber) -> Response:
        return self.data(presenting.shape(person, readable=self.request.user.readable_list_ids()))


class Optin(ApiView):
    """Ask a person again to confirm."""

    needs = {"POST": MANAGE}

    def post(self, request: Request, subscriber_id: str) -> Response:
        consent.send_optin(people.manageable(pk(subscriber_id), request.user))
        return self.data(True)


class Blocklist(ApiView):
    """Never mail this person again."""

    needs = {"PUT": MANAGE}

    def put(self, request: Request, subscriber_id: str) -> Response:
        number = pk(subscriber_id)
        people.check_manageable([number], request.user)
        bulk.blocklist([number])
        return self.data(True)
