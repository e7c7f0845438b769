"""Uploaded files, and which campaigns attach them."""

import uuid
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models.functions import Now

if TYPE_CHECKING:
    from listmonk_py.accounts.models import User


class MediaQuerySet(models.QuerySet["Media"]):
    def visible_to(self, user: "User") -> Self:
        return self if user.may("media:get", "media:manage") else self.none()

    def called(self, name: str, *, prefer: str) -> "Media | None":
        """The file, or the one with the thumbnail, of this name; that of the provider `prefer` when two have it."""
        for rows in (self.filter(filename=name), self.filter(thumb=name)):
            found: list[Media] = list(rows[:2])
            if found:
                return next((one for one in found if one.provider == prefer), found[0])
        return None


class Media(models.Model):
    """One uploaded file. `filename` is ours (sanitised, unique); `content_type` is from its content."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    provider = models.TextField(default="filesystem")
    filename = models.TextField("file name")
    content_type = models.TextField("type", default="application/octet-stream")
    thumb = models.TextField("thumbnail", blank=True, default="")
    meta = models.JSONField("details", default=dict, blank=True)
    size_bytes = models.BigIntegerField("size in bytes", default=0)
    created_at = models.DateTimeField("uploaded", db_default=Now(), editable=False)

    objects = MediaQuerySet.as_manager()

    class Meta:
        verbose_name = "file"
        ordering = ("-created_at", "-id")
        verbose_name_plural = "media"
        constraints = (
            # Also serves look-ups by name: inline images, served files.
            models.UniqueConstraint(
                fields=("provider", "filename"), name="media_name_is_unique_per_provider"
            ),
        )

    def __str__(self) -> str:
        return self.filename


class CampaignMedia(models.Model):
    """A file attached to a campaign; the name stays when the file is deleted."""

    campaign = models.ForeignKey(
        "campaigns.Campaign", on_delete=models.CASCADE, related_name="campaign_media"
    )
    media = models.ForeignKey(Media, null=True, on_delete=models.SET_NULL, related_name="campaign_media")
    filename = models.TextField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("campaign", "media"), name="a_file_once_per_campaign"),
        )

    def __str__(self) -> str:
        return self.filename
