from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class WorkplaceConfig(AppConfig):
    name = "listmonk_py.workplace"
    label = "workplace"

    def ready(self) -> None:
        post_migrate.connect(make_periodic_tasks, sender=self, dispatch_uid="workplace-periodic-tasks")


def make_periodic_tasks(**_: Any) -> None:
    from listmonk_py.configuration import periodic  # models are not loaded when this module is

    task = "listmonk_py.workplace.tasks."
    periodic.ensure(
        "Vacuum the database when it is due", task + "vacuum_if_due", cron="* * * * *", expires_s=50
    )
    periodic.ensure("Forget expired sessions", task + "forget_expired_sessions", cron="40 3 * * *")
