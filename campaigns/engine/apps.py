from django.apps import AppConfig


class EngineConfig(AppConfig):
    name = "campaigns.engine"
    label = "engine"
