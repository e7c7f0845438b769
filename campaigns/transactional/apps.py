from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate

SCAN = "Send transactional mail that is due"


class TransactionalConfig(AppConfig):
    name = "campaigns.transactional"
    label = "transactional"

    def ready(self) -> None:
        from listmonk_py.configuration import periodic  # models are loaded now

        periodic.protect(SCAN)
        post_migrate.connect(make_periodic_tasks, sender=self)


def make_periodic_tasks(**_: Any) -> None:
    """The scan finds what a lost ring or a killed worker left behind."""
    from listmonk_py.configuration import periodic

    periodic.ensure(
        SCAN,
        "campaigns.transactional.tasks.send_transactional",
        every_s=5,
        queue="transactional",
        expires_s=10,
    )
