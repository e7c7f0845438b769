"""`{% t "page.optin.to" who=name %}`: a text in the language of the page or mail (`language` in its context)."""

from typing import Any

from django import template
from django.template.defaultfilters import date
from django.utils import translation
from django.utils.html import format_html
from django.utils.safestring import SafeString

from listmonk_py.configuration import languages

register = template.Library()


@register.simple_tag(takes_context=True)
def t(context: template.Context, key: str, **values: Any) -> SafeString:
    return languages.translate_html(key, context["language"], **values)


@register.simple_tag(takes_context=True)
def day(context: template.Context, at: Any, kind: str = "day") -> str:
    """A date as the language writes it; `kind` is "day" or "month"."""
    pattern = languages.translate(f"page.archive.{kind}Format", context["language"])
    with translation.override(context["language"]):
        return str(date(at, pattern))


@register.filter
def person(who: str) -> SafeString:
    """Whom a sentence is about, for a placeholder in it: may break anywhere, and stands out."""
    return format_html('<span class="who">{}</span>', who)


@register.filter
def strong(text: str) -> SafeString:
    return format_html("<strong>{}</strong>", text)
