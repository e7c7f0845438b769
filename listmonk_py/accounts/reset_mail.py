"""The mail with the link to set a new password."""

from django.utils.module_loading import import_string

from listmonk_py.configuration import runtime

from .models import User


def send(user: User, url: str) -> None:
    """Send `url` to the user's address."""
    send_system_mail = import_string("listmonk_py.mail.system.send_system_mail")
    context = {"name": user.name, "url": url, "site_name": runtime.get("app.site_name"), "minutes": 30}
    send_system_mail("forgot_password", user.email, context)
