from django.apps import AppConfig


class ArchiveConfig(AppConfig):
    name = "campaigns.archive"
    label = "archive"
