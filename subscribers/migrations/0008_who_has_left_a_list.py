"""Subscriptions that ended, by list: a page of the admin. Few rows of a large table, so a partial index."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # built while the table is in use

    dependencies = [("subscribers", "0007_saved_segments")]

    operations = [
        AddIndexConcurrently(
            "subscription",
            models.Index(
                fields=["list", "subscriber"],
                name="subscription_left",
                condition=models.Q(status="unsubscribed"),
            ),
        )
    ]
