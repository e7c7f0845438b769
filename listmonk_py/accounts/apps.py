from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AccountsConfig(AppConfig):
    name = "listmonk_py.accounts"
    label = "accounts"

    def ready(self) -> None:
        from . import roles  # models are not loaded before ready()

        post_migrate.connect(roles.ensure_super_admin_role, sender=self, dispatch_uid="super-admin-role")
