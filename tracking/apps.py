from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class TrackingConfig(AppConfig):
    name = "tracking"
    label = "tracking"

    def ready(self) -> None:
        post_migrate.connect(make_periodic_tasks, sender=self, dispatch_uid="tracking-periodic-tasks")


def make_periodic_tasks(**_: Any) -> None:
    from listmonk_py.configuration import periodic  # models are loaded now

    periodic.ensure(
        "Make the next months' partitions of opens and clicks",
        "tracking.tasks.make_partitions",
        cron="15 2 * * *",
    )
