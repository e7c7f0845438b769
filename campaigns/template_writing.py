"""Creating, changing, deleting templates, and which one is the default (contract 2.5, 3.8)."""

import re
from typing import Any

from django.db import transaction

from listmonk_py.api.errors import DomainError, NotFound

from . import checking
from .models import Campaign, Template
from .writing import MAX_NAME, MAX_SUBJECT, touch_content_of

# Go's placeholder for the campaign's content, white space tolerated; Jinja authors write `{{ content }}`.
PLACEHOLDER = re.compile(r"\{\{-?\s*(?:template\s+\"content\"\s+\.|content)\s*-?\}\}")


def find(template_id: int) -> Template:
    """
    Raises:
        NotFound: there is none with this id.
    """
    found = Template.objects.filter(pk=template_id).first()
    if found is None:
        raise NotFound("Template not found")
    return found


def create(values: dict[str, Any]) -> Template:
    """
    Raises:
        DomainError: a field is missing or wrong; the message names it.
    """
    template = Template(
        name=values.get("name", ""),
        type=values.get("type", ""),
        subject=values.get("subject", ""),
        body=values.get("body", ""),
        body_source=values.get("body_source"),
    )
    check(template)
    template.save()
    return template


@transaction.atomic
def update(template_id: int, values: dict[str, Any]) -> Template:
    """Change a template; blank name, body and source keep what is stored, and the type never changes.

    Campaigns that use it act on the change when they are resumed.
    """
    template = find(template_id)
    for name in ("name", "body", "body_source"):
        if values.get(name):
            setattr(template, name, values[name])
    if template.type == Template.Type.TX and ("body" in values or "subject" in values):
        template.subject = values.get("subject", "")
    check(template)
    template.save()
    touch_content_of(template)
    return template


@transaction.atomic
def set_default(template_id: int) -> None:
    """Make it the one default.

    Raises:
        NotFound: there is none with this id; the default stays.
        DomainError: it is not a campaign template; the default stays.
    """
    template = find(template_id)
    if template.type != Template.Type.CAMPAIGN:
        raise DomainError("Only a template for campaigns can be the default.")
    Template.objects.filter(is_default=True).update(is_default=False)
    Template.objects.filter(pk=template.pk).update(is_default=True)


@transaction.atomic
def delete(template_id: int) -> None:
    """Delete a template; its campaigns get the default one.

    Raises:
        DomainError: it is the default, the last one, or not there.
    """
    template = Template.objects.filter(pk=template_id, is_default=False).first()
    if template is None or Template.objects.count() == 1:
        raise DomainError("Cannot delete non-existent or default template")
    default = Template.objects.default()
    Campaign.objects.filter(template=template).update(template=default)
    Campaign.objects.filter(archive_template=template).update(archive_template=default)
    template.delete()


def check(template: Template) -> None:
    """
    Raises:
        DomainError: a field is missing, the placeholder is, or an expression does not compile.
    """
    if not template.name.strip() or len(template.name) > MAX_NAME:
        raise DomainError(f"Invalid length for name: it needs 1 to {MAX_NAME} characters.")
    if template.type not in Template.Type.values:
        raise DomainError("type: use `campaign`, `campaign_visual` or `tx`.")
    if template.type == Template.Type.CAMPAIGN and not PLACEHOLDER.search(template.body):
        raise DomainError('The placeholder {{ template "content" . }} should appear once in the template.')
    if template.type == Template.Type.TX:
        if not template.subject.strip():
            raise DomainError("Missing field(s): subject")
        if len(template.subject) > MAX_SUBJECT:
            raise DomainError(f"Invalid length for subject: it needs 1 to {MAX_SUBJECT} characters.")
        checking.check_source(template.subject, "subject", html=False)
    checking.check_source(PLACEHOLDER.sub("", template.body), "template body", html=True)
