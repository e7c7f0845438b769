"""A test of a campaign to an address of staff, who need not be subscribers of anything."""

from typing import TYPE_CHECKING

from listmonk_py.api.errors import DomainError
from listmonk_py.mail.addresses import InvalidEmail, normalise_email
from subscribers.models import Subscriber

from . import preflight, testing
from .models import Campaign

if TYPE_CHECKING:
    from listmonk_py.accounts.models import User


def send(campaign: Campaign, address: str, user: "User") -> str:
    """Send `campaign` as it is stored to `address` now; returns the address as it was used.

    Somebody who is a subscriber gets it with their own fields, others with their name and address alone.

    Raises:
        DomainError: the address is none, the campaign does not render, or the server refused; in words.
    """
    try:
        email = normalise_email(address)
    except InvalidEmail as error:
        raise DomainError(f"{address!r} is not an address. {error.reason}") from None
    person = Subscriber.objects.visible_to(user).with_email(email).first()
    if person is None:
        name = user.name if user.email and user.email.lower() == email else ""
        person = Subscriber(email=email, name=name or email.partition("@")[0])
    testing.deliver(campaign, [person])
    preflight.note_tested(campaign)
    return email
