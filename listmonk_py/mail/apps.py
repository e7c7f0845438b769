from django.apps import AppConfig


class MailConfig(AppConfig):
    name = "listmonk_py.mail"
    label = "mail"
