"""A subscriber as letters see them, for mail outside the engine's batches: tests, transactional mail."""

from typing import Any

from listmonk_py.templating.people import first_name, last_name
from subscribers.models import Subscriber


def recipient_of(person: Subscriber) -> dict[str, Any]:
    """The mapping that letters are rendered with (contract 6.2). Somebody unsaved has no id and no UUID."""
    known = person.pk is not None
    return {
        "id": person.pk or 0,
        "uuid": str(person.uuid) if known else "",
        "email": person.email,
        "name": person.name,
        "first_name": first_name(person.name),
        "last_name": last_name(person.name),
        "status": person.status if known else "",
        "attribs": person.attribs or {},
        "created_at": person.created_at.isoformat() if known else "",
        "updated_at": person.updated_at.isoformat() if known else "",
    }
