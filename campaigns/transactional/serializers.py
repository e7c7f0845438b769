"""A transactional request as the API takes it (contract 3.11)."""

from rest_framework import serializers

from campaigns.serializers import HeadersField, Lenient, LooseString

from .models import TxMessage


class TxIn(Lenient):
    """Field rules only; who may be named together with whom is `accepting.recipients`' matter."""

    subscriber_mode = LooseString(required=False)
    subscriber_email = LooseString(required=False)
    subscriber_emails = serializers.ListField(child=LooseString(), required=False, allow_null=True)
    subscriber_id = serializers.IntegerField(required=False)
    subscriber_ids = serializers.ListField(child=serializers.IntegerField(), required=False, allow_null=True)
    template_id = serializers.IntegerField(required=False, default=0)
    data = serializers.DictField(required=False, allow_null=True)  # type: ignore[assignment]
    from_email = LooseString(required=False)
    subject = LooseString(required=False)
    altbody = LooseString(required=False, allow_null=True)
    headers = HeadersField(required=False, allow_null=True)
    content_type = LooseString(required=False)
    messenger = LooseString(required=False)


def tx_out(message: TxMessage) -> dict[str, object]:
    """One message's status, for `GET /api/tx/:uuid`."""
    return {
        "uuid": message.uuid,
        "request": message.request,
        "email": message.email,
        "subscriber_id": message.subscriber_id,
        "template_id": message.template_id,
        "messenger": message.messenger,
        "status": message.status,
        "code": message.code,
        "text": message.text,
        "attempts": message.attempts,
        "possible_duplicate": message.possible_duplicate,
        "created_at": message.created_at,
        "updated_at": message.updated_at,
    }
