"""The Celery application. A task is a doorbell: the work and its truth are in PostgreSQL."""

import os

from celery import Celery
from celery.signals import setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "listmonk_py.settings")

app = Celery("listmonk_py")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect  # type: ignore[untyped-decorator]
def keep_django_logging(**_: object) -> None:
    """Celery would otherwise replace the handlers that settings.LOGGING names."""
    from logging.config import dictConfig

    from django.conf import settings

    dictConfig(settings.LOGGING)
