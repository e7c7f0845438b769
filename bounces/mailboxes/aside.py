"""Mails that nobody could read, kept where staff can see them instead of in the way of the others."""

import hashlib
import logging
from datetime import timedelta
from email import message_from_bytes

from django.utils import timezone

from bounces.events import storable
from bounces.models import AsideMail
from bounces.returned import parts

from .box import Box

logger = logging.getLogger(__name__)

KEPT_BYTES = 64 * 1024
KEPT_FOR = timedelta(days=30)
KEPT_MOST = 2000


def keep(box: Box, content: bytes, why: str) -> None:
    """Keep the mail's beginning. Once: the same mail again is neither stored nor logged again."""
    _, is_new = AsideMail.objects.get_or_create(
        mailbox=box.key,
        digest=hashlib.sha256(content).hexdigest(),
        defaults={
            "host": box.host,
            "sender": _header(content, "From"),
            "subject": _header(content, "Subject"),
            "reason": storable(why),
            "content": content[:KEPT_BYTES],
        },
    )
    if is_new:
        logger.warning("A mail in %s was not understood and is kept for staff: %s", box.host, why)


def _header(content: bytes, name: str) -> str:
    try:
        return str(storable(parts.header(message_from_bytes(content[:KEPT_BYTES]), name)))
    except Exception:  # that it breaks the parser may be why it is here
        return ""


def forget_old() -> None:
    """Delete what is older than KEPT_FOR, and the oldest beyond KEPT_MOST."""
    AsideMail.objects.filter(created_at__lt=timezone.now() - KEPT_FOR).delete()
    beyond = AsideMail.objects.order_by("-id").values_list("pk", flat=True)[KEPT_MOST : KEPT_MOST + 1].first()
    if beyond is not None:
        AsideMail.objects.filter(pk__lte=beyond).delete()
