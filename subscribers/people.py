"""What staff do with one person: find, create, change (contract 2.3, 2.4, 3.5)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction

from listmonk_py.api.errors import Conflict, DomainError, Forbidden, NotFound
from listmonk_py.configuration import runtime
from listmonk_py.mail.addresses import name_from_email

from . import consent
from .models import Subscriber, Subscription

if TYPE_CHECKING:
    from listmonk_py.accounts.models import User

LONGEST_NAME = 2000


def readable(subscriber_id: int, user: "User") -> Subscriber:
    """The person, when the user may see them.

    Raises:
        Forbidden: the user may not; for users with limited access also when there is no such person.
        NotFound: there is none.
    """
    return _one(Subscriber.objects.visible_to(user), subscriber_id, user)


def manageable(subscriber_id: int, user: "User") -> Subscriber:
    """The person, when the user may change them.

    Raises:
        Forbidden, NotFound: as `readable`.
    """
    return _one(Subscriber.objects.manageable_by(user), subscriber_id, user)


def _one(people: Any, subscriber_id: int, user: "User") -> Subscriber:
    found: Subscriber | None = people.filter(pk=subscriber_id).first()
    if found is not None:
        return found
    if sees_everybody(user):
        raise NotFound(f"Subscriber ({subscriber_id}: ) not found")
    raise Forbidden(f"Permission denied: subscriber: {subscriber_id}")


def sees_everybody(user: "User") -> bool:
    """Whether no list limits whom the user sees; only then may "there is nobody" be said."""
    return user.readable_list_ids() is None or user.may("subscribers:get_all")


def check_manageable(subscriber_ids: list[int], user: "User") -> None:
    """
    Raises:
        Forbidden: the user may not change one of these people, or, with limited access, one of them
            does not exist.
    """
    if sees_everybody(user):
        return
    mine = set(
        Subscriber.objects.manageable_by(user).filter(pk__in=subscriber_ids).values_list("pk", flat=True)
    )
    for one in subscriber_ids:
        if one not in mine:
            raise Forbidden(f"Permission denied: subscriber: {one}")


def permitted_lists(list_ids: list[int], user: "User") -> list[int]:
    """Those of `list_ids` that the user may change.

    Raises:
        Forbidden: there are some, and the user may change none of them.
    """
    allowed = user.manageable_list_ids()
    if allowed is None:
        return list_ids
    permitted = [pk for pk in list_ids if pk in allowed]
    if list_ids and not permitted:
        raise Forbidden("Permission denied: lists")
    return permitted


def create(values: Mapping[str, Any], user: "User") -> Subscriber:
    """A new person; the opt-in mail for double opt-in lists leaves after the commit.

    Args:
        values: `email`, and optionally `name`, `status`, `attribs`, `lists` (ids; unknown ones are
            passed over), `preconfirm_subscriptions`.

    Raises:
        InvalidEmail, DomainRefused: the address cannot be taken.
        Conflict: somebody has this address already, in any case.
        Forbidden: lists are given, and the user may change none of them.
    """
    email = consent.checked_address(values.get("email") or "")
    lists = permitted_lists(values.get("lists") or [], user)
    preconfirmed = bool(values.get("preconfirm_subscriptions"))
    person = Subscriber(
        email=email,
        name=(values.get("name") or "").strip() or name_from_email(email),
        attribs=values.get("attribs") or {},
        status=values.get("status") or Subscriber.Status.ENABLED,
    )
    with transaction.atomic():
        _save(person)
        consent.subscribe([person.pk], lists, status=_given_status(preconfirmed))
        if lists and not preconfirmed:
            _mail_optin(person, lists)
    person.refresh_from_db(fields=("created_at",))
    return person


def replace(subscriber_id: int, values: Mapping[str, Any], user: "User") -> Subscriber:
    """PUT: what is not given is emptied (attributes, lists within the user's reach), but a blank name or
    status keeps the stored one.

    Raises:
        as `create`, and NotFound.
    """
    full = {**values, "lists": values.get("lists") or [], "attribs": values.get("attribs") or {}}
    full["email"] = values.get("email") or ""
    return _change(subscriber_id, full, user, merge_attribs=False)


def amend(subscriber_id: int, values: Mapping[str, Any], user: "User") -> Subscriber:
    """PATCH: only what is given changes; attributes are merged at the top level.

    Raises:
        as `create`, and NotFound.
    """
    return _change(subscriber_id, values, user, merge_attribs=True)


@transaction.atomic
def _change(
    subscriber_id: int, values: Mapping[str, Any], user: "User", *, merge_attribs: bool
) -> Subscriber:
    manageable(subscriber_id, user)
    person = Subscriber.objects.select_for_update(no_key=True).get(pk=subscriber_id)
    if values.get("email") is not None:
        person.email = consent.checked_address(values["email"])
    person.name = (values.get("name") or "").strip() or person.name
    if values.get("attribs") is not None:
        kept = person.attribs or {} if merge_attribs else {}
        person.attribs = {**kept, **values["attribs"]}
    _save(person, fields=("email", "name", "attribs", "updated_at"))
    if values.get("status") and values["status"] != person.status:
        consent.set_status([person.pk], values["status"])
        person.status = values["status"]
    preconfirmed = bool(values.get("preconfirm_subscriptions"))
    lists = values.get("lists")
    if lists is not None:
        permitted = permitted_lists(lists, user)
        within = user.manageable_list_ids()
        consent.replace_lists(person.pk, permitted, within=within, status=_given_status(preconfirmed))
    if not preconfirmed:
        _mail_optin(person, None)
    return person


def _save(person: Subscriber, fields: tuple[str, ...] | None = None) -> None:
    if len(person.name) > LONGEST_NAME:
        raise DomainError(f"The name is longer than {LONGEST_NAME} characters.", field="name")
    try:
        with transaction.atomic():
            person.save(update_fields=fields)
    except IntegrityError as error:
        if "subscriber_email_is_unique" not in str(error):
            raise
        raise Conflict("E-mail already exists.") from None


def _given_status(preconfirmed: bool) -> str:
    return Subscription.Status.CONFIRMED if preconfirmed else Subscription.Status.UNCONFIRMED


def _mail_optin(person: Subscriber, list_ids: list[int] | None) -> None:
    if runtime.get("app.send_optin_confirmation"):
        consent.send_optin(person, list_ids)
