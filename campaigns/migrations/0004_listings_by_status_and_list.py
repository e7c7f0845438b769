"""Campaigns of one status or to one list, newest first: pages of the admin."""

import django.db.models.deletion
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # built while the tables are in use

    dependencies = [
        ("campaigns", "0003_campaigns_to_a_segment"),
        ("subscribers", "0007_saved_segments"),
    ]

    operations = [
        AddIndexConcurrently("campaign", models.Index(fields=["status", "id"], name="campaign_status")),
        AddIndexConcurrently(
            "campaignlist", models.Index(fields=["list", "campaign"], name="campaign_of_list")
        ),
        # Its own index is the beginning of the one above.
        migrations.AlterField(
            "campaignlist",
            "list",
            models.ForeignKey(
                null=True,
                db_index=False,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="campaign_lists",
                to="subscribers.list",
            ),
        ),
    ]
