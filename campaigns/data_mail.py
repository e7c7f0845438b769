"""Mailing people what is stored about them, because they asked on the public page."""

import orjson

from listmonk_py.api.errors import DomainError
from listmonk_py.mail.outgoing import Attachment
from listmonk_py.mail.system import send_system_mail
from subscribers.models import Subscriber
from subscribers.reader_language import mail_language
from subscribers.sign_up_guard import within_limit

from .personal_data import personal_data

MAILS, WINDOW_S = 5, 3600


def send(person: Subscriber) -> None:
    """Send `data.json` to the person's address.

    Raises:
        DomainError: it was asked for too often; a stranger with an old mail must not flood a mailbox.
    """
    if not within_limit(f"data-mail:{person.pk}", MAILS, WINDOW_S):
        raise DomainError(
            "Your data was sent to you already. Please look into your mailbox.",
            text_key="page.data.sentTooOften",
        )
    content = orjson.dumps(personal_data(person), option=orjson.OPT_INDENT_2)
    file = Attachment("data.json", content, "application/json")
    language = mail_language(person)
    context = {"name": person.name}
    send_system_mail("subscriber_data", person.email, context, language=language, attachments=[file])
