"""Campaigns and templates as the API shows and takes them (contract 3.2, 3.7, 3.8)."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from .models import Campaign, Template


class LooseString(serializers.CharField):
    """Text as sent: untrimmed, may be blank. Numbers are not text, as in Go."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("allow_blank", True)
        options.setdefault("trim_whitespace", False)
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class StrictBool(serializers.BooleanField):
    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class HeadersField(serializers.ListField):
    """`[{"X-One": "1"}, ...]`."""

    child = serializers.DictField(child=LooseString())


class Lenient(serializers.Serializer[Any]):
    """A JSON object where null stands for "not given", except in fields that can be null.

    Clients send every field they know, most of them null; Go leaves such a field as it was.
    """

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            fields = self.fields
            data = {
                key: value
                for key, value in data.items()
                if value is not None or key not in fields or fields[key].allow_null
            }
        return super().to_internal_value(data)


class CampaignIn(Lenient):
    """What POST and PUT take; `writing.py` decides what is required and what a missing field means."""

    name = LooseString(required=False)
    subject = LooseString(required=False)
    lists = serializers.ListField(child=serializers.IntegerField(), required=False, allow_null=True)
    from_email = LooseString(required=False)
    type = LooseString(required=False)
    content_type = LooseString(required=False)
    body = LooseString(required=False)
    body_source = LooseString(required=False, allow_null=True)
    altbody = LooseString(required=False, allow_null=True)
    auto_altbody = StrictBool(required=False)
    send_at = serializers.DateTimeField(required=False, allow_null=True)
    messenger = LooseString(required=False)
    template_id = serializers.IntegerField(required=False, allow_null=True)
    tags = serializers.ListField(child=LooseString(), required=False, allow_null=True)
    headers = HeadersField(required=False, allow_null=True)
    attribs = serializers.DictField(required=False, allow_null=True)
    media = serializers.ListField(child=serializers.IntegerField(), required=False, allow_null=True)
    archive = StrictBool(required=False)
    archive_slug = LooseString(required=False, allow_null=True)
    archive_template_id = serializers.IntegerField(required=False, allow_null=True)
    archive_meta = serializers.DictField(required=False, allow_null=True)
    rate = serializers.FloatField(required=False, allow_null=True, min_value=0)
    sliding_window_rate = serializers.IntegerField(
        required=False, allow_null=True, min_value=0, max_value=1_000_000_000
    )
    sliding_window_duration = LooseString(required=False, allow_null=True)
    segment_id = serializers.IntegerField(required=False, allow_null=True)


class PaceIn(Lenient):
    rate = serializers.FloatField(required=False, allow_null=True, min_value=0)
    sliding_window_rate = serializers.IntegerField(
        required=False, allow_null=True, min_value=0, max_value=1_000_000_000
    )
    sliding_window_duration = LooseString(required=False, allow_null=True)


class CampaignTestIn(CampaignIn):
    subscribers = serializers.ListField(child=LooseString(), required=False)


class ArchiveIn(Lenient):
    archive = StrictBool(required=False, default=False)
    archive_template_id = serializers.IntegerField(required=False, allow_null=True)
    archive_meta = serializers.DictField(required=False, allow_null=True)
    archive_slug = LooseString(required=False, allow_null=True)


class TemplateIn(Lenient):
    name = LooseString(required=False)
    type = LooseString(required=False)
    subject = LooseString(required=False)
    body = LooseString(required=False)
    body_source = LooseString(required=False, allow_null=True)


def campaign_out(
    campaign: Campaign, counts: dict[str, int] | None = None, *, body: bool = True
) -> dict[str, Any]:
    """One campaign. `counts` has its views and clicks; lists and media must be prefetched."""
    counts = counts or {}
    return {
        "id": campaign.pk,
        "created_at": campaign.created_at,
        "updated_at": campaign.updated_at,
        "views": counts.get("views", 0),
        "clicks": counts.get("clicks", 0),
        "bounces": campaign.bounces,
        "lists": [{"id": row.list_id, "name": row.list_name} for row in campaign.campaign_lists.all()],
        "media": [{"id": row.media_id, "filename": row.filename} for row in campaign.campaign_media.all()],
        "started_at": campaign.started_at,
        "to_send": campaign.to_send,
        "sent": campaign.sent,
        "uuid": campaign.uuid,
        "type": campaign.type,
        "name": campaign.name,
        "subject": campaign.subject,
        "from_email": campaign.from_email,
        "body": campaign.body if body else "",
        "body_source": campaign.body_source,
        "altbody": campaign.altbody,
        "send_at": campaign.send_at,
        "status": campaign.status,
        "content_type": campaign.content_type,
        "tags": campaign.tags,
        "headers": campaign.headers,
        "attribs": campaign.attribs,
        "template_id": campaign.template_id,
        "messenger": campaign.messenger,
        "archive": campaign.archive,
        "archive_slug": campaign.archive_slug,
        "archive_template_id": campaign.archive_template_id,
        "archive_meta": campaign.archive_meta,
        **_ours(campaign),
    }


def _ours(campaign: Campaign) -> dict[str, Any]:
    """Fields that listmonk has not: the accounting, why the engine stopped, and the segment."""
    return {
        "to_send_exact": campaign.to_send_exact,
        "deferred": campaign.deferred,
        "failed": campaign.failed,
        "skipped": campaign.skipped,
        "unknown": campaign.unknown,
        "status_reason": campaign.status_reason,
        "finished_at": campaign.finished_at,
        "rate": campaign.rate,
        "sliding_window_rate": campaign.sliding_window_rate,
        "sliding_window_duration": campaign.sliding_window_duration,
        "segment_id": campaign.segment_id,
        "segment_name": campaign.segment_name,
        "auto_altbody": campaign.auto_altbody,
        "version": campaign.version,
    }


def template_out(template: Template, *, body: bool = True) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": template.pk,
        "created_at": template.created_at,
        "updated_at": template.updated_at,
        "name": template.name,
        "subject": template.subject,
        "type": template.type,
        "body": template.body,
        "body_source": template.body_source,
        "is_default": template.is_default,
    }
    if not body or not template.body:
        del shown["body"]
    return shown
