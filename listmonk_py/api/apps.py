from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "listmonk_py.api"
    label = "api"
