"""Whether what staff wrote can be sent, told when they save it rather than when it goes out."""

import re

from listmonk_py.templating.environment import check as check_syntax
from listmonk_py.templating.errors import TemplateError
from listmonk_py.templating.golang import to_jinja

from .models import Campaign

_FIELD_NAME = re.compile(r"[!-9;-~]{1,76}")  # RFC 5322 section 3.6.8: printable US-ASCII but the colon


def is_header_name(name: str) -> bool:
    return _FIELD_NAME.fullmatch(name) is not None


def check(campaign: Campaign) -> None:
    """Compile every part of the campaign that may hold expressions.

    Raises:
        TemplateError: one of them does not compile; the message names the field and the line.
    """
    check_source(campaign.subject, "subject", html=False)
    check_source(campaign.body, "campaign body", html=campaign.content_type != Campaign.ContentType.PLAIN)
    check_source(campaign.altbody or "", "altbody", html=False)
    for entry in campaign.headers:
        for name, value in entry.items():
            check_source(value, f"header {name}", html=False)


def check_source(source: str, field: str, *, html: bool) -> None:
    """Compile one source.

    Raises:
        TemplateError: with the name of the field in the message.
    """
    try:
        check_syntax(to_jinja(source, html=html))
    except TemplateError as error:
        raise TemplateError(f"Error compiling {field}: {error.reason}", error.line, error.column) from None
