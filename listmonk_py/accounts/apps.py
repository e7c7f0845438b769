from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "listmonk_py.accounts"
    label = "accounts"
