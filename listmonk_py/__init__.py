"""The project: settings, routes, Celery and the root application. Knows nothing of newsletters."""

from .celery import app as celery_app

__all__ = ("celery_app",)
