"""Previews, content conversion and test sends in the API (contract 3.7)."""

from typing import Any

import orjson
from django.db.models import QuerySet
from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.response import Response

from listmonk_py.api.errors import DomainError
from listmonk_py.api.requests import Request
from listmonk_py.api.views import ApiView, pk
from listmonk_py.templating.content import convert

from . import preview, testing, writing
from .models import Campaign, Template
from .serializers import CampaignTestIn, LooseString
from .template_views import form_of
from .views import READ, WRITE


class CampaignPreviewView(ApiView):
    needs = {"GET": READ, "POST": READ}
    parser_classes = (FormParser, MultiPartParser)

    def get_queryset(self) -> "QuerySet[Campaign]":
        return Campaign.objects.visible_to(self.request.user)

    def get(self, request: Request, id: str) -> HttpResponse:
        campaign = writing.find(pk(id), request.user)
        changed(campaign, {"template_id": request.query_params.get("template_id", "")})
        return page(campaign)

    def post(self, request: Request, id: str) -> HttpResponse:
        campaign = writing.find(pk(id), request.user)
        changed(campaign, form_of(request))
        return page(campaign)


class CampaignTextView(CampaignPreviewView):
    """listmonk's older name of the same."""

    needs = {"POST": ("campaigns:get",)}
    http_method_names = ["post", "options"]


class ArchivePreviewView(ApiView):
    needs = {"POST": READ}
    parser_classes = (FormParser, MultiPartParser)

    def get_queryset(self) -> "QuerySet[Campaign]":
        return Campaign.objects.visible_to(self.request.user)

    def post(self, request: Request, id: str) -> HttpResponse:
        campaign = writing.find(pk(id), request.user)
        asked = form_of(request)
        changed(campaign, {"template_id": asked.get("template_id", "")})
        return page(campaign, person=_meta(asked.get("archive_meta", "")) or campaign.archive_meta)


class ContentView(ApiView):
    needs = {"POST": WRITE}

    class In(serializers.Serializer[Campaign]):
        body = LooseString(required=False, default="")
        to = LooseString(required=False, default="")

        def get_fields(self) -> Any:
            return {**super().get_fields(), "from": LooseString(required=False, default="")}

    def get_queryset(self) -> "QuerySet[Campaign]":
        return Campaign.objects.visible_to(self.request.user)

    def post(self, request: Request, id: str) -> Response:
        writing.find(pk(id), request.user)
        asked = self.In(data=self.body(request))
        asked.is_valid(raise_exception=True)
        values = asked.validated_data
        return self.data(convert(values["body"], values["from"], values["to"]))


class CampaignTestView(ApiView):
    needs = {"POST": WRITE}

    def get_queryset(self) -> "QuerySet[Campaign]":
        return Campaign.objects.visible_to(self.request.user)

    def post(self, request: Request, id: str) -> Response:
        asked = CampaignTestIn(data=self.body(request))
        asked.is_valid(raise_exception=True)
        values = dict(asked.validated_data)
        addresses = values.pop("subscribers", [])
        testing.send_test(pk(id), values, addresses, request.user)
        return self.data(True)


def changed(campaign: Campaign, asked: dict[str, str]) -> None:
    """Lay a form's unsaved fields over the campaign, in memory.

    Raises:
        DomainError: the template id is not a number.
    """
    if asked.get("content_type") in Campaign.ContentType.values:
        campaign.content_type = asked["content_type"]
    if "body" in asked:
        campaign.body = asked["body"]
    template_id = asked.get("template_id", "")
    if template_id in ("", "0"):
        return
    if not template_id.isdigit():
        raise DomainError("template_id must be a number.")
    campaign.template = Template.objects.filter(pk=int(template_id), type=Template.Type.CAMPAIGN).first()


def page(campaign: Campaign, *, person: dict[str, Any] | None = None) -> HttpResponse:
    html, headers = preview.of_campaign(campaign, person=person)
    return HttpResponse(html, headers=headers)


def _meta(text: str) -> dict[str, Any]:
    if not text:
        return {}
    try:
        meta = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise DomainError("archive_meta must be a JSON object.") from None
    if not isinstance(meta, dict):
        raise DomainError("archive_meta must be a JSON object.")
    return meta
