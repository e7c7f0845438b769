from django.apps import AppConfig


class WorkplaceConfig(AppConfig):
    name = "listmonk_py.workplace"
    label = "workplace"
