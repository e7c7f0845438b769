"""What a template may say about one recipient (contract 6.2)."""

from typing import Any

import orjson

from listmonk_py.templating.people import first_name, last_name

from .checkpoint import Person


def recipient_of(person: Person) -> dict[str, Any]:
    """The mapping that letters are rendered with."""
    name = person.name
    return {
        "id": person.id,
        "uuid": person.uuid,
        "email": person.email,
        "name": name,
        "first_name": first_name(name),
        "last_name": last_name(name),
        "status": person.status,
        "attribs": orjson.loads(person.attribs),
        "created_at": person.created_at,
        "updated_at": person.updated_at,
    }
