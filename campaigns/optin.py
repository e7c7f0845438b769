"""The body of an opt-in campaign: which lists, and the link that confirms them (contract 2.2)."""

from collections.abc import Sequence

from django.template.loader import render_to_string
from django.utils.safestring import mark_safe

from listmonk_py.api.errors import DomainError
from listmonk_py.configuration import languages
from subscribers.models import List


def optin_body(lists: Sequence[List]) -> str:
    """HTML in the message template language; private lists are not named.

    Raises:
        DomainError: none of the lists asks for double opt-in.
    """
    double = [row for row in lists if row.optin == List.Optin.DOUBLE]
    if not double:
        raise DomainError("No opt-in lists found to create campaign. Choose a list with double opt-in.")
    names = [row.name if row.type == List.Type.PUBLIC else "" for row in double]
    return render_to_string(
        "campaigns/optin_campaign.html",
        {
            "names": [name for name in names if name],
            "private": names.count(""),
            "language": languages.of_site(),
            "first_name": mark_safe("{{ .Subscriber.FirstName }}"),
            "query": "&amp;".join(f"l={row.uuid}" for row in double),
        },
    ).strip()
