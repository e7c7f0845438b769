"""Which language a subscriber reads: the attribute `lang`, else `locale`, such as "de" or "pt-BR"."""

from collections.abc import Mapping
from typing import Any

from listmonk_py.configuration import languages

from .models import Subscriber

# The first of them that names a language we have texts in; the preferences page writes the first.
ATTRIBUTES = ("lang", "locale")


def language_of(person: Subscriber) -> str | None:
    """The code of the person's language; None when nothing tells, or there are no texts in it."""
    attribs: Any = person.attribs
    if not isinstance(attribs, Mapping):
        return None
    said = [attribs.get(name) for name in ATTRIBUTES]
    return languages.match(one for one in said if isinstance(one, str) and len(one) < 100)


def mail_language(person: Subscriber) -> str:
    """The language of a mail to the person: theirs, else the installation's."""
    return language_of(person) or languages.of_site()
