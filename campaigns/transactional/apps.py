from django.apps import AppConfig


class TransactionalConfig(AppConfig):
    name = "campaigns.transactional"
    label = "transactional"
