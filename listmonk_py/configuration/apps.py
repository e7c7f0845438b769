from django.apps import AppConfig


class ConfigurationConfig(AppConfig):
    name = "listmonk_py.configuration"
    label = "configuration"
