"""The templates part of the API (contract 3.8)."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.response import Response

from listmonk_py.api.requests import Request
from listmonk_py.api.views import ApiView, pk

from . import preview, template_writing
from .models import Template
from .serializers import TemplateIn, template_out
from .views import no_body

READ = ("templates:get",)
WRITE = ("templates:manage",)


class TemplatesView(ApiView):
    needs = {"GET": READ, "POST": WRITE}

    def get_queryset(self) -> "QuerySet[Template]":
        return Template.objects.visible_to(self.request.user)

    def get(self, request: Request) -> Response:
        return self.data(everything(self.get_queryset(), body=not no_body(request)))

    def post(self, request: Request) -> Response:
        asked = TemplateIn(data=self.body(request))
        asked.is_valid(raise_exception=True)
        template = template_writing.create(dict(asked.validated_data))
        return self.data(template_out(Template.objects.get(pk=template.pk)))


class TemplateView(ApiView):
    needs = {"GET": READ, "PUT": WRITE, "DELETE": WRITE}

    def get_queryset(self) -> "QuerySet[Template]":
        return Template.objects.visible_to(self.request.user)

    def get(self, request: Request, id: str) -> Response:
        return self.data(template_out(template_writing.find(pk(id)), body=not no_body(request)))

    def put(self, request: Request, id: str) -> Response:
        asked = TemplateIn(data=self.body(request))
        asked.is_valid(raise_exception=True)
        template = template_writing.update(pk(id), dict(asked.validated_data))
        return self.data(template_out(Template.objects.get(pk=template.pk)))

    def delete(self, request: Request, id: str) -> Response:
        template_writing.delete(pk(id))
        return self.data(True)


class TemplateDefaultView(ApiView):
    needs = {"PUT": WRITE}

    def get_queryset(self) -> "QuerySet[Template]":
        return Template.objects.visible_to(self.request.user)

    def put(self, request: Request, id: str) -> Response:
        template_writing.set_default(pk(id))
        return self.data(everything(Template.objects.all()))


class TemplatePreviewView(ApiView):
    needs = {"GET": READ}

    def get_queryset(self) -> "QuerySet[Template]":
        return Template.objects.visible_to(self.request.user)

    def get(self, request: Request, id: str) -> HttpResponse:
        template = template_writing.find(pk(id))
        return HttpResponse(preview.of_template(template), headers=preview.HEADERS)


class UnsavedTemplatePreviewView(ApiView):
    needs = {"POST": READ}
    parser_classes = (FormParser, MultiPartParser)

    def post(self, request: Request) -> HttpResponse:
        asked = form_of(request)
        template = Template(
            name="preview",
            type=asked.get("template_type") or Template.Type.CAMPAIGN,
            subject="preview",
            body=asked.get("body", ""),
        )
        template_writing.check(template)
        return HttpResponse(preview.of_template(template), headers=preview.HEADERS)


def form_of(request: Request) -> dict[str, str]:
    """The form fields of a request; a body that is no form has none."""
    content_type = request.content_type or ""
    if not content_type.startswith(("application/x-www-form-urlencoded", "multipart/form-data")):
        return {}
    return {name: str(value) for name, value in request.data.items()}


def everything(rows: "QuerySet[Template]", *, body: bool = True) -> list[dict[str, Any]]:
    return [template_out(row, body=body) for row in rows.order_by("created_at", "id")]
