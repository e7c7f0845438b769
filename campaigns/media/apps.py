from django.apps import AppConfig


class MediaConfig(AppConfig):
    name = "campaigns.media"
    label = "media"
