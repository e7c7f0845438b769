"""Moving every stored secret to the newest encryption key, so that older keys can be thrown away."""

from allauth.mfa.models import Authenticator
from django.db import transaction

from . import secrets
from .models import Setting, SettingsVersion
from .registry import FIELDS


@transaction.atomic
def rotate() -> int:
    """Encrypt all secrets with the first of SETTINGS_KEYS; return how many rows changed.

    What no key decrypts is left as it is: `secrets.decrypt` has told the log about it, and the key may
    still be found.
    """
    SettingsVersion.objects.get_or_create(pk=1)
    SettingsVersion.objects.select_for_update().get(pk=1)
    return _settings() + _authenticators()


def _moved(stored: str) -> str:
    if not stored.startswith(secrets.PREFIX):
        return secrets.encrypt(stored)
    plain = secrets.decrypt(stored)
    return secrets.encrypt(plain) if plain else stored


def _settings() -> int:
    changed = 0
    for setting in Setting.objects.select_for_update().filter(key__in=FIELDS):
        moved = secrets.apply(FIELDS[setting.key], setting.value, _moved)
        if moved != setting.value:
            Setting.objects.filter(pk=setting.pk).update(value=moved)
            changed += 1
    return changed


def _authenticators() -> int:
    """Keys of authenticator apps, and the seeds of recovery codes."""
    changed = 0
    for one in Authenticator.objects.select_for_update().exclude(type=Authenticator.Type.WEBAUTHN):
        data = dict(one.data)
        for name in ("secret", "seed"):
            if isinstance(data.get(name), str) and data[name]:
                data[name] = _moved(data[name])
        if data != one.data:
            Authenticator.objects.filter(pk=one.pk).update(data=data)
            changed += 1
    return changed
