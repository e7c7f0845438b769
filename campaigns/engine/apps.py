from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class EngineConfig(AppConfig):
    name = "campaigns.engine"
    label = "engine"

    def ready(self) -> None:
        from campaigns import removal  # models are loaded now
        from listmonk_py.configuration import periodic

        from . import ledger

        removal.register(ledger.forget)
        periodic.protect("Scan campaigns")
        post_migrate.connect(make_periodic_tasks, sender=self)


def make_periodic_tasks(**_: Any) -> None:
    """The rows that beat goes by."""
    from listmonk_py.configuration import periodic

    periodic.ensure(
        "Scan campaigns",
        "campaigns.engine.tasks.scan_campaigns",
        every_s=1,
        queue="scan",
        expires_s=5,
        protected=True,
    )
    periodic.ensure(
        "Tend the ledger", "campaigns.engine.tasks.tend_ledger", every_s=6 * 3600, queue="default"
    )
