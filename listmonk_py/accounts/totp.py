"""The authenticator app over the API; kept where django-allauth keeps it, so both see the same.

Source: RFC 6238 (SHA-1, 6 digits, 30 seconds), contract 10.1.
"""

import base64
import io

import qrcode
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret, validate_totp_code
from django.contrib.auth.hashers import check_password
from django.db import IntegrityError, transaction

from listmonk_py.api.errors import DomainError, Forbidden

from .attempts import Limit
from .models import User

QR_SIZE_PX = 200

_guesses = Limit("totp-api", most=15, window_s=300)


def is_on(user: User) -> bool:
    return Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists()


def offer(user: User) -> dict[str, str]:
    """A new secret, and its QR code as base64 PNG; nothing is kept until `switch_on`.

    Raises:
        DomainError: it is on already, or the user has no password.
    """
    _refuse_without_password(user)
    if is_on(user):
        raise DomainError("Two-factor authentication is on already. Switch it off first.")
    secret = generate_totp_secret()
    return {"secret": secret, "qr": _png(get_adapter().build_totp_url(user, secret))}


def _png(text: str) -> str:
    image = qrcode.make(text, border=2).get_image().resize((QR_SIZE_PX, QR_SIZE_PX))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


@transaction.atomic
def switch_on(user: User, secret: str, code: str) -> None:
    """Keep the secret, once a code shows that the app has it; recovery codes are made with it.

    Raises:
        DomainError: it is on already, the secret is not one, or the code is wrong.
    """
    _refuse_without_password(user)
    if is_on(user):
        raise DomainError("Two-factor authentication is on already. Switch it off first.")
    if not _is_secret(secret):
        raise DomainError("Invalid fields: secret. Ask for a new one.")
    _guesses.refuse(f"user:{user.pk}")
    _guesses.count(f"user:{user.pk}")
    if not (code.isascii() and code.isdigit() and validate_totp_code(secret, code)):
        raise DomainError("The code is wrong. Enter the one that the app shows now.")
    try:
        with transaction.atomic():
            TOTP.activate(user, secret)
    except IntegrityError:
        raise DomainError("Two-factor authentication is on already. Switch it off first.") from None
    RecoveryCodes.activate(user)


def switch_off(user: User, password: str) -> None:
    """Forget the secret, and the recovery codes when no other factor is left.

    Raises:
        Forbidden: the password is wrong.
    """
    _refuse_without_password(user)
    _guesses.refuse(f"user:{user.pk}")
    if not check_password(password, user.password):
        _guesses.count(f"user:{user.pk}")
        raise Forbidden("Invalid password")
    with transaction.atomic():
        Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).delete()
        if not Authenticator.objects.filter(user=user, type=Authenticator.Type.WEBAUTHN).exists():
            Authenticator.objects.filter(user=user).delete()


def _refuse_without_password(user: User) -> None:
    if user.type != User.Type.USER or not user.password_login:
        raise DomainError("Only users who sign in with a password have two-factor authentication.")


def _is_secret(text: str) -> bool:
    try:
        return 10 <= len(base64.b32decode(text.encode("ascii"), casefold=True)) <= 64
    except (ValueError, UnicodeEncodeError):
        return False
