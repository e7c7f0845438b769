"""Making, changing and deleting users: people who sign in, and API users with tokens (contract 3.12)."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator
from django.db import IntegrityError, transaction

from listmonk_py.api.errors import Conflict, DomainError, Missing, NotFound

from . import locale, sessions
from .models import ApiToken, Role, User

MAX_TEXT = 2000
MAX_EMAIL = 1000
USERNAME = re.compile(r"[A-Za-z0-9_.@-]{3,150}")
LAST_SUPER_ADMIN = (
    "There has to be at least one enabled Super Admin. Make another user Super Admin first, then try again."
)
# Staff may have addresses at names without a dot, such as admin@localhost.
_is_email = EmailValidator(allowlist=["localhost", "listmonk"])


def find(pk: int) -> User:
    """The user with what its answer shows, in four queries.

    Raises:
        Missing: there is none.
    """
    user = User.objects.shown().filter(pk=pk).first()
    if user is None:
        raise Missing("User not found")
    return user


@transaction.atomic
def create(fields: Mapping[str, Any]) -> tuple[User, str | None]:
    """Make a user; for an API user also a first token, which can never be read again.

    Args:
        fields: type, username, name, email, password_login, password, user_role_id, list_role_id, status,
            and if wanted language, time_zone.

    Raises:
        DomainError: a field is missing or wrong; the message names it.
        Conflict: the user name or the e-mail address is taken.
    """
    kind = _choice(fields.get("type") or User.Type.USER, User.Type.values, "type")
    user = User(type=kind, password_login=kind == User.Type.API or _bool(fields, "password_login"))
    _fill(user, fields)
    _set_password(user, fields.get("password"), is_new=True)
    _save(user)
    token = ApiToken.issue(user) if user.type == User.Type.API else None
    return find(user.pk), token


@transaction.atomic
def change(pk: int, fields: Mapping[str, Any]) -> User:
    """Change a user; a blank password keeps the old one, another one ends all their sessions.

    Raises:
        NotFound: there is no such user.
        DomainError: a field is wrong, or no enabled Super Admin would be left.
        Conflict: the user name or the e-mail address is taken.
    """
    before = _lock_super_admins()
    user = User.objects.select_for_update(of=("self",)).filter(pk=pk).first()
    if user is None:
        raise NotFound("User not found")
    if user.type == User.Type.USER:
        user.password_login = _bool(fields, "password_login", default=user.password_login)
    _fill(user, fields)
    has_new_password = _set_password(user, fields.get("password"), is_new=False)
    _save(user)
    _refuse_without_super_admin(before)
    if has_new_password or not user.is_active:
        sessions.end_all(user)
    return find(pk)


@transaction.atomic
def delete(pks: Collection[int]) -> int:
    """Delete users, all of them or none; return how many.

    Raises:
        NotFound: one of them does not exist, or none was named.
        DomainError: no enabled Super Admin would be left.
    """
    if not pks:
        raise NotFound("invalid ID: name the users to delete, as in ?id=2&id=3")
    before = _lock_super_admins()
    users = list(User.objects.select_for_update(of=("self",)).filter(pk__in=pks))
    missing = sorted(set(pks) - {user.pk for user in users})
    if missing:
        raise NotFound(f"There is no user {missing[0]}. Nobody was deleted.")
    for user in users:
        sessions.end_all(user)
    User.objects.filter(pk__in=pks).delete()
    _refuse_without_super_admin(before)
    return len(users)


@transaction.atomic
def change_own(user: User, fields: Mapping[str, Any], *, session_key: str | None) -> User:
    """Change one's own name, address, language, time zone and password; a new password ends the other
    sessions.

    Raises:
        DomainError: an API user asked, or a field is wrong.
        Conflict: the e-mail address is taken.
    """
    if user.type != User.Type.USER:
        raise DomainError("Invalid fields: email. API users have no profile to change.")
    user = User.objects.select_for_update(of=("self",)).get(pk=user.pk)
    user.name = _text(fields, "name") or user.name
    email = _email(fields.get("email"))
    locale.fill(user, fields)
    # Without a password the address is what single sign-on knows the person by.
    if user.password_login:
        user.email = email
    has_new_password = _set_password(user, fields.get("password"), is_new=False)
    _save(user)
    if has_new_password:
        sessions.end_all(user, but=session_key)
    return find(user.pk)


def check_password(password: Any, user: User | None = None) -> str:
    """Raises: DomainError when it is no acceptable new password; the message says what to do."""
    if not isinstance(password, str) or len(password) > MAX_TEXT or "\0" in password:
        raise DomainError("Invalid fields: password. It must be text.")
    try:
        password_validation.validate_password(password, user)
    except ValidationError as error:
        raise DomainError(f"Invalid fields: password. {' '.join(error.messages)}") from None
    return password


def _fill(user: User, fields: Mapping[str, Any]) -> None:
    user.username = check_username(fields.get("username"))
    user.name = _text(fields, "name") or user.username
    user.email = None if user.type == User.Type.API else _email(fields.get("email"))
    locale.fill(user, fields)
    user.status = _choice(fields.get("status"), User.Status.values, "status")
    user.user_role = _role(fields.get("user_role_id"), Role.Type.USER, "user_role_id")
    user.list_role = (
        _role(fields["list_role_id"], Role.Type.LIST, "list_role_id") if fields.get("list_role_id") else None
    )


def check_username(name: Any) -> str:
    name = name.strip() if isinstance(name, str) else ""
    if not USERNAME.fullmatch(name):
        raise DomainError("Invalid fields: username. Use 3 to 150 letters, digits and the signs _ - . @")
    return name


def _set_password(user: User, password: Any, *, is_new: bool) -> bool:
    """Whether a password was set. Blank keeps what is there, if there is one."""
    if user.type == User.Type.API or not user.password_login:
        if is_new or not user.password_login:
            user.set_unusable_password()
        return False
    if not password:
        if is_new or not user.has_usable_password():
            raise DomainError("Invalid fields: password. A user with password login needs one.")
        return False
    user.set_password(check_password(password, user))
    return True


def _save(user: User) -> None:
    taken = User.objects.exclude(pk=user.pk)
    if taken.filter(username=user.username).exists():
        raise Conflict(f"There is already a user called {user.username}.")
    if user.email and taken.filter(email__iexact=user.email).exists():
        raise Conflict(f"There is already a user with the address {user.email}.")
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError:  # another request took it between the question and the write
        raise Conflict("There is already a user with this name or address.") from None


def _lock_super_admins() -> int:
    """How many there are now; until the transaction ends nobody else can change that."""
    return len(User.objects.super_admins().select_for_update(of=("self",)).order_by("pk"))


def _refuse_without_super_admin(before: int) -> None:
    if before and not User.objects.super_admins().exists():
        raise DomainError(LAST_SUPER_ADMIN)


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise DomainError(f"Invalid fields: {name}. It must be text of at most {MAX_TEXT} characters.")
    return value.strip()


def _bool(fields: Mapping[str, Any], name: str, *, default: bool = False) -> bool:
    value = fields.get(name, default)
    if not isinstance(value, bool):
        raise DomainError(f"Invalid fields: {name} must be true or false.")
    return value


def _choice(value: Any, choices: Collection[str], name: str) -> str:
    if value not in choices:
        raise DomainError(f"Invalid fields: {name} must be one of: {', '.join(choices)}.")
    return str(value)


def _email(value: Any) -> str:
    email = value.strip().lower() if isinstance(value, str) else ""
    try:
        _is_email(email)
    except ValidationError:
        raise DomainError("Invalid fields: email. Give a complete e-mail address.") from None
    if len(email) > MAX_EMAIL:
        raise DomainError(f"Invalid fields: email. It has more than {MAX_EMAIL} characters.")
    return email


def _role(pk: Any, kind: Role.Type, name: str) -> Role:
    is_number = isinstance(pk, int) and not isinstance(pk, bool) and 0 < pk < 2**31
    role = Role.objects.filter(pk=pk, type=kind).first() if is_number else None
    if role is None:
        raise DomainError(f"Invalid fields: {name}. There is no such {kind} role.")
    return role
