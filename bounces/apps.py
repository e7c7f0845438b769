from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class BouncesConfig(AppConfig):
    name = "bounces"
    label = "bounces"

    def ready(self) -> None:
        from campaigns import analytics as campaign_analytics  # models are not loaded before ready()
        from listmonk_py.configuration import setting_notes

        from . import analytics
        from .mailboxes import checking
        from .sources import anymail  # noqa: F401 - receives Anymail's signal from now on

        campaign_analytics.register("bounces", analytics.bounces)
        setting_notes.register(checking.KEY, checking.note)
        post_migrate.connect(make_periodic_tasks, sender=self)


def make_periodic_tasks(**_: Any) -> None:
    """The rows that beat goes by."""
    from listmonk_py.configuration import periodic  # its models load after this module

    # How often each mailbox is looked into is its own setting; this is how soon that is noticed.
    periodic.ensure(
        "Read bounce mailboxes", "bounces.tasks.scan_mailboxes", every_s=30, queue="jobs", expires_s=25
    )
