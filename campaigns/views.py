"""The campaigns part of the API: listing, reading, writing, deleting (contract 3.7)."""

from typing import Any

from django.db.models import QuerySet
from rest_framework.response import Response

from listmonk_py.api import paging
from listmonk_py.api.errors import DomainError
from listmonk_py.api.query import is_set
from listmonk_py.api.requests import Request
from listmonk_py.api.views import ApiView, pk
from tracking import counts

from . import deleting, writing
from .models import Campaign
from .search import containing
from .serializers import ArchiveIn, CampaignIn, campaign_out
from .status import Status

READ = ("campaigns:get_all", "campaigns:get")
WRITE = ("campaigns:manage_all", "campaigns:manage")

SORTABLE = {"name": "name", "status": "status", "created_at": "created_at", "updated_at": "updated_at"}


class CampaignsView(ApiView):
    needs = {"GET": READ, "POST": WRITE, "DELETE": WRITE}

    def get_queryset(self) -> "QuerySet[Campaign]":
        return Campaign.objects.visible_to(self.request.user)

    def get(self, request: Request) -> Response:
        page = paging.asked(request)
        rows = filtered(self.get_queryset(), request)
        total = rows.count()
        order = paging.ordering(request, SORTABLE, default="created_at")
        found = list(page.of(rows.order_by(*order).prefetch_related("campaign_lists", "campaign_media")))
        if not found:
            return self.data(paging.envelope([], 0, paging.Page(0, 0)))
        return self.data(
            paging.envelope(
                shown(found, body=not no_body(request)),
                total,
                page,
                query=request.query_params.get("query", ""),
            )
        )

    def post(self, request: Request) -> Response:
        asked = CampaignIn(data=self.body(request))
        asked.is_valid(raise_exception=True)
        campaign = writing.create(dict(asked.validated_data), request.user)
        return self.data(one(campaign.pk))

    def delete(self, request: Request) -> Response:
        ids = deleting.matching(
            request.user,
            ids=paging.ids(request, "id", fail=DomainError),
            query=request.query_params.get("query", ""),
            everything=is_set(request, "all"),
        )
        deleting.delete(ids)
        return self.data(True)


class CampaignView(ApiView):
    needs = {"GET": READ, "PUT": WRITE, "DELETE": WRITE}

    def get_queryset(self) -> "QuerySet[Campaign]":
        return Campaign.objects.visible_to(self.request.user)

    def get(self, request: Request, id: str) -> Response:
        campaign = writing.find(pk(id), request.user)
        return tagged(self.data(shown([campaign], body=not no_body(request))[0]), campaign)

    def put(self, request: Request, id: str) -> Response:
        asked = CampaignIn(data=self.body(request))
        asked.is_valid(raise_exception=True)
        campaign = writing.update(
            pk(id),
            dict(asked.validated_data),
            request.user,
            if_match=version_of(request.headers.get("If-Match")),
        )
        return tagged(self.data(one(campaign.pk)), campaign)

    def delete(self, request: Request, id: str) -> Response:
        campaign = writing.find(pk(id), request.user, manage=True)
        deleting.delete([campaign.pk])
        return self.data(True)


class CampaignArchiveView(ApiView):
    needs = {"PUT": WRITE}

    def get_queryset(self) -> "QuerySet[Campaign]":
        return Campaign.objects.visible_to(self.request.user)

    def put(self, request: Request, id: str) -> Response:
        asked = ArchiveIn(data=self.body(request))
        asked.is_valid(raise_exception=True)
        return self.data(writing.set_archive(pk(id), dict(asked.validated_data), request.user))


def filtered(rows: "QuerySet[Campaign]", request: Request) -> "QuerySet[Campaign]":
    """By `status` (any of), `tag` (all of) and the words of `query`.

    Raises:
        DomainError: a status is unknown.
    """
    statuses = [text for text in request.query_params.getlist("status") if text]
    for status in statuses:
        if status not in Status.values:
            raise DomainError(f"status: `{status}` is none of {', '.join(Status.values)}.")
    if statuses:
        rows = rows.filter(status__in=statuses)
    tags = [tag for tag in request.query_params.getlist("tag") if tag]
    if tags:
        rows = rows.filter(tags__contains=tags)
    return containing(rows, request.query_params.get("query", ""), fields=("name", "subject"))


def shown(campaigns: list[Campaign], *, body: bool = True) -> list[dict[str, Any]]:
    found = counts.of_campaigns([campaign.pk for campaign in campaigns])
    return [campaign_out(campaign, found.get(campaign.pk), body=body) for campaign in campaigns]


def one(campaign_id: int) -> dict[str, Any]:
    """The campaign as it is stored now, with what the database filled in."""
    row = Campaign.objects.prefetch_related("campaign_lists", "campaign_media").get(pk=campaign_id)
    return shown([row])[0]


def no_body(request: Request) -> bool:
    return is_set(request, "no_body")


def tagged(response: Response, campaign: Campaign) -> Response:
    """With the version as ETag, so that two editors do not overwrite each other."""
    response["ETag"] = f'"{campaign.version}"'
    return response


def version_of(header: str | None) -> int | None:
    """The version that `If-Match` names; None when it is absent or `*` (RFC 9110 section 13.1.1).

    Raises:
        DomainError: it is no tag of ours.
    """
    if header is None or header.strip() == "*":
        return None
    text = header.strip().removeprefix("W/").strip('"')
    if not text.isdigit():
        raise DomainError("If-Match: send the ETag that reading the campaign gave.")
    return int(text)
