"""Indexes for listings by name and by status."""

import django.db.models.functions.text
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("subscribers", "0003_counts_kept_by_triggers")]

    operations = [
        migrations.RemoveIndex(model_name="subscriber", name="subscriber_not_enabled"),
        migrations.AddIndex(
            model_name="subscriber", index=models.Index(fields=["status", "id"], name="subscriber_status")
        ),
        migrations.AddIndex(
            model_name="subscriber",
            index=models.Index(
                django.db.models.functions.text.Left(django.db.models.functions.text.Lower("name"), 60),
                models.F("id"),
                name="subscriber_name",
            ),
        ),
    ]
