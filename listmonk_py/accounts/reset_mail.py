"""The mail with the link to set a new password; it goes through the outbox of system mails."""

from listmonk_py.mail.system import send_system_mail

from .models import User


def send(user: User, url: str, *, minutes: int) -> None:
    """Send `url`, which is good for `minutes`, to the user's address."""
    send_system_mail("forgot_password", user.email or "", {"name": user.name, "url": url, "minutes": minutes})
