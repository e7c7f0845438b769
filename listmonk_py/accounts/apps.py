from typing import Any

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in
from django.db.models.signals import post_migrate


class AccountsConfig(AppConfig):
    name = "listmonk_py.accounts"
    label = "accounts"

    def ready(self) -> None:
        from . import roles  # models are not loaded before ready()

        post_migrate.connect(roles.ensure_super_admin_role, sender=self, dispatch_uid="super-admin-role")
        user_logged_in.connect(note_sign_in, dispatch_uid="note-sign-in")


def note_sign_in(user: Any, **_: Any) -> None:
    """Keep when somebody last signed in, by whatever way."""
    type(user).objects.filter(pk=user.pk).update(loggedin_at=user.last_login)
