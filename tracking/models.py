"""Tracked links, and the events that opens and clicks leave.

`View` and `Click` are partitioned by month (migration 0002) and fed by COPY; Django only maps them.
Each event carries the id and time it was given at the door, so a repeated delivery is one row.
"""

import uuid

from django.db import models
from django.db.models.functions import MD5, Now


class Link(models.Model):
    """A URL that mails link to through us; global and immutable, so that it can be cached anywhere."""

    uuid = models.UUIDField("UUID", default=uuid.uuid4, unique=True, editable=False)
    url = models.TextField("address")
    created_at = models.DateTimeField("first used", db_default=Now(), editable=False)

    class Meta:
        constraints = (
            # By digest: a URL may be longer than a B-tree entry (2,704 bytes).
            models.UniqueConstraint(MD5("url"), name="link_url_is_unique"),
        )

    def __str__(self) -> str:
        return self.url


class Machine(models.IntegerChoices):
    """Why an event is thought to come from a program rather than a person."""

    NONE = 0, "person"
    PREFETCH = 1, "prefetched by a mail proxy"
    SCANNER = 2, "link scanner"
    USER_AGENT = 3, "program by its user agent"
    TOO_SOON = 4, "within a second of delivery"


class View(models.Model):
    """One open of one campaign."""

    pk = models.CompositePrimaryKey("event_id", "created_at")
    event_id = models.UUIDField()
    created_at = models.DateTimeField()
    campaign_id = models.IntegerField()
    subscriber_id = models.BigIntegerField(null=True)
    machine = models.SmallIntegerField(choices=Machine.choices, default=Machine.NONE)

    class Meta:
        managed = False
        db_table = "tracking_view"

    def __str__(self) -> str:
        return f"view of campaign {self.campaign_id}"


class Click(models.Model):
    """One click on one link of one campaign (null: the campaign is gone)."""

    pk = models.CompositePrimaryKey("event_id", "created_at")
    event_id = models.UUIDField()
    created_at = models.DateTimeField()
    campaign_id = models.IntegerField(null=True)
    subscriber_id = models.BigIntegerField(null=True)
    link_id = models.BigIntegerField()
    machine = models.SmallIntegerField(choices=Machine.choices, default=Machine.NONE)

    class Meta:
        managed = False
        db_table = "tracking_click"

    def __str__(self) -> str:
        return f"click on link {self.link_id}"


class CampaignCount(models.Model):
    """Opens and clicks of a campaign, counted as the tracker stores them; pages read these."""

    campaign_id = models.IntegerField(primary_key=True)
    views = models.BigIntegerField(default=0)
    clicks = models.BigIntegerField(default=0)
    machine_views = models.BigIntegerField(default=0)
    machine_clicks = models.BigIntegerField(default=0)

    class Meta:
        db_table = "tracking_campaign_count"

    def __str__(self) -> str:
        return f"{self.views} views, {self.clicks} clicks of campaign {self.campaign_id}"


class DayCount(models.Model):
    """Opens and clicks of all campaigns per day, for the dashboard's charts."""

    day = models.DateField(primary_key=True)
    views = models.BigIntegerField(default=0)
    clicks = models.BigIntegerField(default=0)

    class Meta:
        db_table = "tracking_day_count"

    def __str__(self) -> str:
        return str(self.day)
