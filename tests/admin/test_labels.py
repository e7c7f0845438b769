"""What columns, forms and pages are called: in words, not in the names of database columns."""

import re
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets, label_for_field
from django.test import RequestFactory

from tests.factories import make_user

pytestmark = pytest.mark.django_db

OURS = sorted(
    (model for model in admin.site._registry if not model.__module__.startswith("django_celery_beat")),
    key=lambda model: model._meta.label,
)
# Made from a column's name by replacing underscores: "created at", "size s", "uuid", "api token".
RAW = re.compile(
    r"(?<!send) at$| s$|\b(uuid|id|api|url|attribs|optin|loggedin|tx|params|altbody|html|args)\b|_"
)


def labels(model: Any) -> set[str]:
    page = admin.site._registry[model]
    request = RequestFactory().get("/admin/")
    request.user = make_user(superadmin=True)
    names = {*page.list_display, *page.get_readonly_fields(request), *shown_fields(page, request)}
    found = {str(label_for_field(name, model, page)) for name in names if is_known(page, name)}
    return found | {str(model._meta.verbose_name), str(model._meta.verbose_name_plural)}


def shown_fields(page: Any, request: Any) -> list[str]:
    return (
        []
        if hasattr(page.form, "declared_fields") and page.fieldsets
        else flatten_fieldsets(page.get_fieldsets(request))
    )


def is_known(page: Any, name: Any) -> bool:
    return hasattr(page, name) or name == "__str__" or name in {one.name for one in page.opts.get_fields()}


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
def test_labels_are_words(model: Any) -> None:
    assert not [label for label in labels(model) if RAW.search(label)]
