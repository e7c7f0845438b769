from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate

SCAN = "Send the product's own mails that are due"


class MailConfig(AppConfig):
    name = "listmonk_py.mail"
    label = "mail"

    def ready(self) -> None:
        from listmonk_py.configuration import periodic  # models are loaded now

        periodic.protect(SCAN)
        post_migrate.connect(make_periodic_tasks, sender=self, dispatch_uid="mail-periodic-tasks")


def make_periodic_tasks(**_: Any) -> None:
    """The scan finds what a lost ring or a killed worker left behind."""
    from listmonk_py.configuration import periodic

    task = "listmonk_py.mail.tasks."
    periodic.ensure(SCAN, task + "send_system_mails", every_s=30, queue="transactional", expires_s=30)
    periodic.ensure(
        "Forget the product's own mails of long ago", task + "forget_old_system_mails", cron="25 3 * * *"
    )
