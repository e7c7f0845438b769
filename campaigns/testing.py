"""Test sends: the campaign as it is, or with unsaved changes, to a few addresses at once (contract 5.9)."""

import time
import uuid
from typing import TYPE_CHECKING, Any

from django.db import transaction

from listmonk_py.api.errors import DomainError
from listmonk_py.mail import messengers
from listmonk_py.mail.letter import RenderError, compile_letter
from listmonk_py.mail.outgoing import Outcome, Result
from subscribers.models import Subscriber

from . import composing, writing
from .models import Campaign
from .recipients import recipient_of

if TYPE_CHECKING:
    from listmonk_py.accounts.models import User

MAX_ADDRESSES = 50
WAIT_S = 20.0


def send_test(campaign_id: int, values: dict[str, Any], addresses: list[str], user: "User") -> list[Result]:
    """Send the campaign, with `values` laid over it, to subscribers with these addresses.

    They travel on the transactional lane, so no running campaign delays them, and are not counted as
    sent; opens and clicks count.

    Raises:
        DomainError: a value is wrong, nobody is known by these addresses, or the server refused; the
            message says which address and what the server said.
    """
    campaign = unsaved(campaign_id, values, user)
    people = _known(addresses, user)
    return deliver(campaign, people)


def unsaved(campaign_id: int, values: dict[str, Any], user: "User") -> Campaign:
    """The campaign with `values` applied, checked like a save, and nothing stored."""
    campaign = writing.find(campaign_id, user, manage=True)
    if not values.get("messenger"):
        raise DomainError("Unknown messenger . Name one, such as `email`.")
    with transaction.atomic():
        writing.overlay(campaign, values, user)
        transaction.set_rollback(True)
    return campaign


def deliver(campaign: Campaign, people: list[Subscriber]) -> list[Result]:
    """Send to `people` and wait for what the server says.

    Raises:
        DomainError: one of them was not accepted.
    """
    messenger = messengers.get(campaign.messenger)
    letter = compile_letter(composing.compose(campaign, message_id_suffix=f"test.{uuid.uuid4().hex[:12]}"))
    write = letter.wire if messenger.wants == "wire" else letter.parts
    try:
        messages = [write(person.pk, recipient_of(person)) for person in people]
    except RenderError as error:
        raise DomainError(f"The campaign cannot be rendered: {error.message}") from None
    transmission = messenger.open("transactional", letter.spec.from_email)
    try:
        transmission.send(messages)
        results = _results(transmission, len(messages))
    finally:
        transmission.close(1.0)
    _check(results, people)
    return results


def _results(transmission: Any, count: int) -> list[Result]:
    results: list[Result] = []
    deadline = time.monotonic() + WAIT_S
    while len(results) < count and time.monotonic() < deadline:
        results.extend(transmission.wait(0.5))
    return results


def _check(results: list[Result], people: list[Subscriber]) -> None:
    emails = {person.pk: person.email for person in people}
    for result in results:
        emails_of = emails.pop(result.key, "")
        if result.outcome is not Outcome.ACCEPTED:
            said = f"{result.code} {result.text}".strip() if result.code else result.text
            raise DomainError(f"The test to {emails_of} was not accepted: {said or result.outcome}")
    if emails:
        raise DomainError(f"The mail server did not answer within {WAIT_S:.0f} seconds. See Settings, SMTP.")


def _known(addresses: list[str], user: "User") -> list[Subscriber]:
    found = []
    for address in dict.fromkeys(addresses[:MAX_ADDRESSES]):
        person = Subscriber.objects.visible_to(user).with_email(address).first()
        if person is not None:
            found.append(person)
    if not found:
        raise DomainError("No known subscribers to test. Add the address as a subscriber first.")
    return found
