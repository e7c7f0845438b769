"""Bounces of one type or one source, newest first: pages of the admin."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # built while the table is in use

    dependencies = [("bounces", "0004_campaigns_count_their_bounces")]

    operations = [
        AddIndexConcurrently("bounce", models.Index(fields=["type", "id"], name="bounce_type_id")),
        AddIndexConcurrently("bounce", models.Index(fields=["source", "id"], name="bounce_source_id")),
    ]
