"""Who may be mailed what: every change of a subscription's status, and of a person's blocklisting.

One suppression rule for every path (forms, API, admin, import, bounces): a blocklisted person is
unsubscribed from every list and stays so; whoever adds such a person to a list adds an unsubscribed row.
All functions work on sets of ids, in a bounded number of statements, and lock people in the order of
their ids, so that two of them never deadlock. Sources: contract 2.3, 2.4, 4.1-4.3.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db import connection, transaction
from django.db.models.functions import Now

from listmonk_py.api.errors import DomainError
from listmonk_py.configuration import languages, runtime
from listmonk_py.mail.addresses import DomainRules, name_from_email, normalise_email
from listmonk_py.mail.system import root_url, send_system_mail

from .models import List, Subscriber, Subscription
from .reader_language import ATTRIBUTES, mail_language

# Stands for "no campaign" in the URLs of mails that belong to none.
NO_CAMPAIGN = "00000000-0000-0000-0000-000000000000"
LONGEST_NAME = 2000
LONGEST_PREFERENCES_NAME = 256
MOST_LISTS = 1000


class Existing(Enum):
    """What becomes of a subscription that is there already; the value is the SQL condition for a change."""

    KEEP = "FALSE"
    # Bulk "add to lists" with a status.
    OVERWRITE = "TRUE"
    # The public form: who had left may ask again; a confirmed subscription stays confirmed.
    REJOIN = "old.status = 'unsubscribed'"
    # Saving a person: confirmed and unsubscribed stay.
    EDIT = "old.status = 'unconfirmed'"


# Why SQL: one statement for people x lists. FOR SHARE holds off a blocklisting until the rows are in,
# so that none slips past it. EXCLUDED is 'unsubscribed' for a blocklisted person, who is always set so.
SUBSCRIBE = """
    WITH people AS (
        SELECT id, status FROM subscribers_subscriber
         WHERE id = ANY(%(people)s) ORDER BY id FOR SHARE
    )
    INSERT INTO subscribers_subscription AS old (list_id, subscriber_id, status, meta, updated_at)
    SELECT list.id, people.id,
           CASE people.status WHEN 'blocklisted' THEN 'unsubscribed' ELSE %(status)s END,
           '{{}}', now()
      FROM people CROSS JOIN subscribers_list list
     WHERE list.id = ANY(%(lists)s)
     ORDER BY 1, 2
    ON CONFLICT (list_id, subscriber_id) DO UPDATE
       SET status = EXCLUDED.status, updated_at = now()
     WHERE old.status <> EXCLUDED.status
       AND (EXCLUDED.status = 'unsubscribed' OR {existing})
"""

UNSUBSCRIBE = """
    WITH rows AS (
        SELECT list_id, subscriber_id FROM subscribers_subscription
         WHERE subscriber_id = ANY(%(people)s) AND status <> 'unsubscribed'
           AND (%(lists)s::bigint[] IS NULL OR list_id = ANY(%(lists)s))
         ORDER BY list_id, subscriber_id FOR UPDATE
    )
    UPDATE subscribers_subscription AS s SET status = 'unsubscribed', updated_at = now()
      FROM rows WHERE s.list_id = rows.list_id AND s.subscriber_id = rows.subscriber_id
"""


def subscribe(
    subscriber_ids: Sequence[int],
    list_ids: Collection[int],
    *,
    status: str = Subscription.Status.UNCONFIRMED,
    existing: Existing = Existing.KEEP,
) -> int:
    """Put every person on every list; return how many subscriptions were made or changed.

    Ids that do not exist are passed over.
    """
    return _run(
        SUBSCRIBE.format(existing=existing.value),
        people=list(subscriber_ids),
        lists=list(list_ids),
        status=str(status),
    )


def unsubscribe(subscriber_ids: Sequence[int], list_ids: Collection[int] | None = None) -> int:
    """Unsubscribe people from `list_ids`, or from every list; return how many subscriptions changed."""
    return _run(UNSUBSCRIBE, people=list(subscriber_ids), lists=None if list_ids is None else list(list_ids))


def remove(subscriber_ids: Sequence[int], list_ids: Collection[int]) -> int:
    """Take people off lists without a trace (not an unsubscription); return how many rows went."""
    deleted, _ = Subscription.objects.filter(subscriber_id__in=subscriber_ids, list_id__in=list_ids).delete()
    return deleted


@transaction.atomic
def replace_lists(
    subscriber_id: int,
    list_ids: Collection[int],
    *,
    within: Collection[int] | None = None,
    status: str = Subscription.Status.UNCONFIRMED,
) -> None:
    """Make `list_ids` the person's lists, touching only lists in `within` (None: any list).

    Raises nothing for ids outside `within`; they are passed over, as the caller's permissions demand.
    """
    allowed = None if within is None else set(within)
    wanted = set(list_ids) if allowed is None else set(list_ids) & allowed
    old = Subscription.objects.filter(subscriber_id=subscriber_id).exclude(list_id__in=wanted)
    if allowed is not None:
        old = old.filter(list_id__in=allowed)
    old.delete()
    subscribe([subscriber_id], wanted, status=status, existing=Existing.EDIT)


@transaction.atomic
def blocklist(subscriber_ids: Sequence[int]) -> int:
    """Never mail these people again: blocklisted, and unsubscribed everywhere. Returns how many were new."""
    people = Subscriber.objects.filter(pk__in=subscriber_ids).order_by("pk")
    known = [pk for (pk,) in people.select_for_update(no_key=True).values_list("pk")]
    changed = (
        Subscriber.objects.filter(pk__in=known)
        .exclude(status=Subscriber.Status.BLOCKLISTED)
        .update(status=Subscriber.Status.BLOCKLISTED, updated_at=Now())
    )
    unsubscribe(known)
    return changed


def set_status(subscriber_ids: Sequence[int], status: str) -> int:
    """Set people's status; blocklisting takes `blocklist`'s way. Un-blocklisting restores no subscription."""
    if status == Subscriber.Status.BLOCKLISTED:
        return blocklist(subscriber_ids)
    people = Subscriber.objects.filter(pk__in=subscriber_ids).exclude(status=status)
    return people.update(status=status, updated_at=Now())


def confirm_optin(subscriber: Subscriber, list_ids: Collection[int], *, ip: str | None = None) -> int:
    """Confirm the person's unconfirmed subscriptions among `list_ids`; return how many.

    Unsubscribed ones stay so (listmonk revives them), and a blocklisted person confirms nothing.

    Args:
        ip: kept in the subscription's meta as `optin_ip` when privacy.record_optin_ip is on.
    """
    return _confirm(subscriber, list_ids, Subscription.Status.UNCONFIRMED, ip)


def resubscribe(subscriber: Subscriber, list_ids: Collection[int], *, ip: str | None = None) -> int:
    """Undo an unsubscription; return how many subscriptions came back, as confirmed.

    Confirmed, because only the holder of the mailbox has the link: the proof that opt-in asks for.
    """
    return _confirm(subscriber, list_ids, Subscription.Status.UNSUBSCRIBED, ip)


@transaction.atomic
def _confirm(subscriber: Subscriber, list_ids: Collection[int], source: str, ip: str | None) -> int:
    locked = Subscriber.objects.select_for_update(no_key=True).filter(pk=subscriber.pk).first()
    if locked is None or locked.status == Subscriber.Status.BLOCKLISTED:
        return 0
    rows = Subscription.objects.filter(subscriber_id=locked.pk, list_id__in=list_ids, status=source)
    note = {"optin_ip": ip} if ip and runtime.get("privacy.record_optin_ip") else {}
    changed = 0
    for row in rows:
        changed += rows.filter(list_id=row.list_id).update(
            status=Subscription.Status.CONFIRMED, meta={**row.meta, **note}, updated_at=Now()
        )
    return changed


@transaction.atomic
def save_preferences(
    subscriber: Subscriber,
    *,
    name: str,
    keep: Collection[UUID],
    language: str | None = None,
    ip: str | None = None,
) -> None:
    """What the preferences page stores: the name, the language, and which public lists the person is on.

    Public lists of the person that are not in `keep` are unsubscribed; kept ones that were unsubscribed
    come back. Private lists are untouched.

    Args:
        language: the code of one there are texts in; "" forgets the person's; None leaves it as it is, and
            so does a code that nobody knows.

    Raises:
        DomainError: the name is blank or longer than 256 characters.
    """
    name = name.strip()
    if not name or len(name) > LONGEST_PREFERENCES_NAME or "\0" in name:
        raise DomainError(
            f"Please enter a name of at most {LONGEST_PREFERENCES_NAME} characters.",
            text_key="page.prefs.nameTooLong",
            values={"count": LONGEST_PREFERENCES_NAME},
        )
    Subscriber.objects.filter(pk=subscriber.pk).update(name=name, updated_at=Now())
    subscriber.name = name
    _set_language(subscriber, language)
    mine = List.objects.public().filter(subscriptions__subscriber_id=subscriber.pk)
    kept = set(mine.filter(uuid__in=keep).values_list("pk", flat=True))
    unsubscribe([subscriber.pk], set(mine.values_list("pk", flat=True)) - kept)
    resubscribe(subscriber, kept, ip=ip)


def _set_language(subscriber: Subscriber, language: str | None) -> None:
    """Change one attribute, of the row as it is now: somebody else may be changing others."""
    if language is None or (language and language not in languages.codes().values()):
        return
    row = Subscriber.objects.select_for_update(no_key=True).filter(pk=subscriber.pk).first()
    if row is None:
        return
    attribs = row.attribs if isinstance(row.attribs, dict) else {}
    kept = {name: value for name, value in attribs.items() if name not in ATTRIBUTES}
    row.attribs = {**kept, ATTRIBUTES[0]: language} if language else kept
    row.save(update_fields=["attribs"])
    subscriber.attribs = row.attribs


def wipe(subscriber: Subscriber) -> None:
    """Delete the person and everything that names them. Opens and clicks stay, counted, without a person."""
    Subscriber.objects.filter(pk=subscriber.pk).delete()


@dataclass(frozen=True, slots=True)
class SignUp:
    """What a sign-up led to; `pending` are the double opt-in lists that still need a confirmation."""

    subscriber: Subscriber
    is_new: bool
    pending: tuple[List, ...]


@transaction.atomic
def sign_up(*, email: str, name: str = "", list_uuids: Sequence[UUID], language: str = "") -> SignUp:
    """Subscribe a stranger to public lists: the form and `POST /api/public/subscription`.

    A known address keeps its name and attributes; only its subscriptions change. A blocklisted person
    stays blocklisted and is told nothing of it.

    Args:
        language: of the page they signed up on, when it is not the installation's; a new person keeps it.

    Raises:
        InvalidEmail, DomainRefused: the address cannot be taken.
        DomainError: no list, too many lists, a private list, or too long a name.
    """
    address = checked_address(email)
    name = name.strip().replace("\0", "") or name_from_email(address)
    if len(name) > LONGEST_NAME:
        raise DomainError(
            f"The name is longer than {LONGEST_NAME} characters.",
            text_key="page.form.nameTooLong",
            values={"count": LONGEST_NAME},
        )
    if not list_uuids or len(list_uuids) > MOST_LISTS:
        raise DomainError("No valid lists selected to subscribe.", text_key="public.noListsSelected")
    lists = list(List.objects.filter(uuid__in=list_uuids))
    if any(one.type == List.Type.PRIVATE for one in lists):
        raise DomainError("Invalid UUID(s)")
    person, is_new = _get_or_make(address, name)
    if is_new and language:
        _set_language(person, language)
    subscribe([person.pk], [one.pk for one in lists], existing=Existing.REJOIN)
    return SignUp(person, is_new, tuple(pending_optins(person)))


def checked_address(email: str) -> str:
    """The address in stored form, accepted by the domain rules of the privacy settings."""
    address = normalise_email(email)
    rules = DomainRules(
        allow=runtime.get("privacy.domain_allowlist"), block=runtime.get("privacy.domain_blocklist")
    )
    rules.check(address)
    return address


def pending_optins(subscriber: Subscriber, list_ids: Collection[int] | None = None) -> Sequence[List]:
    """Active double opt-in lists that the person has not confirmed, among `list_ids` when given."""
    if subscriber.status == Subscriber.Status.BLOCKLISTED:
        return []
    lists = List.objects.filter(
        optin=List.Optin.DOUBLE,
        status=List.Status.ACTIVE,
        subscriptions__subscriber_id=subscriber.pk,
        subscriptions__status=Subscription.Status.UNCONFIRMED,
    ).order_by("pk")
    return list(lists if list_ids is None else lists.filter(pk__in=list_ids))


def send_optin(subscriber: Subscriber, list_ids: Collection[int] | None = None) -> bool:
    """Mail the person a link to confirm pending lists; False when none is pending (contract 5.10).

    Its unsubscribe header covers just these lists.
    """
    pending = pending_optins(subscriber, list_ids)
    if not pending:
        return False
    query = urlencode([("l", one.uuid) for one in pending])
    unsubscribe_url = f"{root_url()}/subscription/{NO_CAMPAIGN}/{subscriber.uuid}"
    headers = [("X-Listmonk-Subscriber", str(subscriber.uuid))]
    if runtime.get("privacy.unsubscribe_header"):
        headers.append(("List-Unsubscribe", f"<{unsubscribe_url}?{query}>"))
        headers.append(("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))
    context = {
        "name": subscriber.name,
        "lists": [
            {"name": one.name, "description": one.description, "is_private": one.type == List.Type.PRIVATE}
            for one in pending
        ],
        "optin_url": f"{root_url()}/subscription/optin/{subscriber.uuid}?{query}",
        "unsubscribe_url": f"{unsubscribe_url}?manage=true&{query}",
    }
    language = mail_language(subscriber)
    send_system_mail("subscriber_optin", subscriber.email, context, language=language, headers=headers)
    return True


def _get_or_make(address: str, name: str) -> tuple[Subscriber, bool]:
    """The person with this address; two callers at once get the same row."""
    made = Subscriber(email=address, name=name)
    Subscriber.objects.bulk_create([made], ignore_conflicts=True)
    person = Subscriber.objects.with_email(address).get()
    return person, person.uuid == made.uuid


def _run(sql: str, **parameters: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.rowcount
