"""A campaign's batches in order of their ids: a page of the admin. Still leads with campaign and state."""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # built while the table is in use

    dependencies = [("engine", "0003_runs")]

    operations = [
        AddIndexConcurrently(
            "batch", models.Index(fields=["campaign", "state", "id"], name="batch_campaign_state")
        ),
        RemoveIndexConcurrently("batch", "batch_campaign"),
    ]
