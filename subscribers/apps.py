from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class SubscribersConfig(AppConfig):
    name = "subscribers"
    label = "subscribers"

    def ready(self) -> None:
        post_migrate.connect(make_periodic_tasks, sender=self)


def make_periodic_tasks(**_: Any) -> None:
    """The rows that beat goes by."""
    from listmonk_py.configuration import periodic  # its models load after this module

    periodic.ensure(
        "Take up imports again", "subscribers.tasks.scan_imports", every_s=30, queue="jobs", expires_s=25
    )
    periodic.ensure(
        "Add up counts of people", "subscribers.tasks.compact_counts", every_s=60, queue="jobs", expires_s=50
    )
